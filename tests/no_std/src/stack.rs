//! Measures how much stack a check and a generation use, on x86-64. Each runs on its own stack, which was filled with one
//! byte value before. Bytes that then have another value were used. The program prints their number, and exits with 1 if it
//! exceeds [`LIMIT`].

#![no_std]
#![no_main]

mod random;
mod stream;

use core::arch::asm;
use core::cell::UnsafeCell;
use core::ffi::{c_char, c_int};
use core::fmt::Write;
use core::hint::black_box;
use core::panic::PanicInfo;

use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime, bearer};

use random::PredictableTestRng;
use stream::{OUTPUT, Stream};

/// Maximum number of bytes that a call may use. The README of this folder has the measured numbers.
const LIMIT: usize = 1536;

// SAFETY: this is the signature of C11 §7.22.4.1, and `abort` has no arguments.
unsafe extern "C" {
    safe fn abort() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    abort()
}

/// The function that libc's start-up code calls.
// SAFETY: nothing else in this program has the name `main`, and this is the signature that C gives it.
#[unsafe(no_mangle)]
extern "C" fn main(_count: c_int, _arguments: *const *const c_char) -> c_int {
    let header = *b"Bearer ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";
    let Ok(key) = bearer::parse([header]) else { return 1 };
    let case = Case { header: black_box(&header), record: KeyRecord::new(&key, "demo", Scope::READ) };

    let calls: [(&str, Call); 3] =
        [("text to grant", text_to_grant), ("header to grant", header_to_grant), ("generate", generate)];
    let within = calls.map(|(name, call)| {
        let (stack, succeeded) = STACK.depth(call, &case);
        let verdict = if stack > LIMIT { ", too much" } else { "" };
        let written = writeln!(Stream(OUTPUT), "{name}: {stack} bytes{verdict}");
        written.is_ok() && succeeded && stack <= LIMIT
    });
    c_int::from(within.contains(&false))
}

/// A function that runs on the measured stack. It returns whether it succeeded.
type Call = extern "C" fn(&Case<'_>) -> bool;

struct Case<'h> {
    header: &'h [u8; 59],
    record: KeyRecord<&'static str>,
}

const NOW: UnixTime = UnixTime::from_secs(1_767_225_600);

extern "C" fn text_to_grant(case: &Case<'_>) -> bool {
    #[cfg(planted = "buffer")]
    black_box([0_u8; 4096]);
    let [_, _, _, _, _, _, _, text @ ..] = case.header;
    ApiKey::parse(text).is_ok_and(|key| black_box(case.record.verify(&key, NOW)).is_ok())
}

extern "C" fn header_to_grant(case: &Case<'_>) -> bool {
    bearer::parse([case.header]).is_ok_and(|key| black_box(case.record.verify(&key, NOW)).is_ok())
}

extern "C" fn generate(case: &Case<'_>) -> bool {
    let mut rng = PredictableTestRng(black_box(0));
    *black_box(&ApiKey::generate_from_rng(&mut rng)).digest() != case.record.digest
}

/// Memory for a stack.
#[repr(align(16))]
struct Painted(UnsafeCell<[u8; 65_536]>);

// SAFETY: this program has one thread.
unsafe impl Sync for Painted {}

static STACK: Painted = Painted(UnsafeCell::new([0; 65_536]));

/// Byte that fills the stack. A call is unlikely to write it last.
const PAINT: u8 = 0xa5;

impl Painted {
    /// Returns the number of bytes of this stack that a call uses, with its return address, and the result of the call.
    fn depth(&self, call: Call, case: &Case<'_>) -> (usize, bool) {
        // SAFETY: nothing else borrows the memory, because this program has one thread and this function is not recursive.
        let stack = unsafe { &mut *self.0.get() };
        stack.fill(PAINT);
        let succeeded: u64;
        // SAFETY: the stack pointer is saved in a register that calls preserve, and restored. The other stack is aligned,
        // borrowed mutably, and large enough for the call, as its unused bytes show.
        unsafe {
            asm!(
                "xchg rsp, r12",
                "call {call}",
                "mov rsp, r12",
                call = in(reg) call,
                in("rdi") case,
                inout("r12") stack.as_mut_ptr_range().end => _,
                lateout("rax") succeeded,
                clobber_abi("C"),
            );
        }
        let unused = stack.iter().take_while(|byte| **byte == PAINT).count();
        (stack.len() - unused, succeeded & 0xff == 1)
    }
}
