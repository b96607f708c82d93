//! Writes the generated parts of documents: the lines between `<!-- MARK -->` and `<!-- /MARK -->`.

use std::fs;

use anyhow::{Context, Result};

use crate::tree;

/// Replaces a part of a file.
pub fn replace(file: &str, mark: &str, text: &str) -> Result<()> {
    let path = tree::root().join(file);
    let page = fs::read_to_string(&path).with_context(|| format!("cannot read {file}"))?;
    let page = replaced(&page, mark, text)
        .with_context(|| format!("{file} has no part between the marks {mark}"))?;
    fs::write(path, page).with_context(|| format!("cannot write {file}"))
}

fn replaced(page: &str, mark: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {mark} -->\n"), format!("<!-- /{mark} -->"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{text}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_between_the_marks_is_replaced() {
        let page = "before\n<!-- a -->\nold\n<!-- /a -->\nafter\n<!-- b -->\n";
        let expected = "before\n<!-- a -->\nnew\n<!-- /a -->\nafter\n<!-- b -->\n";
        assert_eq!(replaced(page, "a", "new\n").as_deref(), Some(expected));
        assert_eq!(replaced(page, "b", "new\n"), None);
        let error = replace("docs/performance.md", "no mark", "").unwrap_err().to_string();
        assert_eq!(error, "docs/performance.md has no part between the marks no mark");
    }
}
