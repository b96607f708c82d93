//! What a service needs, worked out from the measured figures.

use std::error::Error;

use super::scale::LookUps;
use super::{Report, read, table, under, units};

/// A service that is assumed, not measured.
struct Service {
    name: &'static str,
    keys: f64,
    requests_each_second: f64,
    nodes: f64,
}

const SERVICES: [Service; 3] = [
    Service { name: "one node", keys: 1e5, requests_each_second: 1e3, nodes: 1.0 },
    Service { name: "ten nodes", keys: 1e7, requests_each_second: 1e5, nodes: 10.0 },
    Service { name: "internet scale", keys: 1e9, requests_each_second: 1e6, nodes: 100.0 },
];

/// The part of the keys that is in use, each as often as the others. The others may rest: they cost disk alone.
const ACTIVE: f64 = 0.1;

/// For how long a node may go on using a record that it read.
const CACHED_SECONDS: [f64; 3] = [1.0, 10.0, 60.0];

impl Service {
    fn active(&self) -> f64 {
        self.keys * ACTIVE
    }

    fn requests_each_key(&self) -> f64 {
        self.requests_each_second / self.active()
    }

    /// The part of the requests that finds no record in the cache, if every request of a key comes to the same node.
    /// After a read at 0, the record is there until `seconds`, and the next read is one mean interval later.
    fn misses(&self, seconds: f64) -> f64 {
        1.0 / (1.0 + self.requests_each_key() * seconds)
    }

    /// The same, if any of the nodes may get any request, and each has a cache of its own.
    fn misses_unrouted(&self, seconds: f64) -> f64 {
        1.0 / (1.0 + self.requests_each_key() / self.nodes * seconds)
    }

    fn reads(&self, seconds: f64) -> f64 {
        self.requests_each_second * self.misses(seconds)
    }

    /// Records in all caches together: a key that is read so often is there for so long each time.
    fn cached(&self, seconds: f64) -> f64 {
        self.reads(seconds) * seconds
    }
}

/// What was measured with the most records.
struct Measured {
    memory: LookUps,
    database: LookUps,
}

impl Measured {
    fn of(rows: Vec<LookUps>) -> Result<Self, Box<dyn Error>> {
        let (mut memory, mut database) = (None, None);
        // the counts of records ascend
        for row in rows {
            match &*row.store {
                "HashMap" => memory = Some(row),
                "PostgreSQL" => database = Some(row),
                _ => {}
            }
        }
        Ok(Self { memory: memory.ok_or("no HashMap")?, database: database.ok_or("no PostgreSQL")? })
    }

    fn record_bytes(&self) -> Result<f64, Box<dyn Error>> {
        Ok(self.memory.bytes.ok_or("too few records to tell their memory: look up 100000 or more")?)
    }

    fn row_bytes(&self) -> Result<f64, Box<dyn Error>> {
        Ok(self.database.bytes.ok_or("PostgreSQL told no size")?)
    }
}

pub(super) fn add(report: &mut Report) -> Result<(), Box<dyn Error>> {
    let (origin, rows) = read::<LookUps>("lookups")?;
    let measured = Measured::of(rows)?;
    let from = format!("From what was measured on {}\n", under(&origin));
    report.blocks.insert("one-core", format!("{}\n{from}", one_core(&measured)));
    report.blocks.insert("services", format!("{}\n{from}", services(&measured)?));
    report.blocks.insert("cache", format!("{}\n{from}", cache(&SERVICES[2], &measured)?));
    Ok(())
}

fn one_core(measured: &Measured) -> String {
    let Measured { memory, database } = measured;
    let records = units::count(memory.records);
    let row = |what: String, ns: f64, of: &str| {
        vec![what, units::time(ns), format!("1 s ÷ {} = {} {of}", units::time(ns), units::count(1e9 / ns))]
    };
    table(
        &["", "takes", "a second"],
        [
            row("verification alone".to_owned(), memory.verification_ns, "a core"),
            row(format!("with its record in a `HashMap` of {records}"), memory.whole_ns, "a core"),
            row(format!("with its record in PostgreSQL, of {records}"), database.whole_ns, "a connection"),
        ],
    )
}

fn services(measured: &Measured) -> Result<String, Box<dyn Error>> {
    let (record, stored) = (measured.record_bytes()?, measured.row_bytes()?);
    let (check, read) = (measured.memory.whole_ns, measured.database.whole_ns);
    let row = |what: String, value: &dyn Fn(&Service) -> String| {
        [what].into_iter().chain(SERVICES.iter().map(value)).collect::<Vec<_>>()
    };
    let mut rows = vec![
        row("assumed: keys".to_owned(), &|service| units::count(service.keys)),
        row("assumed: requests a second".to_owned(), &|service| units::count(service.requests_each_second)),
        row("assumed: nodes".to_owned(), &|service| units::count(service.nodes)),
        row(format!("cores for all checks: requests × {}", units::time(check)), &|service| {
            units::busy(service.requests_each_second * check / 1e9)
        }),
        row(format!("table and index in PostgreSQL: keys × {stored:.0} B"), &|service| {
            units::bytes(service.keys * stored)
        }),
        row(format!("memory for all records: keys × {record:.0} B"), &|service| {
            units::bytes(service.keys * record)
        }),
        row("the same for each node, if each holds its share".to_owned(), &|service| {
            units::bytes(service.keys * record / service.nodes)
        }),
        row("reads a second without a cache".to_owned(), &|service| {
            units::count(service.requests_each_second)
        }),
        row(format!("connections that are busy with them: reads × {}", units::time(read)), &|service| {
            units::busy(service.requests_each_second * read / 1e9)
        }),
    ];
    for seconds in CACHED_SECONDS {
        rows.push(row(format!("reads a second with a cache of {seconds} s"), &|service| {
            units::count(service.reads(seconds).round())
        }));
    }
    let head: Vec<&str> = [""].into_iter().chain(SERVICES.iter().map(|service| service.name)).collect();
    Ok(table(&head, rows))
}

fn cache(service: &Service, measured: &Measured) -> Result<String, Box<dyn Error>> {
    let (record, read) = (measured.record_bytes()?, measured.database.whole_ns);
    let each_key = service.requests_each_key();
    let arithmetic = format!(
        "Of {keys} keys {share} are active: {active}. With {requests} requests a second, each of them is used {each_key} times a second. \
         A cache time of 60 s then misses 1 ÷ (1 + {each_key} × 60) = {misses} of the requests: {requests} × {misses} = {reads} \
         reads a second, and {reads} × 60 s = {cached} records in the caches, of {record:.0} B each.\n\n",
        keys = units::count(service.keys),
        share = units::share(ACTIVE),
        active = units::count(service.active()),
        requests = units::count(service.requests_each_second),
        misses = units::share(service.misses(60.0)),
        reads = units::count(service.reads(60.0)),
        cached = units::count(service.cached(60.0)),
    );
    let row = |time: String, delay: String, seconds: f64| {
        vec![
            time,
            delay,
            units::share(service.misses(seconds)),
            units::count(service.reads(seconds)),
            units::busy(service.reads(seconds) * read / 1e9),
            units::bytes(service.cached(seconds) * record),
            units::share(service.misses_unrouted(seconds)),
        ]
    };
    let mut rows = vec![row("none".to_owned(), "at once".to_owned(), 0.0)];
    rows.extend(
        CACHED_SECONDS.map(|seconds| row(format!("{seconds} s"), format!("up to {seconds} s"), seconds)),
    );
    let head = [
        "cache time",
        "a revoked key is honoured",
        "misses",
        "reads a second",
        "busy connections",
        "memory of all caches",
        "misses, if any node gets any request",
    ];
    Ok(arithmetic + &table(&head, rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hundred keys in use, each once a second.
    const SERVICE: Service = Service { name: "", keys: 1e3, requests_each_second: 100.0, nodes: 4.0 };

    #[test]
    fn a_longer_cache_time_means_fewer_reads() {
        assert_eq!([0.0, 1.0, 3.0].map(|seconds| SERVICE.misses(seconds)), [1.0, 0.5, 0.25]);
        assert_eq!([0.0, 1.0, 3.0].map(|seconds| SERVICE.reads(seconds)), [100.0, 50.0, 25.0]);
        assert_eq!([0.0, 1.0, 3.0].map(|seconds| SERVICE.cached(seconds)), [0.0, 50.0, 75.0]);
        assert_eq!([0.0, 4.0, 12.0].map(|seconds| SERVICE.misses_unrouted(seconds)), [1.0, 0.5, 0.25]);
    }

    /// Neither more than the requests, nor than one read of each key in use for each cache time.
    #[test]
    fn reads_stay_below_both_bounds() {
        for service in &SERVICES {
            for seconds in CACHED_SECONDS {
                let bound = service.requests_each_second.min(service.active() / seconds);
                assert!(service.reads(seconds) < bound, "{} {seconds}", service.name);
                assert!(service.cached(seconds) < service.active(), "{} {seconds}", service.name);
            }
        }
    }
}
