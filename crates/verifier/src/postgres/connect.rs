//! The address of a PostgreSQL database, and how to connect to it: [`Config`].

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use percent_encoding::percent_decode_str;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::tls::{self, Verification};

/// Maximum time that a caller waits for a connection of a pool.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// Default time-out for a TCP connection to one host.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Time-out for TLS and the log-in, after the TCP connection.
const LOG_IN_TIMEOUT: Duration = Duration::from_secs(5);
/// Time without an acknowledgement after which a host counts as gone.
const HOST_TIMEOUT: Duration = Duration::from_secs(5);

/// The address of a PostgreSQL database, and how to log in.
///
/// It sends no start-up parameter that PgBouncer refuses by default, unless the URL has one.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ctx_key_verifier::postgres::Config;
///
/// let config = Config::new("postgres://app:secret@db.example.com/app?sslmode=verify-full")?;
/// let pool = config.pool(8);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Config {
    /// Hosts, the log-in and time-outs: everything in the URL except the verification of TLS.
    pub postgres: tokio_postgres::Config,
    /// TLS as `sslmode` and `sslrootcert` configure it, for connections outside of [`pool`](Self::pool).
    pub tls: MakeRustlsConnect,
}

impl Config {
    /// Reads `postgres://user:password@host:port/database?sslmode=…`.
    ///
    /// | `sslmode` | encrypted | the server's certificate |
    /// |---|---|---|
    /// | `disable` | no | |
    /// | `prefer`, the default | if the server can | is not verified |
    /// | `require` | yes | is verified as with `verify-ca` if there is an `sslrootcert` |
    /// | `verify-ca` | yes | comes from an authority in `sslrootcert` |
    /// | `verify-full` | yes | also names the host |
    ///
    /// `sslrootcert` is a PEM file. `verify-full` without one, or with `sslrootcert=system`, trusts the authorities that
    /// the system trusts. Other parameters are those of [`tokio_postgres::Config`], such as `target_session_attrs=read-write`
    /// for several hosts.
    ///
    /// Time-outs are in seconds, even that of `tcp_user_timeout`, which libpq reads as milliseconds. The default of
    /// `connect_timeout` is 2. The default of `tcp_user_timeout`, `keepalives_idle` and `keepalives_interval` is 5, so
    /// that a host that is gone is noticed. A value of 0 stands for the default, and so does `keepalives_idle=7200`.
    ///
    /// # Errors
    ///
    /// - The URL can't be parsed, or has an unknown parameter.
    /// - The mode is none of these, or does not fit `sslrootcert`.
    /// - The file of `sslrootcert` can't be read or has no certificate.
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        let (url, ssl) = SslParameters::take(url)?;
        let mut postgres: tokio_postgres::Config = url.parse().map_err(|_| ConfigError::Url)?;
        let (ssl_mode, verification) = ssl.verification()?;
        postgres.ssl_mode(ssl_mode);
        set_default_timeouts(&mut postgres);
        let tls = MakeRustlsConnect::new(tls::client_config(&verification)?);
        Ok(Self { postgres, tls })
    }

    /// Creates a pool of at most `size` connections. It connects when a connection is needed, and does not test
    /// connections when it hands them out.
    pub fn pool(&self, size: usize) -> Pool {
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(self.postgres.clone(), self.tls.clone(), recycling);
        let builder = Pool::builder(manager).max_size(size.max(1)).runtime(Runtime::Tokio1);
        let builder = builder.wait_timeout(Some(ACQUIRE_TIMEOUT)).create_timeout(Some(self.create_timeout()));
        match builder.build() {
            Ok(pool) => pool,
            Err(_) => unreachable!("the builder has a runtime for its time-outs"),
        }
    }

    fn create_timeout(&self) -> Duration {
        // a URL may have addresses (`hostaddr`) instead of hosts
        let hosts = self.postgres.get_hosts().len().max(self.postgres.get_hostaddrs().len());
        let hosts = u32::try_from(hosts).unwrap_or(u32::MAX);
        let connect = self.postgres.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT);
        connect.saturating_mul(hosts.max(1)).saturating_add(LOG_IN_TIMEOUT)
    }
}

/// Sets the time-outs that the URL does not set.
fn set_default_timeouts(postgres: &mut tokio_postgres::Config) {
    if postgres.get_connect_timeout().is_none() {
        postgres.connect_timeout(CONNECT_TIMEOUT);
    }
    if postgres.get_tcp_user_timeout().is_none() {
        postgres.tcp_user_timeout(HOST_TIMEOUT);
    }
    if postgres.get_keepalives_interval().is_none() {
        postgres.keepalives_interval(HOST_TIMEOUT);
    }
    // tokio-postgres has a default for this one, so a URL with that value looks like a URL without one
    if postgres.get_keepalives_idle() == tokio_postgres::Config::new().get_keepalives_idle() {
        postgres.keepalives_idle(HOST_TIMEOUT);
    }
}

/// Shows only the hosts of the URL.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("hosts", &self.postgres.get_hosts()).finish_non_exhaustive()
    }
}

/// Error of [`Config::new`]. The path of `sslrootcert` is the only part of the URL that it repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The URL can't be parsed.
    Url,
    /// The value of `sslmode` is unknown.
    SslMode,
    /// `verify-ca` without `sslrootcert`.
    NoRootCertificate,
    /// `sslrootcert=system` with a mode that does not verify the host's name. Everyone can get a certificate from the
    /// authorities that the system trusts.
    WeakSystemCertificates,
    /// `sslrootcert` with a mode that verifies nothing.
    UnusedRootCertificate,
    /// This file can't be read, or has no certificate.
    RootCertificate(PathBuf),
    /// The system has no authorities that it trusts.
    NoSystemCertificates,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Url => {
                "the database URL is not valid: expected postgres://user:password@host:port/database with known \
                 parameters, and special characters as %XX"
            }
            Self::SslMode => "unknown sslmode: use disable, prefer, require, verify-ca or verify-full",
            Self::NoRootCertificate => "sslmode=verify-ca needs sslrootcert, the path of a PEM file",
            Self::WeakSystemCertificates => "sslrootcert=system needs sslmode=verify-full",
            Self::UnusedRootCertificate => "sslrootcert needs sslmode=verify-full, verify-ca or require",
            Self::RootCertificate(path) => {
                return write!(f, "sslrootcert={} can't be read as certificates in PEM", path.display());
            }
            Self::NoSystemCertificates => "the system has no trusted certificates: set sslrootcert to a PEM file",
        })
    }
}

impl std::error::Error for ConfigError {}

/// The parameters of a URL that tokio-postgres does not support, or not with every value.
#[derive(Debug, Default)]
struct SslParameters {
    mode: Option<String>,
    root: Option<String>,
}

impl SslParameters {
    /// Takes the parameters out of a URL. Returns the rest of the URL, and the parameters.
    fn take(url: &str) -> Result<(String, Self), ConfigError> {
        let has_scheme = url.starts_with("postgres://") || url.starts_with("postgresql://");
        if !has_scheme {
            return Err(ConfigError::Url);
        }
        // the password may contain a question mark, so the search starts after it, as in tokio-postgres
        let host = url.find('@').unwrap_or_default();
        let Some(query) = url.get(host..).and_then(|rest| rest.find('?')) else {
            return Ok((url.to_owned(), Self::default()));
        };
        let (start, query) = url.split_at(host.saturating_add(query));
        let mut found = Self::default();
        let mut rest = String::new();
        for parameter in query.trim_start_matches('?').split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let decode = |text: &str| {
                percent_decode_str(text).decode_utf8().map(String::from).map_err(|_| ConfigError::Url)
            };
            let value = || decode(value);
            // tokio-postgres decodes names too: it would read a mode that the pool then replaces
            match decode(name)?.as_str() {
                "sslmode" => found.mode = Some(value()?),
                "sslrootcert" => found.root = Some(value()?),
                _ => {
                    rest.push(if rest.is_empty() { '?' } else { '&' });
                    rest.push_str(parameter);
                }
            }
        }
        Ok((format!("{start}{rest}"), found))
    }

    fn verification(&self) -> Result<(SslMode, Verification), ConfigError> {
        use Verification::{Chain, Nothing, System, Whole};
        let path = self.root.as_ref().filter(|root| *root != "system").map(PathBuf::from);
        let root = self.root.as_ref().map(|_| path.ok_or("system"));
        Ok(match (self.mode.as_deref(), root) {
            (Some("disable"), None) => (SslMode::Disable, Nothing),
            (None | Some("prefer"), None) => (SslMode::Prefer, Nothing),
            (None | Some("disable" | "prefer"), Some(Ok(_))) => {
                return Err(ConfigError::UnusedRootCertificate);
            }
            (Some("require"), None) => (SslMode::Require, Nothing),
            (Some("require" | "verify-ca"), Some(Ok(path))) => (SslMode::Require, Chain(path)),
            (Some("verify-ca"), None) => return Err(ConfigError::NoRootCertificate),
            (None | Some("disable" | "prefer" | "require" | "verify-ca"), Some(Err(_))) => {
                return Err(ConfigError::WeakSystemCertificates);
            }
            (Some("verify-full"), Some(Ok(path))) => (SslMode::Require, Whole(path)),
            (Some("verify-full"), _) => (SslMode::Require, System),
            (Some(_), _) => return Err(ConfigError::SslMode),
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::Host;

    use super::*;

    /// Returns the mode and the verification, or the error.
    fn verification(mode: Option<&str>, root: Option<&str>) -> String {
        let [mode, root] = [mode, root].map(|value| value.map(str::to_owned));
        match (SslParameters { mode, root }).verification() {
            Ok((mode, verification)) => format!("{mode:?} {verification:?}"),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn each_mode_verifies_what_the_documentation_says() {
        let (unused, none, unknown) = ("UnusedRootCertificate", "NoRootCertificate", "SslMode");
        let weak = "WeakSystemCertificates";
        for (mode, without, file, system) in [
            (None, "Prefer Nothing", unused, weak),
            (Some("prefer"), "Prefer Nothing", unused, weak),
            (Some("disable"), "Disable Nothing", unused, weak),
            (Some("require"), "Require Nothing", "Require Chain(\"a.pem\")", weak),
            (Some("verify-ca"), none, "Require Chain(\"a.pem\")", weak),
            (Some("verify-full"), "Require System", "Require Whole(\"a.pem\")", "Require System"),
            (Some("allow"), unknown, unknown, unknown),
            (Some(""), unknown, unknown, unknown),
        ] {
            let actual = [None, Some("a.pem"), Some("system")].map(|root| verification(mode, root));
            assert_eq!(actual, [without, file, system], "{mode:?}");
        }
    }

    #[test]
    fn the_parameters_of_tls_are_taken_out_of_the_url() {
        let taken = |url| {
            let (rest, SslParameters { mode, root }) = SslParameters::take(url).unwrap();
            (rest, mode, root)
        };
        for (url, rest, mode, root) in [
            ("postgres://h/d", "postgres://h/d", None, None),
            ("postgresql://h?sslmode=a", "postgresql://h", Some("a"), None),
            ("postgres://h?sslrootcert=%2Fa%20b&sslmode=%61", "postgres://h", Some("a"), Some("/a b")),
            ("postgres://h?a=1&sslmode=b&c=%20&d=2", "postgres://h?a=1&c=%20&d=2", Some("b"), None),
            // the first `@` ends the password, as in tokio-postgres
            ("postgres://u:?sslmode=a@h?sslmode=b", "postgres://u:?sslmode=a@h", Some("b"), None),
            (
                "postgres://u@h?application_name=a@b&sslmode=c",
                "postgres://u@h?application_name=a@b",
                Some("c"),
                None,
            ),
            ("postgres://h?sslmode", "postgres://h", Some(""), None),
            // tokio-postgres decodes the names of parameters
            ("postgres://h?ssl%6Dode=a&%73slrootcert=b&c%20=d", "postgres://h?c%20=d", Some("a"), Some("b")),
        ] {
            let expected = (rest.to_owned(), mode.map(str::to_owned), root.map(str::to_owned));
            assert_eq!(taken(url), expected, "{url}");
        }
        for url in ["postgres:/h", "postgresx://h", " postgres://h", "Postgres://h", "postgres://h?%FF=a"] {
            assert_eq!(SslParameters::take(url).err(), Some(ConfigError::Url), "{url}");
        }
    }

    #[test]
    fn each_error_says_what_to_do() {
        for (url, text) in [
            (
                "mysql://h/d",
                "the database URL is not valid: expected postgres://user:password@host:port/database with known \
                 parameters, and special characters as %XX",
            ),
            (
                "postgres://h/d?sslmode=allow",
                "unknown sslmode: use disable, prefer, require, verify-ca or verify-full",
            ),
            (
                "postgres://h/d?sslmode=verify-ca",
                "sslmode=verify-ca needs sslrootcert, the path of a PEM file",
            ),
            (
                "postgres://h/d?sslrootcert=a.pem",
                "sslrootcert needs sslmode=verify-full, verify-ca or require",
            ),
            (
                "postgres://h/d?sslmode=require&sslrootcert=system",
                "sslrootcert=system needs sslmode=verify-full",
            ),
            (
                "postgres://h/d?sslmode=require&sslrootcert=/no%20where/a.pem",
                "sslrootcert=/no where/a.pem can't be read as certificates in PEM",
            ),
        ] {
            let error = Config::new(url).err().map(|error| error.to_string());
            assert_eq!(error.as_deref(), Some(text), "{url}");
        }
        let text = "the system has no trusted certificates: set sslrootcert to a PEM file";
        assert_eq!(ConfigError::NoSystemCertificates.to_string(), text);
    }

    #[test]
    fn a_configuration_has_its_time_outs() {
        let config = |url| Config::new(url).unwrap();
        for (url, mode, connect, create) in [
            ("postgres://u@h/d", SslMode::Prefer, 2, 7),
            ("postgres://u@a,b,c/d?sslmode=disable", SslMode::Disable, 2, 11),
            ("postgres://u@a,b/d?connect_timeout=9&sslmode=require", SslMode::Require, 9, 23),
            ("postgres://u@h/d?ssl%6Dode=require", SslMode::Require, 2, 7),
            ("postgres:///d?hostaddr=127.0.0.1,127.0.0.2", SslMode::Prefer, 2, 9),
            ("postgres:///d", SslMode::Prefer, 2, 7),
        ] {
            let config = config(url);
            assert_eq!(config.postgres.get_ssl_mode(), mode, "{url}");
            assert_eq!(config.postgres.get_connect_timeout(), Some(&Duration::from_secs(connect)), "{url}");
            assert_eq!(config.postgres.get_tcp_user_timeout(), Some(&Duration::from_secs(5)), "{url}");
            assert_eq!(config.postgres.get_keepalives_idle(), Duration::from_secs(5), "{url}");
            assert_eq!(config.postgres.get_keepalives_interval(), Some(Duration::from_secs(5)), "{url}");
            let pool = config.pool(3);
            assert_eq!(pool.status().max_size, 3);
            let timeouts = pool.timeouts();
            assert_eq!(timeouts.wait, Some(Duration::from_secs(2)), "{url}");
            assert_eq!(timeouts.create, Some(Duration::from_secs(create)), "{url}");
            // nothing is sent when a connection is handed out
            assert_eq!(timeouts.recycle, None, "{url}");
        }
        assert_eq!(config("postgres://h").pool(0).status().max_size, 1);
        let explicit = config("postgres://h?keepalives_idle=30&keepalives_interval=7&tcp_user_timeout=40");
        assert_eq!(explicit.postgres.get_keepalives_idle(), Duration::from_secs(30));
        assert_eq!(explicit.postgres.get_keepalives_interval(), Some(Duration::from_secs(7)));
        assert_eq!(explicit.postgres.get_tcp_user_timeout(), Some(&Duration::from_secs(40)));
        let hosts = config("postgres://a,b:1?sslmode=disable").postgres.get_hosts().to_vec();
        assert_eq!(hosts, [Host::Tcp("a".into()), Host::Tcp("b".into())]);
    }
}
