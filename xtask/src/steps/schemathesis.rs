//! Sends requests that are generated from the OpenAPI document. The document must allow every answer.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use xshell::{Shell, cmd};

use crate::process::{self, Background};
use crate::{tools, tree};

const VERSION: &str = "4.32.5";
const SCOPES: [&str; 6] =
    ["memories:read", "memories:write", "chats:read", "chats:write", "users:read", "users:write"];

/// An expiry that the server accepts. A schema can't require that a time is in the future.
const LATER: &str = "2999-12-31T00:00:00Z";

/// Sends the same requests in each run.
pub fn run(sh: &Shell) -> Result<()> {
    generate(sh, 40, 1).map(drop)
}

/// Sends ten times as many requests. They differ in each run, unless a seed is given.
pub fn many(sh: &Shell, arguments: &[String]) -> Result<String> {
    let seed = match arguments.first() {
        Some(seed) => seed.parse().context("SEED must be a number")?,
        None => SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_nanos(),
    };
    let [by_key, by_token] = generate(sh, 400, seed)?;
    Ok(format!(
        "400 examples of each operation, seed {seed}: no finding. With a key: {by_key}. With an account's token: {by_token}.\n"
    ))
}

/// Sends requests to a new server, on SQLite or on the empty PostgreSQL database that DATABASE_URL names. Returns the
/// generator's counts, first for requests with a key, then for those with an account's token.
fn generate(sh: &Shell, examples: u32, seed: u32) -> Result<[String; 2]> {
    tools::install(sh, &[&tools::PYTHON, &tools::CURL])?;
    cmd!(sh, "cargo build --quiet --locked -p ctx-key-server").run()?;
    let folder = tempfile::tempdir()?;
    let environment = &folder.path().join("venv");
    cmd!(sh, "python3 -m venv {environment}").run()?;
    let package = format!("schemathesis=={VERSION}");
    cmd!(sh, "{environment}/bin/pip install --quiet --disable-pip-version-check {package}").run()?;

    let mut server = Server::start(sh, folder.path())?;
    let account = server.set_up(sh)?;
    // so that generated requests name a company and a project that exist
    sh.write_file(folder.path().join("schemathesis.toml"), account.settings())?;
    let _there = sh.push_dir(folder.path());
    let send = |bearer: &str, choice: &[&str]| {
        let document = format!("{}/openapi.json", server.url);
        let (examples, seed) = (examples.to_string(), seed.to_string());
        let run = cmd!(sh, "venv/bin/schemathesis --config-file schemathesis.toml run {document} --header")
            .arg(format!("Authorization: Bearer {bearer}"))
            .args(["--max-examples", &examples, "--seed", &seed, "--checks", "all"])
            // The server refuses a NUL in every text, which a schema can't express for the keys and values of `metadata`. The
            // server's tests of its API send one.
            .args(["--generation-allow-x00", "false", "--generation-database", "none", "--no-color"])
            // so that a slow machine does not cause a finding
            .args(["--suppress-health-check", "too_slow"])
            .args(choice);
        let printed = process::read(run)?;
        print!("{printed}");
        counts(&printed).context("schemathesis counts no requests")
    };
    // if the key revoked itself, later requests would fail; the server's tests of its management test that route
    let by_key = send(&account.key, &["--include-path-regex", "^/v1/", "--exclude-path", "/v1/key/revoke"])?;
    // the same holds for a token that logs out
    let by_token = send(
        &account.token,
        &["--include-path-regex", "^/api/v1/", "--exclude-path", "/api/v1/auth/logout"],
    )?;
    ensure!(server.process.0.try_wait()?.is_none(), "the server has ended");
    Ok([by_key, by_token])
}

/// Returns the line that counts requests, for example "473 generated, 473 passed, 10 skipped".
fn counts(printed: &str) -> Option<String> {
    printed.lines().find(|line| line.contains(" generated, ")).map(|line| line.trim().to_owned())
}

struct Server {
    process: Background,
    url: String,
    link: String,
}

/// The account, project and key that set-up creates. The key has all scopes.
struct Account {
    token: String,
    company: String,
    project: String,
    key: String,
}

impl Account {
    fn settings(&self) -> String {
        let Self { company, project, .. } = self;
        format!(
            "[parameters]
company = \"{company}\"
[[operations]]
include-operation-id = \"createKey\"
parameters = {{ \"body.project_id\" = \"{project}\", \"body.expires_at\" = \"{LATER}\" }}
[[operations]]
include-operation-id = [\"rotateKey\", \"createToken\"]
parameters = {{ \"body.expires_at\" = \"{LATER}\" }}
# a schema can't say that a time is in the future
[[operations]]
include-operation-id = [\"createKey\", \"rotateKey\", \"createToken\"]
checks.positive_data_acceptance.expected-statuses = [201, 400, 404, 409]
# or that a place is one that the list gave
[[operations]]
include-operation-id = [\"listKeys\", \"listMemories\", \"listChats\", \"listMessages\", \"listEvents\"]
checks.positive_data_acceptance.expected-statuses = [200, 400, 404]
# or that a wrong item is in the answer, beside those that are stored
[[operations]]
include-operation-id = \"createMemories\"
checks.negative_data_rejection.expected-statuses = [202, 400, 401, 403, 413]
"
        )
    }
}

impl Server {
    fn start(sh: &Shell, folder: &Path) -> Result<Self> {
        let _log = sh.push_env("RUST_LOG", "warn");
        let (program, data) = (tree::target().join("debug/ctx-key-server"), folder.join("data"));
        let arguments = ["--listen".as_ref(), "127.0.0.1:0".as_ref(), "--data".as_ref(), data.as_os_str()];
        let mut process = Background::start(sh, &program, &arguments, Stdio::piped())?;
        // it prints its address, a sentence, and the link that creates the first account
        let mut lines = BufReader::new(process.0.stdout.take().context("no pipe")?).lines();
        let mut line = || lines.next().context("the server has ended")?.context("the server prints no line");
        let (url, _, link) = (line()?, line()?, line()?);
        let link = link.split_once("link=").context("the server prints no link")?.1.to_owned();
        Ok(Self { process, url, link })
    }

    fn set_up(&self, sh: &Shell) -> Result<Account> {
        let Self { url, link, .. } = self;
        let form = cmd!(sh, "curl --silent --show-error --fail-with-body --data-urlencode link={link}")
            .args(["--data", "email=ada@example.com", "--data", "company=Example"])
            .args(["--data-urlencode", "password=a long enough password"]);
        process::read(form.arg(format!("{url}/set-up")))?;
        let login = json!({ "email": "ada@example.com", "password": "a long enough password" });
        let login = self.post(sh, "/api/v1/auth/login", None, &login)?;
        let token = text(&login, "/access_token")?;
        let company = text(&login, "/companies/0/id")?;
        let post =
            |kind, body| self.post(sh, &format!("/api/v1/companies/{company}/{kind}"), Some(&token), &body);
        let project = text(&post("projects", json!({ "name": "tested" }))?, "/id")?;
        let key = json!({ "project_id": project, "name": "tested", "scopes": SCOPES });
        let key = text(&post("api-keys", key)?, "/api_key")?;
        Ok(Account { token, company, project, key })
    }

    fn post(&self, sh: &Shell, path: &str, token: Option<&str>, body: &Value) -> Result<Value> {
        let (url, body) = (format!("{}{path}", self.url), body.to_string());
        let account = token.map(|token| ["--header".to_owned(), format!("authorization: Bearer {token}")]);
        let send = cmd!(sh, "curl --silent --show-error --fail-with-body --data {body} {url}")
            .args(["--header", "content-type: application/json"])
            .args(account.iter().flatten());
        Ok(serde_json::from_str(&process::read(send)?)?)
    }
}

/// Returns the text at a JSON pointer.
fn text(value: &Value, pointer: &str) -> Result<String> {
    let text = value.pointer(pointer).and_then(Value::as_str);
    Ok(text.with_context(|| format!("no text at {pointer} of {value}"))?.to_owned())
}
