//! Compiles valgrind's client requests.

fn main() {
    println!("cargo::rerun-if-changed=src/memcheck/requests.c");
    cc::Build::new().file("src/memcheck/requests.c").compile("requests");
}
