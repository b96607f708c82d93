//! Stores new keys in the SQLite database of a server without data, and prints the keys, one on each line. For
//! `cargo xtask load`.

use std::error::Error;
use std::io::{self, BufWriter, Write};

use ctx_key::ApiKey;
use rusqlite::Connection;

const PARENTS: &str = "
    INSERT INTO accounts VALUES ('acc', 'load@example.com', '', 0);
    INSERT INTO companies VALUES ('org', 'acc', 'Load', 'load', 0);
    INSERT INTO projects (id, company, name, created_at) VALUES ('proj_00000000000000000000000000000000', 'org', 'Load', 0);
";
const KEY: &str = "
    INSERT INTO api_keys (id, digest, project, scopes, name, created_at, updated_at)
    VALUES (?1, ?2, 'proj_00000000000000000000000000000000', 1, 'load', 0, 0)
";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, number] = &arguments[..] else { return Err("usage: store_keys DATABASE NUMBER".into()) };
    let mut database = Connection::open(file)?;
    let transaction = database.transaction()?;
    transaction.execute_batch(PARENTS)?;
    let mut insert = transaction.prepare(KEY)?;
    let mut out = BufWriter::new(io::stdout());
    for _ in 0..number.parse()? {
        let key = ApiKey::try_generate()?;
        insert.execute((key.id().as_str(), key.digest().as_bytes()))?;
        writeln!(out, "{}", key.expose_secret())?;
    }
    drop(insert);
    transaction.commit()?;
    Ok(out.flush()?)
}
