//! Tests that the workflows of GitHub Actions agree with the steps and the manifests. `rules/check ci` lints the workflows.

use std::fs;

use crate::{ci, tree};

fn workflow(name: &str) -> String {
    fs::read_to_string(tree::root().join(".github/workflows").join(name)).unwrap()
}

/// Returns the items of the list below the line with this key.
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
        "the comment at the head names the command once more"
    );
    assert_eq!(workflow.matches(call).count(), 1);
}

#[test]
fn each_package_builds_with_the_oldest_rust_that_it_promises() {
    let workflow = workflow("ci.yml");
    let rows = workflow.lines().filter_map(|line| line.trim().strip_prefix("- {rust: \"")?.strip_suffix('}'));
    let mut built = 0;
    for (rust, packages) in rows.map(|row| row.split_once("\", packages: ").unwrap()) {
        for package in packages.split(' ') {
            let folder = package.strip_prefix("ctx-key").unwrap().replacen('-', "crates/", 1);
            let manifest = fs::read_to_string(tree::root().join(folder).join("Cargo.toml")).unwrap();
            assert!(manifest.contains(&format!("\nrust-version = \"{rust}\"\n")), "{package} and {rust}");
            built += 1;
        }
    }
    assert_eq!(built, 5, "the library, and four packages in crates/");
}
