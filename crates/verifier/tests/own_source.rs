//! The example `own_source` runs.

#[path = "../examples/own_source.rs"]
mod own_source;

#[test]
fn the_example_runs() {
    own_source::main().unwrap();
}
