//! The workflows of GitHub Actions agree with the steps and the manifests. `rules/check ci` lints them.

use std::fs;

use crate::{ci, tree};

fn workflow(name: &str) -> String {
    fs::read_to_string(tree::root().join(".github/workflows").join(name)).unwrap()
}

/// Returns the items of a list with one plain word or more on each line, below a line of this key.
fn list<'a>(workflow: &'a str, key: &str) -> Vec<&'a str> {
    let (_, rest) = workflow.split_once(&format!("\n{key}:\n")).unwrap_or_else(|| panic!("no {key}"));
    let indent = key.len() - key.trim_start().len() + 2;
    let item = format!("{:indent$}- ", "");
    rest.lines().map_while(|line| line.strip_prefix(&item)).collect()
}

#[test]
fn each_step_is_one_job() {
    let workflow = workflow("ci.yml");
    let mut steps: Vec<_> = ci::STEPS.iter().map(|step| step.name).collect();
    let mut jobs = list(&workflow, "        step");
    steps.sort_unstable();
    jobs.sort_unstable();
    assert_eq!(jobs, steps);
    let call = "      - run: cargo xtask ci \"$STEP\"\n        env:\n          STEP: ${{ matrix.step }}\n";
    assert_eq!(
        workflow.matches("cargo xtask ci").count(),
        workflow.matches(call).count() + 1,
        "the head names it too"
    );
    assert_eq!(workflow.matches(call).count(), 1);
}
