//! Marks in functions. A mark is a string that the optimizer keeps in a program only if the program calls the function.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::tree::Copy;

const START: &str = "mark: ";

/// Folders of the library's sources.
const FOLDERS: [&str; 2] = ["src", "src/scan"];

/// Puts a mark into each function of the library in a copy.
pub fn mark_functions(copy: &Copy) -> Result<()> {
    FOLDERS.into_iter().try_for_each(|folder| copy.rewrite(folder, marked))
}

/// Returns the source with `mark: FILE:LINE FUNCTION;` at the start of each function's body.
fn marked(file: &str, source: &str) -> String {
    let mut signature = None;
    let mut text = String::new();
    for (number, line) in (1..).zip(source.lines()) {
        signature = function_name(line).map(|name| (number, name)).or(signature);
        text.push_str(line);
        if line.ends_with(['{', ';'])
            && let Some((start, name)) = signature.take()
            && line.ends_with('{')
        {
            text.push_str(&format!(" core::hint::black_box(\"{START}{file}:{start} {name};\");"));
        }
        text.push('\n');
    }
    text
}

/// Returns the name of the function whose signature starts on this line.
fn function_name(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once("fn ")?;
    let is_qualifier = |word| matches!(word, "pub" | "pub(crate)" | "pub(super)" | "const");
    let end = rest.find(|char: char| !char.is_ascii_alphanumeric() && char != '_').unwrap_or(rest.len());
    (end > 0 && before.split_whitespace().all(is_qualifier)).then(|| &rest[..end])
}

/// Returns the texts of all marks in a source or a program.
pub fn find(bytes: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(bytes);
    text.split(START)
        .skip(1)
        .filter_map(|rest| rest.split_once(';'))
        .map(|(mark, _)| mark.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_function_with_a_body_has_a_mark() {
        let source = "\
impl Key {
    pub(crate) const fn one(self) -> u8 {
        // the fn of a comment {
        1
    }

    fn two<T>(
        self,
    ) -> T {
        todo();
    }

    fn declared();
}
";
        let marked = marked("key.rs", source);
        assert!(marked.contains("fn one(self) -> u8 { core::hint::black_box(\"mark: key.rs:2 one;\");\n"));
        assert!(marked.contains("    ) -> T { core::hint::black_box(\"mark: key.rs:7 two;\");\n"));
        assert_eq!(find(marked.as_bytes()), BTreeSet::from(["key.rs:2 one".into(), "key.rs:7 two".into()]));
    }

    /// A function in another folder would have no mark, so the check would not notice that it is not called.
    #[test]
    fn every_source_of_the_library_is_marked() {
        let files = crate::tree::files(&xshell::Shell::new().unwrap()).unwrap();
        let sources = files.iter().filter(|file| file.starts_with("src"));
        let folders: BTreeSet<_> = sources.map(|file| file.parent().unwrap().to_str().unwrap()).collect();
        assert_eq!(folders, BTreeSet::from(FOLDERS));
    }

    #[test]
    fn marks_are_found_among_other_bytes() {
        let program = b"\x7fELF\xffmark: a.rs:1 x;mark: b.rs:20 y;\0mark: a.rs:1 x;";
        assert_eq!(find(program), BTreeSet::from(["a.rs:1 x".into(), "b.rs:20 y".into()]));
    }
}
