//! Settings of the server, from flags and the environment: [`Config`].

use std::fmt::Display;
use std::fs;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use url::Url;

use crate::data_folder::DataFolder;
use crate::database::Location;
use crate::http::connections::{ConnectionLimits, MAX_CONNECTIONS};
use crate::http::rate_limit::DEFAULT_LIMIT;
use crate::key_source::Settings;

/// A reference server for MemoryKit API keys, with a dashboard that creates them and an API that accepts them.
#[derive(Debug, Parser)]
#[command(name = "ctx-key-server", version)]
pub struct Config {
    /// The address to listen on. Others should reach it only through a proxy that speaks TLS
    #[arg(long, env = "CTX_KEY_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,

    #[command(flatten)]
    pub database: DatabaseConfig,

    /// Maximum number of connections to the database for the dashboard and the API
    #[arg(long, env = "CTX_KEY_CONNECTIONS", default_value_t = 8, value_name = "NUMBER", value_parser = connections)]
    pub connections: usize,

    /// Maximum number of connections to the database that look up keys
    #[arg(
        long,
        env = "CTX_KEY_VERIFIER_CONNECTIONS",
        default_value_t = 8,
        value_name = "NUMBER",
        value_parser = connections
    )]
    pub verifier_connections: usize,

    /// Maximum number of connections of clients. One address may have a quarter of them; behind a proxy, all of them
    #[arg(
        long,
        env = "CTX_KEY_MAX_CONNECTIONS",
        default_value_t = MAX_CONNECTIONS,
        value_name = "NUMBER",
        value_parser = client_connections
    )]
    pub max_connections: usize,

    /// Maximum number of keys in the cache, about 280 bytes each
    #[arg(
        long,
        env = "CTX_KEY_CACHE_SIZE",
        default_value_t = 200_000,
        value_name = "NUMBER",
        value_parser = cache_size
    )]
    pub cache_size: usize,

    /// Maximum time from the revocation of a key to its last grant in any other process
    #[arg(long, env = "CTX_KEY_LEASE", default_value = "500", value_name = "MILLISECONDS", value_parser = lease)]
    pub lease: Duration,

    /// Maximum number of requests of a key to a route in 60 seconds, in this process. 0 turns the limit and its headers off
    #[arg(
        long,
        env = "CTX_KEY_RATE_LIMIT",
        default_value_t = DEFAULT_LIMIT,
        value_name = "NUMBER",
        value_parser = rate_limit
    )]
    pub rate_limit: u32,

    /// The URL under which people reach this server. With https, its cookies are Secure
    #[arg(long, env = "CTX_KEY_PUBLIC_URL", value_name = "URL", value_parser = public_url)]
    pub public_url: Option<String>,

    /// The server is behind a proxy: trust its X-Forwarded-For (for the limit of sign-ins), X-Request-Id and
    /// Traceparent
    #[arg(long, env = "CTX_KEY_BEHIND_PROXY")]
    pub behind_proxy: bool,

    /// Seconds for which /readyz answers 503 before the server stops, so that a load balancer sends no new requests
    #[arg(long, env = "CTX_KEY_DRAIN", default_value_t = 0, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(..=3600))]
    pub drain: u32,

    /// Log as lines of JSON
    #[arg(long, env = "CTX_KEY_LOG_JSON")]
    pub log_json: bool,

    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create an account, or give it a new password
    Account {
        #[command(subcommand)]
        command: AccountCommand,
    },
    /// Print a one-time link that creates one more account
    Invite,
    /// Upgrade the database to this version's schema, however long that takes
    Migrate,
    /// Copy the SQLite database to a new file, while servers run
    Backup {
        /// The new file, which must not exist
        file: PathBuf,
    },
    /// Store the records of keys that another system created: all of them, or none if a line is not valid
    Import {
        /// A file with lines of JSON, each a record with a name
        file: PathBuf,
    },
}

/// A command about an account. The password is read from standard input, or typed at a prompt.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Create an account with its company. The password is read from standard input, or typed at a prompt
    Add {
        /// The e-mail address for signing in
        #[arg(long, value_name = "ADDRESS")]
        email: String,
        /// The name of the company. No other company may have it
        #[arg(long, value_name = "NAME")]
        company: String,
    },
    /// Give an account a new password, and end its sessions and tokens. The password is read from standard input, or
    /// typed at a prompt
    ResetPassword {
        /// The e-mail address of the account
        #[arg(long, value_name = "ADDRESS")]
        email: String,
    },
}

/// The database, by a folder or a URL.
#[derive(Debug, Args)]
pub struct DatabaseConfig {
    /// The folder of the SQLite database
    #[arg(long, env = "CTX_KEY_DATA", default_value = "ctx-key-data", value_name = "FOLDER")]
    pub data: PathBuf,

    /// A PostgreSQL database instead of SQLite, as postgres://user:password@host/name
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL", group = "postgres")]
    database_url: Option<String>,

    /// A file with the URL of the PostgreSQL database, such as a mounted secret
    #[arg(long, env = "DATABASE_URL_FILE", value_name = "FILE", group = "postgres")]
    database_url_file: Option<PathBuf>,

    /// A URL of the same PostgreSQL database for the verification of keys: with another user, or through another entry
    /// of a pooler
    #[arg(
        long,
        env = "CTX_KEY_VERIFIER_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL",
        requires = "postgres"
    )]
    verifier_database_url: Option<String>,

    /// A file with the URL for the verification of keys
    #[arg(
        long,
        env = "CTX_KEY_VERIFIER_DATABASE_URL_FILE",
        value_name = "FILE",
        requires = "postgres",
        conflicts_with = "verifier_database_url"
    )]
    verifier_database_url_file: Option<PathBuf>,
}

impl DatabaseConfig {
    /// Returns the location of the database.
    ///
    /// # Errors
    ///
    /// - The file with the URL can't be read.
    pub fn location(&self) -> Result<Location, String> {
        let url = url(self.database_url.as_ref(), self.database_url_file.as_deref())?;
        Ok(url.map_or_else(|| Location::Sqlite(DataFolder(&self.data).database()), Location::Postgres))
    }

    /// Returns the location for the verification of keys. It is the same database, perhaps under another URL.
    ///
    /// # Errors
    ///
    /// - The file with the URL can't be read.
    pub fn key_location(&self) -> Result<Location, String> {
        let file = self.verifier_database_url_file.as_deref();
        let url = url(self.verifier_database_url.as_ref(), file)?;
        url.map_or_else(|| self.location(), |url| Ok(Location::Postgres(url)))
    }
}

impl Config {
    /// Returns the settings of verification.
    pub fn verifier(&self) -> Settings {
        Settings { cache_size: self.cache_size, connections: self.verifier_connections, lease: self.lease }
    }

    /// Returns the limits on connections of clients.
    pub fn connection_limits(&self) -> ConnectionLimits {
        ConnectionLimits { max: self.max_connections, is_behind_proxy: self.behind_proxy }
    }
}

/// Returns the URL that is given directly or in a file.
fn url(url: Option<&String>, file: Option<&Path>) -> Result<Option<String>, String> {
    let Some(file) = file else { return Ok(url.cloned()) };
    let shown = file.display();
    let text = fs::read_to_string(file);
    let text = text.map_err(|error| {
        format!("the file {shown} with the URL of the database can't be read: {}", error.kind())
    })?;
    match text.trim() {
        "" => Err(format!("the file {shown} is empty: write the URL of the database into it")),
        url => Ok(Some(url.to_owned())),
    }
}

/// Reads the URL of a server: a scheme, a host and perhaps a port. It has no path, because the pages and cookies of
/// the server are at `/`. Returns the URL as browsers write an origin (RFC 6454 §6.1).
fn public_url(text: &str) -> Result<String, String> {
    const EXPECTED: &str =
        "expected http:// or https://, a host and perhaps a port, such as https://keys.example.com";
    let url = Url::parse(text).map_err(|error| format!("{error}: {EXPECTED}"))?;
    // the parser also accepts other numbers and kinds of slashes
    let is_plain = text.split_once("://").is_some_and(|(_, rest)| !rest.starts_with(['/', '\\']));
    let has_more = !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some();
    let has_user = !url.username().is_empty() || url.password().is_some();
    if !matches!(url.scheme(), "http" | "https") || !is_plain || has_more || has_user {
        return Err(EXPECTED.to_owned());
    }
    Ok(url.origin().ascii_serialization())
}

fn client_connections(text: &str) -> Result<usize, String> {
    number(text, 16..=100_000)
}

fn connections(text: &str) -> Result<usize, String> {
    number(text, 1..=1_000)
}

fn rate_limit(text: &str) -> Result<u32, String> {
    number(text, 0..=1_000_000)
}

fn cache_size(text: &str) -> Result<usize, String> {
    number(text, 1..=1_000_000_000)
}

/// Reads the length of the lease: the time for which the cache is current after each read of the change log. A lease
/// that is shorter than the time between two reads would end before it is renewed.
fn lease(text: &str) -> Result<Duration, String> {
    let milliseconds = text.parse().ok().filter(|milliseconds| (200..=60_000).contains(milliseconds));
    milliseconds.map(Duration::from_millis).ok_or_else(|| {
        "expected 200 to 60000 milliseconds: the change log is read each 100 ms, and a shorter lease would end before the \
         next read renews it, so that the cache would not be used"
            .to_owned()
    })
}

fn number<T: FromStr + PartialOrd + Display>(text: &str, range: RangeInclusive<T>) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("expected a whole number from {} to {}", range.start(), range.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Config, clap::Error> {
        Config::try_parse_from([&["ctx-key-server"], arguments].concat())
    }

    #[test]
    fn a_number_has_a_minimum_and_a_maximum() {
        let greatest = u64::MAX.to_string();
        for (flag, min, max) in [
            ("--connections", 1, 1_000),
            ("--verifier-connections", 1, 1_000),
            ("--max-connections", 16, 100_000),
            ("--cache-size", 1, 1_000_000_000),
            ("--lease", 200, 60_000),
            ("--rate-limit", 0, 1_000_000),
            ("--drain", 0, 3_600),
        ] {
            for valid in [min, max] {
                parse(&[flag, &valid.to_string()]).expect(flag);
            }
            let below = i64::from(min) - 1;
            for invalid in
                [below.to_string(), (max + 1).to_string(), greatest.clone(), "1.5".into(), String::new()]
            {
                let argument = format!("{flag}={invalid}");
                let error = parse(&[&argument]).expect_err(&argument).to_string();
                assert!(error.contains(flag) && error.contains(&invalid), "{error}");
            }
        }
    }

    #[test]
    fn each_setting_reaches_its_place() {
        let config = parse(&[]).unwrap();
        assert_eq!((config.listen.to_string(), config.connections), ("127.0.0.1:8080".into(), 8));
        assert_eq!((config.rate_limit, config.drain, config.log_json), (6_000, 0, false));
        assert_eq!(
            (config.public_url.as_deref(), config.database.data.to_str()),
            (None, Some("ctx-key-data"))
        );
        let Settings { cache_size, connections, lease } = config.verifier();
        assert_eq!((cache_size, connections, lease), (200_000, 8, Duration::from_millis(500)));
        let ConnectionLimits { max, is_behind_proxy } = config.connection_limits();
        assert_eq!((max, is_behind_proxy), (4_096, false));

        let verifier =
            ["--connections", "2", "--verifier-connections", "3", "--cache-size", "4", "--lease", "205"];
        let clients = ["--max-connections", "16", "--behind-proxy", "--rate-limit", "7", "--drain", "8"];
        let config = parse(&[&verifier[..], &clients].concat()).unwrap();
        assert_eq!((config.connections, config.rate_limit, config.drain), (2, 7, 8));
        let Settings { cache_size, connections, lease } = config.verifier();
        assert_eq!((cache_size, connections, lease), (4, 3, Duration::from_millis(205)));
        let ConnectionLimits { max, is_behind_proxy } = config.connection_limits();
        assert_eq!((max, is_behind_proxy), (16, true));
    }

    /// The help shows the value of a variable, unless it may have a password in it.
    #[test]
    fn each_setting_has_a_variable_that_is_named_like_it() {
        for argument in <Config as clap::CommandFactory>::command().get_arguments() {
            let Some(flag) = argument.get_long().filter(|flag| !["help", "version"].contains(flag)) else {
                continue;
            };
            let name = flag.replace('-', "_").to_uppercase();
            let expected = if name.starts_with("DATABASE_URL") { name } else { format!("CTX_KEY_{name}") };
            let variable = argument.get_env().and_then(|name| name.to_str());
            assert_eq!(variable, Some(expected.as_str()), "{flag}");
            let is_secret = flag.ends_with("database-url");
            assert_eq!(argument.is_hide_env_values_set(), is_secret, "{flag}");
        }
    }

    #[test]
    fn a_database_is_a_folder_or_a_url_and_keys_may_have_a_url_of_their_own() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (database, keys) =
            (file("database", "\n postgres://a@h/d\r\n"), file("keys", "postgres://b@h/d\n"));
        let shown = |location: Location| match location {
            Location::Sqlite(path) => path.display().to_string(),
            Location::Postgres(url) => url,
        };
        const SQLITE: &str = "data/ctx-key.sqlite";
        for (arguments, location, key_location) in [
            (&["--data", "data"][..], SQLITE, SQLITE),
            (&["--database-url", "postgres://c@h/d"], "postgres://c@h/d", "postgres://c@h/d"),
            (&["--database-url-file", &database], "postgres://a@h/d", "postgres://a@h/d"),
            (
                &["--database-url-file", &database, "--verifier-database-url", "postgres://e@h/d"],
                "postgres://a@h/d",
                "postgres://e@h/d",
            ),
            (
                &["--database-url", "postgres://c@h/d", "--verifier-database-url-file", &keys],
                "postgres://c@h/d",
                "postgres://b@h/d",
            ),
        ] {
            let config = parse(arguments).unwrap().database;
            let found = [config.location(), config.key_location()].map(|location| location.map(shown));
            assert_eq!(found, [Ok(location.to_owned()), Ok(key_location.to_owned())], "{arguments:?}");
        }
    }

    #[test]
    fn a_public_url_is_an_origin() {
        for (text, origin) in [
            ("https://keys.example.com", "https://keys.example.com"),
            ("HTTPS://Keys.Example.COM/", "https://keys.example.com"),
            (" https://keys.example.com\n", "https://keys.example.com"),
            ("https://keys.example.com:443", "https://keys.example.com"),
            ("https://keys.example.com:8443/", "https://keys.example.com:8443"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:80", "http://[::1]"),
            ("https://schlüssel.example", "https://xn--schlssel-95a.example"),
        ] {
            assert_eq!(public_url(text).as_deref(), Ok(origin), "{text}");
        }
        for text in [
            "",
            "foo",
            "keys.example.com",
            "keys.example.com:8080",
            "//keys.example.com",
            "/",
            "https:",
            "https://",
            "https://:8080",
            "ftp://keys.example.com",
            "ws://keys.example.com",
            "file:///etc",
            "data:,x",
            "javascript:alert(1)",
            "https:keys.example.com",
            "https:/keys.example.com",
            "https:///keys.example.com",
            "https:\\\\keys.example.com",
            "https://\\keys.example.com",
            "https://keys.example.com/path",
            "https://keys.example.com//",
            "https://keys.example.com?a",
            "https://keys.example.com/#a",
            "https://user@keys.example.com",
            "https://:secret@keys.example.com",
            "https://keys.example.com:70000",
            "https://a b",
            "https://[::1",
        ] {
            let error = public_url(text).expect_err(text);
            assert!(
                error.ends_with("such as https://keys.example.com") && !error.contains("secret"),
                "{error}"
            );
        }
    }
}
