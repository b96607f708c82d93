//! Measures how much stack a check and a generation take, on x86-64: each runs on a stack of its own that was painted,
//! and what is not painted any more was used. Prints the bytes, and exits with 1 where they are more than [`LIMIT`].

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

/// What no call may exceed, in bytes; the README of this folder has what was measured.
const LIMIT: usize = 1536;

// SAFETY: this is the signature of C11 §7.22.4.1; `abort` takes nothing that could be wrong.
unsafe extern "C" {
    safe fn abort() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    abort()
}

/// What the start-up code of libc calls.
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
        let told = writeln!(Stream(OUTPUT), "{name}: {stack} bytes{verdict}");
        told.is_ok() && succeeded && stack <= LIMIT
    });
    c_int::from(within.contains(&false))
}

/// What is called on the other stack; says whether it did what it is measured for.
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

/// No value that is likely where a call stops writing.
const PAINT: u8 = 0xa5;

impl Painted {
    /// How many bytes of this stack a call uses, return address included, and what it returns.
    fn depth(&self, call: Call, case: &Case<'_>) -> (usize, bool) {
        // SAFETY: nothing else borrows the memory, as this program has one thread and this function calls nothing that
        // gets here again.
        let stack = unsafe { &mut *self.0.get() };
        stack.fill(PAINT);
        let succeeded: u64;
        // SAFETY: the stack pointer waits in a register that calls preserve, and is put back; the other stack is
        // aligned, ours to write, and large enough for what is called (the paint that is left shows it).
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
