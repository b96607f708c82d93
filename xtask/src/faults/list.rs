//! Reads a list of faults from its file, and finds its package.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use xshell::{Shell, cmd};

use crate::tree;

const FOLDER: &str = "xtask/faults";

/// A list of faults. The [module](super) describes the fields.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    pub package: String,
    pub tests: String,
    #[serde(default)]
    pub skip: Vec<String>,
    #[serde(default)]
    pub commands: BTreeMap<String, String>,
    #[serde(default, rename = "rewrite")]
    pub rewrites: Vec<Rewrite>,
    #[serde(rename = "fault")]
    pub faults: Vec<Fault>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rewrite {
    pub file: String,
    pub old: String,
    pub new: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    pub name: String,
    pub file: String,
    pub old: String,
    pub new: String,
    pub after: Option<String>,
    #[serde(default)]
    pub checks: Vec<String>,
    pub equivalent: Option<String>,
}

/// Returns the names of all lists.
pub fn names() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(tree::root().join(FOLDER))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let name = path.file_stem().context("a path has no file name")?;
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

impl List {
    pub fn read(name: &str) -> Result<Self> {
        let file = format!("{FOLDER}/{name}.toml");
        let text =
            fs::read_to_string(tree::root().join(&file)).with_context(|| format!("cannot read {file}"))?;
        let list: Self = toml::from_str(&text).with_context(|| format!("{file} is not a list of faults"))?;
        let mut names = BTreeSet::new();
        for fault in &list.faults {
            ensure!(names.insert(&fault.name), "{file}: two faults have the name {:?}", fault.name);
        }
        Ok(list)
    }

    /// Returns the faults with these names, or all faults if there are no names. Each has its number in the list.
    pub fn chosen(&self, names: &[String]) -> Result<Vec<(usize, &Fault)>> {
        for name in names {
            let is_listed = self.faults.iter().any(|fault| fault.name == *name);
            ensure!(is_listed, "no fault of {} has the name {name:?}", self.package);
        }
        let is_chosen = |fault: &Fault| names.is_empty() || names.contains(&fault.name);
        Ok(self.faults.iter().enumerate().filter(|(_, fault)| is_chosen(fault)).collect())
    }

    /// Looks up the package in the workspace.
    pub fn package(&self, sh: &Shell) -> Result<Package> {
        let metadata = cmd!(sh, "cargo metadata --no-deps --locked --format-version 1").quiet().read()?;
        let Metadata { packages } = serde_json::from_str(&metadata)?;
        let package = packages.into_iter().find(|package| package.name == self.package);
        package.with_context(|| format!("no package of the workspace has the name {}", self.package))
    }
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
pub struct Package {
    name: String,
    pub manifest_path: PathBuf,
    pub targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
pub struct Target {
    pub name: String,
    pub kind: Vec<String>,
    pub src_path: PathBuf,
}

impl Target {
    pub fn is_library(&self) -> bool {
        self.kind.iter().any(|kind| ["lib", "cdylib", "staticlib"].contains(&kind.as_str()))
    }

    pub fn is_binary(&self) -> bool {
        self.kind.iter().any(|kind| kind == "bin")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the sum of the numbers that follow each `list` in SECURITY.md.
    fn stated(list: &str, page: &str) -> usize {
        let name = format!("`{list}` ");
        let digits = |cell: &str| cell.chars().take_while(char::is_ascii_digit).collect::<String>();
        page.split(&name).skip(1).filter_map(|cell| digits(cell).parse::<usize>().ok()).sum()
    }

    #[test]
    fn each_fault_of_the_lists_belongs_to_a_promise_of_security_md() {
        let page = fs::read_to_string(tree::root().join("SECURITY.md")).unwrap();
        let mut lists: Vec<_> = names()
            .unwrap()
            .into_iter()
            .map(|name| (name.clone(), format!("{FOLDER}/{name}.toml")))
            .collect();
        for package in ["go", "kotlin", "python", "typescript"] {
            let file = format!("clients/faults/{package}.toml");
            lists.push((file.clone(), file));
        }
        for (name, file) in lists {
            let list: toml::Table =
                toml::from_str(&fs::read_to_string(tree::root().join(&file)).unwrap()).unwrap();
            let faults = list["fault"].as_array().unwrap().len();
            assert_eq!(
                stated(&name, &page),
                faults,
                "the sum of the numbers after `{name}` in SECURITY.md is not the number of its faults"
            );
        }
    }

    #[test]
    fn numbers_after_other_names_are_not_added() {
        assert_eq!(stated("a", "`a` 12, `ab` 3; `a` 40 | `a`: none"), 52);
    }
}
