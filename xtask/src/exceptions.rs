//! Lists of known exceptions to a check. Each exception must occur, and no other may.

/// Returns the entries of a list. A line that starts with `#` is a comment, and one that starts with a space is a reason.
pub fn entries(list: &str) -> Vec<String> {
    list.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', ' '])).map(str::to_owned).collect()
}

/// Returns the entries of `ours` that are not in `theirs`. An entry that occurs twice must occur twice in `theirs`.
pub fn difference(ours: &[String], theirs: &[String]) -> Vec<String> {
    let mut theirs = theirs.to_vec();
    let mut is_new = |entry: &&String| match theirs.iter().position(|other| other == *entry) {
        Some(index) => {
            theirs.swap_remove(index);
            false
        }
        None => true,
    };
    ours.iter().filter(|entry| is_new(entry)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_reasons_are_not_entries() {
        assert_eq!(
            entries("# a comment\n\nkey.rs: }\n    a reason\nscan.rs: }\n"),
            ["key.rs: }", "scan.rs: }"]
        );
    }

    #[test]
    fn entries_are_counted() {
        let list = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(difference(&list("a b a"), &list("a b a")), [""; 0]);
        assert_eq!(difference(&list("a b a"), &list("b a")), ["a"]);
        assert_eq!(difference(&list("b a"), &list("a b a")), [""; 0]);
        assert_eq!(difference(&list("c"), &list("a b a")), ["c"]);
    }
}
