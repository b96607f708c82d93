//! The figures of the last run, as the tables and pictures of README.md and docs/performance.md.

mod estimates;
mod gates;
mod hot_path;
mod pages;
mod peers;
mod scale;
mod service;
mod units;
mod weight;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::results::{Results, target};
use crate::svg::Caption;
use estimates::Estimates;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const PAGES: [&str; 2] = ["README.md", "docs/performance.md"];

/// What goes into the pages and beside them.
#[derive(Default)]
struct Report {
    /// Text, by the name of its place.
    blocks: BTreeMap<&'static str, String>,
    /// Pictures, by their names in `docs`.
    pictures: Vec<(&'static str, String)>,
    /// Limits that were passed, in words.
    passed: Vec<String>,
}

/// Writes all pages and pictures anew; returns the limits that were passed.
pub fn write() -> Result<Vec<String>, Box<dyn Error>> {
    let mut report = Report::default();
    let with_extensions = Estimates::below(target());
    let without = Estimates::below(target().join("soft"));
    hot_path::add(&mut report, &with_extensions, &without)?;
    peers::add(&mut report, &with_extensions)?;
    scale::add(&mut report)?;
    service::add(&mut report)?;
    weight::add(&mut report)?;
    gates::add(&mut report)?;

    let pages = PAGES.iter().map(|page| read_file(page)).collect::<Result<_, _>>()?;
    let filled = pages::fill(pages, &report.blocks)?;
    for (page, text) in PAGES.iter().zip(filled) {
        fs::write(Path::new(ROOT).join(page), text)?;
    }
    for (name, picture) in report.pictures {
        fs::write(Path::new(ROOT).join("docs").join(name), picture)?;
    }
    Ok(report.passed)
}

fn read_file(name: &str) -> Result<String, String> {
    fs::read_to_string(Path::new(ROOT).join(name)).map_err(|error| format!("{name}: {error}"))
}

/// A measurement of the last run, and its rows.
fn read<Row: DeserializeOwned>(name: &str) -> Result<(Results, Vec<Row>), Box<dyn Error>> {
    let results = Results::read(name)?;
    let rows = serde_json::from_value(results.rows.clone())?;
    Ok((results, rows))
}

/// What stands under a table.
fn under(results: &Results) -> String {
    format!("{}, {}: `{}`", results.machine, results.date, results.command)
}

/// What stands above, behind and under a picture.
fn caption(title: &str, description: &str, results: &Results) -> Caption {
    Caption {
        title: title.to_owned(),
        description: description.to_owned(),
        source: under(results).replace('`', ""),
    }
}

fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(&head.iter().map(ToString::to_string).collect::<Vec<_>>());
    text += &format!("|{}\n", "---|".repeat(head.len()));
    for row in rows {
        text += &line(&row);
    }
    text
}
