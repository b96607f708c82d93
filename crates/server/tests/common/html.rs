//! What a parser of HTML finds in a page of the dashboard.
//!
//! Texts and attributes are those that a browser shows: character references are decoded. Tests of the escaping look at the
//! bytes of `Answer::text` too.

use scraper::{ElementRef, Html, Selector};

use super::browser::Answer;

/// Elements that stand within a line. A line begins and ends with any other one.
const INLINE: [&str; 6] = ["a", "bdi", "code", "span", "strong", "time"];

impl Answer {
    /// The texts of the elements that match, in the order of the page.
    #[track_caller]
    pub fn texts(&self, selector: &str) -> Vec<String> {
        let html = Html::parse_document(&self.text);
        html.select(&parse(selector)).map(text).collect()
    }

    /// The text of the only element that matches.
    #[track_caller]
    pub fn text_of(&self, selector: &str) -> String {
        only(self.texts(selector), selector, &self.text)
    }

    /// The values of an attribute of the elements that match. Elements without it are left out.
    #[track_caller]
    pub fn attributes(&self, selector: &str, name: &str) -> Vec<String> {
        let html = Html::parse_document(&self.text);
        html.select(&parse(selector)).filter_map(|element| element.attr(name).map(str::to_owned)).collect()
    }

    /// The value of an attribute of the only element that matches and has it.
    #[track_caller]
    pub fn attribute(&self, selector: &str, name: &str) -> String {
        only(self.attributes(selector, name), selector, &self.text)
    }

    #[track_caller]
    pub fn count(&self, selector: &str) -> usize {
        Html::parse_document(&self.text).select(&parse(selector)).count()
    }

    #[track_caller]
    pub fn has(&self, selector: &str) -> bool {
        self.count(selector) > 0
    }

    #[track_caller]
    pub fn assert_has(&self, selector: &str) {
        assert!(self.has(selector), "no {selector} in {}", self.text);
    }

    /// The value of a field. A page may have the field in several forms, with the same value.
    #[track_caller]
    pub fn field(&self, name: &str) -> String {
        let selector = format!("input[name=\"{name}\"]");
        let mut values = self.attributes(&selector, "value");
        values.dedup();
        only(values, &selector, &self.text)
    }

    /// The key that a page shows once.
    #[track_caller]
    pub fn new_key(&self) -> String {
        self.attribute("#new-key", "value")
    }

    /// The values of the checked boxes or buttons of this name.
    #[track_caller]
    pub fn checked(&self, name: &str) -> Vec<String> {
        self.attributes(&format!("input[name=\"{name}\"][checked]"), "value")
    }

    /// The rows of the page's table: the texts of their cells below these headings. A page without a table has no rows.
    ///
    /// Each row has a cell for each heading. Where a cell names its heading for narrow windows, it is the right one.
    #[track_caller]
    pub fn rows<const N: usize>(&self, headings: [&str; N]) -> Vec<[String; N]> {
        let html = Html::parse_document(&self.text);
        let found: Vec<_> = html.select(&parse("thead th")).map(text).collect();
        let mut rows = Vec::new();
        for row in html.select(&parse("tbody tr")) {
            let cells: Vec<_> = row.child_elements().collect();
            assert_eq!(cells.len(), found.len(), "{}", row.html());
            for (cell, heading) in cells.iter().zip(&found) {
                let named = cell.attr("data-title").unwrap_or(heading);
                assert!(heading.to_lowercase().ends_with(&named.to_lowercase()), "{named} is not {heading}");
            }
            rows.push(headings.map(|heading| {
                let place = found.iter().position(|found| found == heading);
                text(cells[place.unwrap_or_else(|| panic!("no {heading} in {found:?}"))])
            }));
        }
        rows
    }

    /// The terms and descriptions of the page's list of facts, each pair as one text.
    #[track_caller]
    pub fn facts(&self) -> Vec<String> {
        self.texts("dl > div")
    }

    /// Returns the page without its elements `time`, whose texts depend on the current time.
    pub fn without_ages(&self) -> String {
        let mut html = Html::parse_document(&self.text);
        let ages: Vec<_> = html.select(&parse("time")).map(|age| age.id()).collect();
        for age in ages {
            html.tree.get_mut(age).expect("an element of the page").detach();
        }
        html.html()
    }
}

#[track_caller]
fn parse(selector: &str) -> Selector {
    Selector::parse(selector).unwrap_or_else(|error| panic!("{selector}: {error}"))
}

/// The lines of an element, joined with spaces.
fn text(element: ElementRef) -> String {
    let mut lines = String::new();
    add_lines(&mut lines, element);
    lines.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

fn add_lines(lines: &mut String, element: ElementRef) {
    for child in element.children() {
        if let Some(part) = child.value().as_text() {
            lines.push_str(part);
        } else if let Some(child) = ElementRef::wrap(child) {
            let edge = if INLINE.contains(&child.value().name()) { "" } else { "\n" };
            lines.push_str(edge);
            add_lines(lines, child);
            lines.push_str(edge);
        }
    }
}

#[track_caller]
fn only(mut values: Vec<String>, selector: &str, page: &str) -> String {
    assert_eq!(values.len(), 1, "{selector} in {page}");
    values.remove(0)
}
