//! The example of a source of one's own runs.

#[path = "../examples/own_source.rs"]
mod own_source;

#[test]
fn the_example_runs() {
    own_source::main().unwrap();
}
