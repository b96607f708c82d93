//! Runs each hot path of the library and its floor in a function that callgrind counts. `cargo xtask instructions` reads the
//! counts.
//!
//! Prints a line for each path, in the order of the counts: the name of the path and the name of its floor.

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

/// The function that callgrind counts, one call at a time. Each path is called twice, so that the two counts can be compared.
#[inline(never)]
fn counted(path: &mut dyn FnMut()) {
    path();
}
