//! Sets the `SONAME` of the shared library, which programs are linked with. Its number changes when the ABI changes.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libctx_key.so.0");
    }
}
