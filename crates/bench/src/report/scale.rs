//! What grows: threads, records, texts.

use std::error::Error;

use serde::Deserialize;

use super::{Report, caption, read, table, under, units};
use crate::svg::{Axis, Line, Lines, Scale};

/// Verifications by some threads.
#[derive(Deserialize)]
pub(super) struct Threads {
    pub(super) threads: u32,
    pub(super) each_second: f64,
}

/// Requests that look their record up.
#[derive(Deserialize)]
pub(super) struct LookUps {
    pub(super) store: String,
    pub(super) records: f64,
    pub(super) whole_ns: f64,
    pub(super) verification_ns: f64,
    /// For each record.
    pub(super) bytes: Option<f64>,
}

/// A text that is scanned.
#[derive(Deserialize)]
struct Text {
    kind: String,
    bytes: f64,
    gb_each_second: f64,
}

pub(super) fn add(report: &mut Report) -> Result<(), Box<dyn Error>> {
    threads(report)?;
    look_ups(report)?;
    texts(report)
}

fn threads(report: &mut Report) -> Result<(), Box<dyn Error>> {
    let (origin, rows) = read::<Threads>("threads")?;
    let one = rows.first().ok_or("no threads")?.each_second;
    let table = table(
        &["threads", "checks a second", "× one thread"],
        rows.iter().map(|row| {
            let times = format!("{:.2}", row.each_second / one);
            vec![row.threads.to_string(), units::count(row.each_second), times]
        }),
    );
    report.blocks.insert("threads", format!("{table}\n{}\n", under(&origin)));
    let caption = caption(
        "Checks a second, by threads that share 100,000 records",
        "Lines: checks a second by the number of threads, and as many times one thread's.",
        &origin,
    );
    let line = |name: &str, is_dashed, each_second: fn(&Threads, f64) -> f64| Line {
        name: name.to_owned(),
        points: rows.iter().map(|row| (f64::from(row.threads), each_second(row, one))).collect(),
        is_dashed,
    };
    let ticks = rows.iter().step_by(rows.len().div_ceil(8));
    let lines = Lines {
        x: Axis::at(
            "threads",
            Scale::Linear,
            ticks.map(|row| (f64::from(row.threads), row.threads.to_string())),
        ),
        y: Axis::from_zero("checks a second", one * rows.len() as f64, units::count),
        lines: vec![
            line("measured", false, |row, _| row.each_second),
            line("as many times one thread", true, |row, one| one * f64::from(row.threads)),
        ],
    };
    report.pictures.push(("threads.svg", lines.draw(&caption)));
    Ok(())
}

fn look_ups(report: &mut Report) -> Result<(), Box<dyn Error>> {
    let (origin, rows) = read::<LookUps>("lookups")?;
    let table = table(
        &["records", "in", "whole request", "verification", "its share", "bytes for each record"],
        rows.iter().map(|row| {
            vec![
                units::count(row.records),
                row.store.clone(),
                units::time(row.whole_ns),
                units::time(row.verification_ns),
                units::share(row.verification_ns / row.whole_ns),
                row.bytes.map_or("–".to_owned(), units::grouped),
            ]
        }),
    );
    report.blocks.insert("look-ups", format!("{table}\n{}\n", under(&origin)));
    let caption = caption(
        "One request: look-up and verification, by the number of records",
        "Lines on logarithmic axes: the time of a request with its record in a HashMap, in SQLite and in PostgreSQL, \
         and the verification's part of it.",
        &origin,
    );
    let line = |name: &str, store: &str, is_dashed, time: fn(&LookUps) -> f64| {
        let rows = rows.iter().filter(|row| row.store == store);
        let points: Vec<_> = rows.map(|row| (row.records, time(row))).collect();
        let last = points.last().map_or(0.0, |point| point.1);
        Line { name: format!("{name}: {}", units::time(last)), points, is_dashed }
    };
    let times = rows.iter().flat_map(|row| [row.whole_ns, row.verification_ns]);
    let lines = Lines {
        x: Axis::powers("records", rows.iter().map(|row| row.records), units::count),
        y: Axis::powers("time for one request", times, units::round_time),
        lines: vec![
            line("HashMap", "HashMap", false, |row| row.whole_ns),
            line("SQLite", "SQLite", false, |row| row.whole_ns),
            line("PostgreSQL", "PostgreSQL", false, |row| row.whole_ns),
            line("verification alone", "HashMap", true, |row| row.verification_ns),
        ],
    };
    report.pictures.push(("look-ups.svg", lines.draw(&caption)));
    Ok(())
}

fn texts(report: &mut Report) -> Result<(), Box<dyn Error>> {
    let (origin, rows) = read::<Text>("texts")?;
    let mut kinds: Vec<&str> = rows.iter().map(|row| &*row.kind).collect();
    kinds.dedup();
    let lengths = || of(&rows, kinds[0]).map(|row| (row.bytes, units::binary_bytes(row.bytes)));
    let mut head = vec!["GB/s in".to_owned()];
    head.extend(lengths().map(|(_, name)| name));
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let table = table(
        &head,
        kinds.iter().map(|kind| {
            let throughputs = of(&rows, kind).map(|row| units::digits(row.gb_each_second));
            [(*kind).to_owned()].into_iter().chain(throughputs).collect()
        }),
    );
    report.blocks.insert("lengths", format!("{table}\n{}\n", under(&origin)));
    let caption = caption(
        "Scanning for keys, by the length and kind of the text",
        "Lines on logarithmic axes: gigabytes a second by the length of the text, for each kind of text.",
        &origin,
    );
    let line = |kind: &&str| Line {
        name: kind.replace('`', ""),
        points: of(&rows, kind).map(|row| (row.bytes, row.gb_each_second)).collect(),
        is_dashed: false,
    };
    let lines = Lines {
        x: Axis::at("length", Scale::Logarithmic, lengths()),
        y: Axis::powers("GB/s", rows.iter().map(|row| row.gb_each_second), units::short),
        lines: kinds.iter().map(line).collect(),
    };
    report.pictures.push(("texts.svg", lines.draw(&caption)));
    Ok(())
}

fn of<'rows>(rows: &'rows [Text], kind: &'rows str) -> impl Iterator<Item = &'rows Text> {
    rows.iter().filter(move |row| row.kind == kind)
}
