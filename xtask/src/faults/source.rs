//! Puts faults into source text, each with a switch.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use crate::faults::list::{Fault, List, Package, Rewrite};
use crate::tree;

/// Start of the unit tests at the end of a file. No fault is planted in them.
const TESTS: &str = "#[cfg(test)]\nmod tests";

/// Returns the name of the environment variable that turns a fault on. Its value is empty.
pub fn variable(number: usize) -> String {
    format!("PLANTED_FAULT_{number}")
}

/// Returns the texts of the files that differ in the copy, by their paths in the repository.
pub fn planted(list: &List, package: &Package) -> Result<BTreeMap<PathBuf, String>> {
    let folder = package.manifest_path.parent().context("a manifest has no folder")?;
    let targets = package.targets.iter().filter(|target| target.is_library() || target.is_binary());
    let roots: BTreeSet<_> = targets.map(|target| target.src_path.clone()).collect();
    let rewritten = list.rewrites.iter().map(|rewrite| &rewrite.file);
    let files = list.faults.iter().map(|fault| &fault.file).chain(rewritten).map(|file| folder.join(file));

    let mut planted = BTreeMap::new();
    for path in roots.iter().cloned().chain(files).collect::<BTreeSet<_>>() {
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let is_here = |file: &str| folder.join(file) == path;
        let text = list
            .rewrites
            .iter()
            .filter(|rewrite| is_here(&rewrite.file))
            .try_fold(text, |text, rewrite| rewrite.apply(&text))?;
        let faults = list.faults.iter().enumerate().filter(|(_, fault)| is_here(&fault.file)).collect();
        let mut text = plant(&text, faults)?;
        if roots.contains(&path) {
            text.push_str(&module(list.faults.len()));
        }
        planted.insert(path.strip_prefix(tree::root())?.to_owned(), text);
    }
    Ok(planted)
}

/// Returns the module that reads the switches.
///
/// The value of the variable is empty, so reading it allocates nothing: a test may count allocations.
fn module(faults: usize) -> String {
    format!(
        "
mod planted {{
    extern crate std;
    pub(crate) fn on(number: usize, variable: &str) -> bool {{
        static ON: [std::sync::OnceLock<bool>; {faults}] = [const {{ std::sync::OnceLock::new() }}; {faults}];
        *ON[number].get_or_init(|| std::env::var_os(variable).is_some())
    }}
}}
"
    )
}

impl Rewrite {
    fn apply(&self, text: &str) -> Result<String> {
        let Self { file, old, new } = self;
        ensure!(text.contains(old), "a rewrite no longer applies: {file} does not have: {old}");
        Ok(text.replace(old, new))
    }
}

/// Puts the faults of one file into its text.
fn plant(text: &str, faults: Vec<(usize, &Fault)>) -> Result<String> {
    let places = faults.into_iter().map(|(number, fault)| Place::find(text, number, fault));
    let mut places = places.collect::<Result<Vec<_>>>()?;
    places.sort_by_key(|place| (place.range.start, Reverse(place.range.end)));
    render(text, 0..text.len(), &places)
}

/// The place in which a fault is planted.
#[derive(Debug)]
struct Place<'a> {
    range: Range<usize>,
    number: usize,
    fault: &'a Fault,
}

impl<'a> Place<'a> {
    fn find(text: &str, number: usize, fault: &'a Fault) -> Result<Self> {
        let Fault { name, file, .. } = fault;
        let text = text.split_once(TESTS).map_or(text, |(code, _)| code);
        let old = fault.old.trim();
        ensure!(!old.is_empty(), "fault {name:?}: `old` is empty");
        ensure!(
            !old.starts_with("let "),
            "fault {name:?}: a `let` would end with the block of the switch: write its value"
        );
        let once = |part: &str| match text.match_indices(part).collect::<Vec<_>>()[..] {
            [(start, _)] => Ok(start),
            ref places => bail!("fault {name:?}: {file} has {} places, not one, with: {part}", places.len()),
        };
        let start = match &fault.after {
            None => once(old)?,
            Some(after) => {
                let from = once(after)? + after.len();
                let length = text[from..].find(old);
                from + length.with_context(|| {
                    format!("fault {name:?}: {file} does not have, after {after:?}: {old}")
                })?
            }
        };
        Ok(Self { range: start..start + old.len(), number, fault })
    }

    /// Returns the switch between the fault and `old`. An expression gets parentheses, so that an operator can follow.
    fn switch(&self, old: &str) -> String {
        let (number, variable, new) = (self.number, variable(self.number), self.fault.new.trim());
        let name = self.fault.name.replace("*/", "");
        let condition = format!("crate::planted::on({number}, {variable:?} /* {name} */)");
        // each on lines of its own, because the text may end with a comment
        let code = format!("if {condition} {{\n{new}\n}} else {{\n{old}\n}}");
        if self.fault.old.trim_end().ends_with([';', '}']) { code } else { format!("({code})") }
    }
}

/// Returns a range of the text with the faults in the places inside it. The places are sorted, outer before inner. If faults
/// have the same place, the first is the outer one.
fn render(text: &str, range: Range<usize>, mut places: &[Place<'_>]) -> Result<String> {
    let (mut rendered, mut position) = (String::new(), range.start);
    while let Some((outer, others)) = places.split_first() {
        let (inner, following) =
            others.split_at(others.partition_point(|place| place.range.start < outer.range.end));
        if let Some(crossing) = inner.iter().find(|place| place.range.end > outer.range.end) {
            bail!("faults {:?} and {:?} overlap", outer.fault.name, crossing.fault.name);
        }
        rendered.push_str(&text[position..outer.range.start]);
        rendered.push_str(&outer.switch(&render(text, outer.range.clone(), inner)?));
        position = outer.range.end;
        places = following;
    }
    rendered.push_str(&text[position..range.end]);
    Ok(rendered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(old: &str, new: &str) -> Fault {
        Fault { name: old.into(), file: "f".into(), old: old.into(), new: new.into(), ..Fault::default() }
    }

    /// Plants faults, and returns the text with short switches, in one line.
    fn planted(text: &str, faults: &[Fault]) -> Result<String> {
        let mut planted = plant(text, faults.iter().enumerate().collect())?;
        for (number, fault) in faults.iter().enumerate() {
            let call =
                format!("crate::planted::on({number}, \"PLANTED_FAULT_{number}\" /* {} */)", fault.name);
            planted = planted.replace(&call, &format!("on{number}"));
        }
        Ok(planted.replace('\n', " "))
    }

    #[track_caller]
    fn assert_refused(text: &str, faults: &[Fault], reason: &str) {
        let error = planted(text, faults).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn an_expression_is_put_into_parentheses() {
        let faults = [fault(" a < b\n", "a <= b")];
        assert_eq!(
            planted("(a < b).into()", &faults).unwrap(),
            "((if on0 { a <= b } else { a < b })).into()"
        );
    }

    #[test]
    fn statements_get_no_parentheses() {
        assert_eq!(
            planted("{ f(); g(); }", &[fault("f();", "")]).unwrap(),
            "{ if on0 {  } else { f(); } g(); }"
        );
        assert_eq!(
            planted("if a { b }", &[fault("if a { b }", "b")]).unwrap(),
            "if on0 { b } else { if a { b } }"
        );
    }

    #[test]
    fn faults_in_one_place_are_chained() {
        let faults = [fault("a", "b"), fault("a", "c")];
        assert_eq!(
            planted("a + 1", &faults).unwrap(),
            "(if on0 { b } else { (if on1 { c } else { a }) }) + 1"
        );
    }

    #[test]
    fn faults_inside_one_another_nest() {
        let faults = [fault("c", "z"), fault("a + b", "x"), fault("b", "y"), fault("a", "w")];
        let expected = "(if on1 { x } else { (if on3 { w } else { a }) + (if on2 { y } else { b }) }) * (if on0 { z } else { c })";
        assert_eq!(planted("a + b * c", &faults).unwrap(), expected);
    }

    #[test]
    fn faults_must_not_cross() {
        assert_refused(
            "a + b + c",
            &[fault("a + b", "x"), fault("b + c", "y")],
            r#""a + b" and "b + c" overlap"#,
        );
    }

    #[test]
    fn each_fault_has_exactly_one_place() {
        assert_refused("b", &[fault("a", "x")], r#"fault "a": f has 0 places, not one, with: a"#);
        assert_refused("a a", &[fault("a", "x")], r#"fault "a": f has 2 places"#);
        assert_refused("#[cfg(test)]\nmod tests { a }", &[fault("a", "x")], r#"fault "a": f has 0 places"#);
        assert_refused("a", &[fault(" ", "x")], "`old` is empty");
        assert_refused("let a = b;", &[fault("let a = b;", "let a = c;")], "write its value");
    }

    #[test]
    fn a_place_can_be_found_after_a_text() {
        let after = |after: &str| [Fault { after: Some(after.into()), ..fault("a", "x") }];
        assert_eq!(planted("a f a a", &after("f")).unwrap(), "a f (if on0 { x } else { a }) a");
        assert_refused("a f b", &after("f"), r#"f does not have, after "f": a"#);
        assert_refused("f a f a", &after("f"), "f has 2 places, not one, with: f");
    }

    #[test]
    fn a_comment_at_the_end_of_a_fault_hides_no_code() {
        let planted = plant("a // why\n", vec![(0, &fault("a // why", "b // why not"))]).unwrap();
        assert!(planted.contains("b // why not\n}") && planted.contains("a // why\n}"), "{planted}");
    }

    #[test]
    fn a_rewrite_replaces_every_occurrence() {
        let rewrite = Rewrite { file: "f".into(), old: "const fn".into(), new: "fn".into() };
        assert_eq!(rewrite.apply("const fn a() const fn b()").unwrap(), "fn a() fn b()");
        assert!(rewrite.apply("fn a()").unwrap_err().to_string().contains("f does not have: const fn"));
    }

    #[test]
    fn every_list_applies_to_the_sources() {
        let sh = xshell::Shell::new().unwrap();
        for name in crate::faults::list::names().unwrap() {
            let list = List::read(&name).unwrap();
            let package = list.package(&sh).unwrap();
            super::planted(&list, &package).unwrap();
        }
    }
}
