//! The places of generated text in a page: from `<!-- report: NAME -->` to `<!-- /report -->`.

use std::collections::{BTreeMap, BTreeSet};

const BEGIN: &str = "<!-- report: ";
const END: &str = "<!-- /report -->";

/// The pages with each block in its places. A place without a block and a block without a place are errors:
/// figures that are never written anew would go on looking like measured ones.
pub(super) fn fill(
    pages: Vec<String>,
    blocks: &BTreeMap<&'static str, String>,
) -> Result<Vec<String>, String> {
    let mut used = BTreeSet::new();
    let filled =
        pages.iter().map(|page| fill_page(page, blocks, &mut used)).collect::<Result<Vec<_>, _>>()?;
    match blocks.keys().find(|name| !used.contains(**name)) {
        Some(name) => Err(format!("no page has a place for {name}")),
        None => Ok(filled),
    }
}

fn fill_page<'page>(
    page: &'page str,
    blocks: &BTreeMap<&'static str, String>,
    used: &mut BTreeSet<&'page str>,
) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = page;
    while let Some((before, place)) = rest.split_once(BEGIN) {
        let (name, place) = place.split_once(" -->").ok_or("a place without a name")?;
        let (old, after) = place.split_once(END).ok_or(format!("{name} has no end"))?;
        if old.contains(BEGIN) {
            return Err(format!("{name} has no end before the next place"));
        }
        let block = blocks.get(name).ok_or(format!("nothing is measured for {name}"))?;
        filled += &format!("{before}{BEGIN}{name} -->\n{}\n{END}", block.trim_end());
        used.insert(name);
        rest = after;
    }
    Ok(filled + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str =
        "# Page\n<!-- report: a -->\nold\n<!-- /report -->\nby hand\n<!-- report: b --><!-- /report -->\n";

    fn filled(page: &str, names: &[&'static str]) -> Result<String, String> {
        let blocks = names.iter().map(|name| (*name, format!("{name}{name}\n"))).collect();
        fill(vec![page.to_owned()], &blocks).map(|mut pages| pages.remove(0))
    }

    #[test]
    fn only_the_places_are_written_and_twice_is_once() {
        let once = filled(PAGE, &["a", "b"]).unwrap();
        assert_eq!(
            once,
            "# Page\n<!-- report: a -->\naa\n<!-- /report -->\nby hand\n<!-- report: b -->\nbb\n<!-- /report -->\n"
        );
        assert_eq!(filled(&once, &["a", "b"]), Ok(once));
    }

    #[test]
    fn places_and_blocks_belong_together() {
        for (page, names, error) in [
            (PAGE, &["a"][..], "nothing is measured for b"),
            (PAGE, &["a", "b", "c"], "no page has a place for c"),
            ("by hand", &["a"], "no page has a place for a"),
            ("<!-- report: a -->\nby hand", &["a"], "a has no end"),
            (
                "<!-- report: a --> <!-- report: b --><!-- /report -->",
                &["a", "b"],
                "a has no end before the next place",
            ),
        ] {
            assert_eq!(filled(page, names).unwrap_err(), error);
        }
    }
}
