//! Runs each hot path of the library, and its floor, where callgrind counts. `cargo xtask instructions` reads the counts.
//!
//! Prints a line for each path in the order in which they are counted: its name and its floor's.

mod counter;
mod paths;
mod text;

fn main() {
    paths::each(&mut |name, floor, path| {
        path();
        println!("{name} {floor}");
        counted(path);
        counted(path);
    });
}

/// Where callgrind counts, one call at a time. Each path is called twice, for whoever compares the counts.
#[inline(never)]
fn counted(path: &mut dyn FnMut()) {
    path();
}
