//! The panic handler: ends the process, or traps in WebAssembly. No function of the optimised libraries reaches it.

use core::panic::PanicInfo;

// SAFETY: this is the signature of `abort` in C.
#[cfg(not(target_family = "wasm"))]
unsafe extern "C" {
    safe fn abort() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    #[cfg(not(target_family = "wasm"))]
    abort();
    #[cfg(target_family = "wasm")]
    core::arch::wasm32::unreachable()
}
