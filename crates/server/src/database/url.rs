//! The URL of a PostgreSQL database, with every `sslmode` of libpq.

use std::error::Error;
use std::path::PathBuf;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use super::DatabaseError;

/// What of the server's certificate is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verification {
    /// Nothing: TLS keeps out whoever only listens.
    None,
    /// That a known authority issued it.
    Chain,
    /// The same, and that it was issued for the host.
    Full,
}

/// A URL, read.
#[derive(Debug)]
pub(super) struct Url {
    pub(super) config: Config,
    pub(super) verification: Verification,
    pub(super) root_certificates: Option<PathBuf>,
}

impl Url {
    /// Reads a URL. Those of TLS are the parameters that tokio-postgres does not know, or knows less of.
    pub(super) fn parse(text: &str) -> Result<Self, DatabaseError> {
        let is_url = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
        if !is_url {
            return Err(invalid("it begins with postgres://"));
        }
        // a user or password may have a question mark
        let host = text.find('@').unwrap_or(0);
        let end = text[host..].find('?').map_or(text.len(), |at| host + at);
        let (rest, parameters) = (&text[..end], text.get(end + 1..).unwrap_or_default());
        let (mut kept, mut mode, mut root_certificates) = (Vec::new(), None, None);
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => root_certificates = Some(decode(value).into()),
                _ => kept.push(parameter),
            }
        }
        let (mode, verification) = match mode {
            Some("disable") => (SslMode::Disable, Verification::None),
            None | Some("prefer") => (SslMode::Prefer, Verification::None),
            // as libpq does it, for compatibility: who names the authority wants it verified
            Some("require") if root_certificates.is_some() => (SslMode::Require, Verification::Chain),
            Some("require") => (SslMode::Require, Verification::None),
            Some("verify-ca") => (SslMode::Require, Verification::Chain),
            Some("verify-full") => (SslMode::Require, Verification::Full),
            Some(_) => {
                return Err(invalid("sslmode is disable, prefer, require, verify-ca or verify-full"));
            }
        };
        let mut config: Config =
            format!("{rest}?{}", kept.join("&")).parse().map_err(|error| known(&error))?;
        config.ssl_mode(mode);
        Ok(Self { config, verification, root_certificates })
    }
}

/// Percent-decodes a value, in which a `+` is one.
fn decode(value: &str) -> String {
    let value = value.replace('+', "%2B").replace('=', "%3D");
    form_urlencoded::parse(value.as_bytes()).map(|(name, _)| name).collect()
}

fn invalid(why: &str) -> DatabaseError {
    DatabaseError::Unavailable(format!("the database's URL can't be read: {why}"))
}

/// Names a parameter that has an invalid value. Any other message might quote a piece of a password.
fn known(error: &tokio_postgres::Error) -> DatabaseError {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    if cause.starts_with("invalid value for option") {
        return invalid(&cause);
    }
    invalid(
        "it has the form postgres://user:password@host:port/name?sslmode=…, with %40 for an @ in the user or password",
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{DatabaseError, SslMode, Url, Verification};

    fn parsed(parameters: &str) -> (SslMode, Verification, Option<String>) {
        let url = Url::parse(&format!("postgres://ada:secret@localhost:5433/keys{parameters}")).unwrap();
        let roots = url.root_certificates.map(|path| path.to_str().unwrap().to_owned());
        (url.config.get_ssl_mode(), url.verification, roots)
    }

    #[test]
    fn every_sslmode_of_libpq_is_known_but_allow() {
        let cases = [
            ("", SslMode::Prefer, Verification::None),
            ("?sslmode=disable", SslMode::Disable, Verification::None),
            ("?sslmode=prefer", SslMode::Prefer, Verification::None),
            ("?sslmode=require", SslMode::Require, Verification::None),
            ("?sslmode=verify-ca", SslMode::Require, Verification::Chain),
            ("?sslmode=verify-full", SslMode::Require, Verification::Full),
            ("?sslmode=verify-full&connect_timeout=3", SslMode::Require, Verification::Full),
        ];
        for (parameters, mode, verification) in cases {
            assert_eq!(parsed(parameters), (mode, verification, None), "{parameters}");
        }
        for parameters in ["?sslmode=allow", "?sslmode=verify_full", "?sslmode=", "?sslmode=VERIFY-FULL"] {
            let error = Url::parse(&format!("postgres://localhost/keys{parameters}")).unwrap_err();
            let expected = "the database's URL can't be read: sslmode is disable, prefer, require, verify-ca or \
                            verify-full";
            assert_eq!(error, DatabaseError::Unavailable(expected.into()), "{parameters}");
        }
    }

    #[test]
    fn a_file_of_root_certificates_is_verified_against() {
        let roots = Some("/etc/my roots+more=1.pem".to_owned());
        let file = "sslrootcert=/etc/my%20roots+more=1.pem";
        assert_eq!(
            parsed(&format!("?sslmode=verify-full&{file}")),
            (SslMode::Require, Verification::Full, roots.clone())
        );
        assert_eq!(
            parsed(&format!("?{file}&sslmode=require")),
            (SslMode::Require, Verification::Chain, roots.clone())
        );
        assert_eq!(parsed(&format!("?{file}")), (SslMode::Prefer, Verification::None, roots));
    }

    #[test]
    fn the_rest_is_left_to_tokio_postgres() {
        let url = Url::parse("postgresql://ada:s?cret@%2Ftmp,db.example:5433/keys?application_name=x");
        let config = url.unwrap().config;
        use tokio_postgres::config::Host;
        let hosts = [Host::Unix(Path::new("/tmp").into()), Host::Tcp("db.example".into())];
        assert_eq!(config.get_hosts(), hosts);
        assert_eq!(config.get_password(), Some(&b"s?cret"[..]));
        assert_eq!(config.get_dbname(), Some("keys"));
        assert_eq!(config.get_application_name(), Some("x"));
    }

    #[test]
    fn no_message_quotes_a_password() {
        let urls = [
            "postgres://ada:secret@localhost/keys?secret=secret",
            "postgres://ada:se%ffcret@local%ffhost/keys",
            "mysql://ada:secret@localhost/keys",
            "host=localhost password=secret",
            "postgres://ada:secret@localhost:port/keys",
            "postgres://ada:secret@localhost/keys?connect_timeout=secret",
        ];
        for url in urls {
            let message = Url::parse(url).unwrap_err().to_string();
            assert!(message.starts_with("the database's URL can't be read: "), "{message}");
            assert!(!message.contains("cret"), "{message}");
        }
    }
}
