//! What people would use otherwise, doing the same.

use std::error::Error;

use serde::Deserialize;

use super::estimates::Estimates;
use super::{Report, caption, read, table, under, units};
use crate::svg::{Axis, Bars};

/// Groups of `benches/peers.rs`, and what their credentials are.
const GROUPS: [(&str, &str); 5] = [
    ("peers_valid", "valid"),
    ("peers_malformed", "malformed"),
    ("peers_forged", "forged"),
    ("peers_unknown", "unknown"),
    ("peers_issued", "a new one"),
];

#[derive(Deserialize)]
struct Peer {
    name: String,
    slug: String,
    bytes: u64,
    stored: u64,
}

pub(super) fn add(report: &mut Report, estimates: &Estimates) -> Result<(), Box<dyn Error>> {
    let (sizes, peers) = read::<Peer>("sizes")?;
    let origin = estimates.origin("peers_valid", "cargo bench -p ctx-key-bench")?;
    let below = |table: String| format!("{table}\n{}\n", under(&origin));
    report.blocks.insert("peers", below(times(&peers, estimates, &GROUPS)?));
    report.blocks.insert("peers-in-short", below(times(&peers, estimates, &GROUPS[..4])?));
    report.blocks.insert("sizes", format!("{}\n{}\n", lengths(&peers), under(&sizes)));
    let caption = caption(
        "Who is it, and may they? One check, beside other ways",
        "Bars on a logarithmic axis: how long each way takes for a valid, an unknown and a malformed credential.",
        &origin,
    );
    report.pictures.push(("peers.svg", bars(&peers, estimates)?.draw(&caption)));
    Ok(())
}

fn times(peers: &[Peer], estimates: &Estimates, groups: &[(&str, &str)]) -> Result<String, Box<dyn Error>> {
    let mut head = vec![""];
    head.extend(groups.iter().map(|(_, what)| what));
    let mut rows = Vec::new();
    for peer in peers {
        let mut row = vec![peer.name.clone()];
        for (group, _) in groups {
            let time = units::time(estimates.median(group, &peer.slug)?);
            row.push(format!("{time} ({} ×)", units::digits(estimates.ratio(group, &peer.slug)?)));
        }
        rows.push(row);
    }
    Ok(table(&head, rows))
}

fn lengths(peers: &[Peer]) -> String {
    let rows =
        peers.iter().map(|peer| vec![peer.name.clone(), peer.bytes.to_string(), peer.stored.to_string()]);
    table(&["", "bytes of a credential", "bytes stored of it"], rows)
}

fn bars(peers: &[Peer], estimates: &Estimates) -> Result<Bars, Box<dyn Error>> {
    let mut rows: Vec<(String, Vec<f64>)> = Vec::new();
    for peer in peers {
        let mut times = Vec::new();
        for group in ["peers_valid", "peers_unknown", "peers_malformed"] {
            times.push(estimates.median(group, &peer.slug)?);
        }
        rows.push((peer.name.replace('`', ""), times));
    }
    let floor = estimates.median("peers_valid", "floor")?;
    let axis = Axis::powers(
        "time for one check",
        rows.iter().flat_map(|(_, times)| times).copied(),
        units::round_time,
    );
    let mark = (floor, format!("one SHA-256: {}", units::time(floor)));
    Ok(Bars { axis, kinds: vec!["valid", "unknown", "malformed"], rows, mark, name: units::time })
}
