//! The cost of a search among 100,000 memories. It runs on SQLite, or on PostgreSQL with `cargo xtask postgres --`.

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../tests/trouble/mod.rs"]
mod trouble;

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use common::{Data, Server, agent};
use trouble::{execute, number};

const MEMORIES: usize = 100_000;

/// Twenty words that every memory has, and two of its own.
const COMMON: &str = "kettle teapot saucer spoon sugar lemon honey biscuit butter cream table chair window garden river \
                      mountain winter summer morning evening";

fn main() {
    let data = Data::new();
    let server = Server::start(&data);
    server.set_up(&data);
    let (token, company) = server.log_in();
    let (project, key) = server.key(&token, &company, &["memories:read", "memories:write"]);
    let (_, other) = server.key(&token, &company, &["memories:read", "memories:write"]);
    let body = |words: String| json!({ "content": words });
    let store = |name: &str, words: String| {
        let start = Instant::now();
        let (status, _) = server.send("POST", "/v1/memories", Some(&other), Some(&body(words)));
        println!("{name}: {status} after {:?}", start.elapsed());
    };
    let distinct = |number: usize| (0..number).map(|word| format!("{word:x} ")).collect::<String>();
    store("a memory of 20 words", distinct(20));
    store("a memory of 20,000 words", distinct(20_000));
    store("the same of a user", distinct(20_000));
    store("one word 20,000 times", "tea ".repeat(20_000));
    store("33,333 characters without spaces", "茶東京都".repeat(8_333));

    let series = if data.is_postgres() {
        "generate_series(1, 100000) AS n (i)"
    } else {
        "(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) SELECT i FROM n)"
    };
    let start = Instant::now();
    execute(
        &data,
        &format!(
            "INSERT INTO memories (id, project, title, content, tags, metadata, \"user\", created_at, updated_at) \
         SELECT 'mem_' || i, '{project}', 'Note ' || i, '{COMMON} own' || i || ' group' || (i % 100), '[\"t' || (i % 10) || '\"]', '{{}}', \
         'user' || (i % 1000), i, i FROM {series}"
        ),
    );
    println!("{MEMORIES} memories past the server: {:?}", start.elapsed());
    let start = Instant::now();
    while number(&data, "SELECT count(*) FROM memories_without_words") != Some(0) {
        thread::sleep(Duration::from_secs(1));
    }
    println!(
        "indexed after {:?}, {:?} rows",
        start.elapsed(),
        number(&data, "SELECT count(*) FROM memory_words")
    );
    if data.is_postgres() {
        execute(&data, "VACUUM ANALYZE memory_words");
        println!("{:?} bytes", number(&data, "SELECT pg_total_relation_size('memory_words')"));
    }
    let all: Vec<&str> = COMMON.split_whitespace().collect();
    let search = |name: &str, query: &str| {
        let mut times: Vec<(Duration, u16, usize)> = (0..7)
            .map(|_| {
                let start = Instant::now();
                let path = format!("/v1/memories/search?query={query}");
                let (status, answer) = server.send("GET", &path, Some(&key), None);
                let total = answer["total_results"].as_u64().unwrap_or_default() as usize;
                (start.elapsed(), status, total)
            })
            .collect();
        times.sort();
        println!("{name}: median {:?}, slowest {:?}", times[3], times[6]);
    };
    search("a rare word", "own4711");
    search("a rare word and four common ones", &format!("own4711+{}", all[..4].join("+")));
    for count in [1, 2, 4, 8, 20] {
        search(&format!("{count} words of all"), &all[..count].join("+"));
    }
    search("4 words of all, with a tag", &format!("{}&tags=t3", all[..4].join("+")));
    search("20 words of all, with a tag", &format!("{}&tags=t3", all.join("+")));
    search("4 words of all, of a user", &format!("{}&user_id=user7", all[..4].join("+")));
    search("limit 100", &format!("{}&limit=100", all[..4].join("+")));

    // checks of another key, first alone and then while 16 clients search
    let check = || {
        let client = agent();
        let mut times: Vec<Duration> = (0..400)
            .map(|_| {
                let start = Instant::now();
                let url = format!("{}/v1/key", server.url);
                client
                    .get(url)
                    .header("authorization", format!("Bearer {other}"))
                    .call()
                    .unwrap()
                    .body_mut()
                    .read_to_string()
                    .unwrap();
                start.elapsed()
            })
            .collect();
        times.sort();
        (times[200], times[396])
    };
    println!("a check alone: 50 % and 99 %: {:?}", check());
    let path = format!("/v1/memories/search?query={}", all.join("+"));
    let is_over = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        let searching: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    let mut statuses = Vec::new();
                    while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                        let start = Instant::now();
                        let status = server.get(&path, Some(&key)).status().as_u16();
                        statuses.push((status, start.elapsed()));
                    }
                    statuses
                })
            })
            .collect();
        thread::sleep(Duration::from_secs(2));
        println!("a check while 16 search: {:?}", check());
        let start = Instant::now();
        let (status, _) = server.send("POST", "/v1/memories", Some(&other), Some(&body("a b c".into())));
        println!("a new memory while 16 search: {status} after {:?}", start.elapsed());
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        let all: Vec<_> = searching.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        let ok = all.iter().filter(|(status, _)| *status == 200).count();
        println!(
            "{ok} of {} searches were answered with 200, the slowest answer took {:?}",
            all.len(),
            all.iter().map(|(_, time)| *time).max()
        );
    });
}
