//! Describes errors of the database.
//!
//! A text contains only the kind of the error, its SQLSTATE, and the name of a constraint, column or table. It repeats
//! no message of the server, which can quote a row, and none of the client, which can quote the URL.

use std::error::Error;
use std::io;

use deadpool_postgres::{PoolError, TimeoutType};
use tokio_postgres::error::DbError;

use crate::SourceError;

impl From<PoolError> for SourceError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Timeout(TimeoutType::Wait) => Self::Busy,
            PoolError::Timeout(_) => unavailable("the host did not answer in time"),
            PoolError::Backend(error) => not_connected(&error),
            PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                unavailable("the connection pool is closed")
            }
        }
    }
}

impl From<tokio_postgres::Error> for SourceError {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(error) = error.as_db_error() {
            return refused(error);
        }
        match source::<io::Error>(&error) {
            Some(cause) => unavailable(format!("the connection broke: {cause}")),
            None if error.is_closed() => unavailable("the connection was closed"),
            // PgBouncer 1.18 sometimes causes this after an interruption of the network; only the text shows the kind
            None if error.to_string().starts_with("unexpected message") => {
                unavailable(format!("the connection is out of step: {error}"))
            }
            // a column that is missing or of another type
            None => unexpected(error.to_string()),
        }
    }
}

pub(super) fn unavailable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> SourceError {
    SourceError::Unavailable(cause.into())
}

pub(super) fn unexpected(cause: impl Into<Box<dyn Error + Send + Sync>>) -> SourceError {
    SourceError::Unexpected(cause.into())
}

pub(super) fn standby() -> SourceError {
    unavailable("the server is a standby: connect to the primary")
}

pub(super) fn no_change_log() -> SourceError {
    unexpected("the change log is missing or disabled: apply CHANGE_LOG")
}

/// Describes an error of a connection that was not made.
fn not_connected(error: &tokio_postgres::Error) -> SourceError {
    if let Some(error) = error.as_db_error() {
        return refused(error);
    }
    if let Some(cause) = source::<rustls::Error>(error) {
        return unavailable(format!("TLS failed: {cause}"));
    }
    // only the text of an error of tokio-postgres shows its kind
    let kind = error.to_string();
    unavailable(match source::<io::Error>(error) {
        _ if kind.contains("TLS") => "TLS failed: the server does not speak it".to_owned(),
        Some(cause) => format!("the host can't be reached: {cause}"),
        None if kind.contains("configuration") => {
            "the server asks for a password: add one to the URL".to_owned()
        }
        None if kind.contains("authentication") => {
            "the password is wrong, or the server's way of asking for it is not supported".to_owned()
        }
        None => format!("the host can't be reached: {kind}"),
    })
}

/// Describes an error that the server or a pooler sent.
fn refused(error: &DbError) -> SourceError {
    let place = error.constraint().or(error.column()).or(error.table());
    describe(error.code().code(), place)
}

/// Describes an error by its code, and the name of a constraint, column or table.
fn describe(code: &str, place: Option<&str>) -> SourceError {
    let class = code.get(..2).unwrap_or_default();
    let cause = match code {
        // lock_not_available, query_canceled, serialization_failure, deadlock_detected, time-outs of transactions
        "55P03" | "57014" | "40001" | "40P01" | "25P03" | "25P04" => return SourceError::Busy,
        "28P01" => "the password is wrong",
        // the same code for everything that pg_hba.conf refuses
        "28000" => "the user does not exist, or may not log in from here or without TLS: see pg_hba.conf",
        "3D000" => "the database does not exist",
        "42501" => return unexpected("the user lacks a privilege: grant those of the documentation (42501)"),
        // undefined_table, undefined_column, undefined_function
        "42P01" | "42703" | "42883" => {
            return unexpected(format!(
                "a table or column is missing: apply the schema and the change log ({code})"
            ));
        }
        // from a standby, and from a primary whose transactions are read-only by default
        "25006" => {
            "the session is read-only: connect to the primary, and turn default_transaction_read_only off"
        }
        "53300" => "the server has too many connections",
        "08P01" => "the server or its pooler refused the connection: see its log",
        _ => match class {
            "08" => "the connection broke",
            "53" => "the server lacks memory or disk space",
            "57" => "the server is starting or shutting down",
            "58" => "the server has an error of its system",
            _ => {
                let place = place.map(|name| format!(", {name}")).unwrap_or_default();
                return unexpected(format!(
                    "the statement failed: see the log of the server ({code}{place})"
                ));
            }
        },
    };
    unavailable(format!("{cause} ({code})"))
}

/// Returns the first error of this type among the sources of `error`.
fn source<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // an io::Error is not the source of the error that it wraps, but that error's own source is
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match wrapped.and_then(|error| error.downcast_ref()) {
            Some(found) => return Some(found),
            None => next = error.source(),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io;

    use deadpool_postgres::{PoolError, TimeoutType};

    use super::describe;
    use crate::SourceError;

    fn text(error: &SourceError) -> String {
        match error {
            SourceError::Busy => "busy".to_owned(),
            SourceError::Unavailable(cause) => format!("unavailable: {cause}"),
            SourceError::Unexpected(cause) => format!("unexpected: {cause}"),
            SourceError::Corrupt(id) => format!("corrupt: {id}"),
        }
    }

    #[test]
    fn each_code_is_described() {
        let expected = [
            ("55P03", "busy"),
            ("57014", "busy"),
            ("25P03", "busy"),
            ("25P04", "busy"),
            ("40001", "busy"),
            ("40P01", "busy"),
            ("28P01", "unavailable: the password is wrong (28P01)"),
            (
                "28000",
                "unavailable: the user does not exist, or may not log in from here or without TLS: see pg_hba.conf (28000)",
            ),
            ("3D000", "unavailable: the database does not exist (3D000)"),
            (
                "25006",
                "unavailable: the session is read-only: connect to the primary, and turn default_transaction_read_only off (25006)",
            ),
            ("53300", "unavailable: the server has too many connections (53300)"),
            ("53100", "unavailable: the server lacks memory or disk space (53100)"),
            ("57P01", "unavailable: the server is starting or shutting down (57P01)"),
            ("57P03", "unavailable: the server is starting or shutting down (57P03)"),
            ("58030", "unavailable: the server has an error of its system (58030)"),
            ("08006", "unavailable: the connection broke (08006)"),
            ("08P01", "unavailable: the server or its pooler refused the connection: see its log (08P01)"),
            ("42501", "unexpected: the user lacks a privilege: grant those of the documentation (42501)"),
            (
                "42P01",
                "unexpected: a table or column is missing: apply the schema and the change log (42P01)",
            ),
            (
                "42703",
                "unexpected: a table or column is missing: apply the schema and the change log (42703)",
            ),
            (
                "42883",
                "unexpected: a table or column is missing: apply the schema and the change log (42883)",
            ),
            ("XX001", "unexpected: the statement failed: see the log of the server (XX001)"),
        ];
        for (code, expected) in expected {
            assert_eq!(text(&describe(code, None)), expected);
        }
        let expected = "unexpected: the statement failed: see the log of the server (23505, users_pkey)";
        assert_eq!(text(&describe("23505", Some("users_pkey"))), expected);
    }

    #[test]
    fn the_time_outs_of_the_pool_are_distinguished() {
        let error = |kind| text(&PoolError::Timeout(kind).into());
        assert_eq!(error(TimeoutType::Wait), "busy");
        assert_eq!(error(TimeoutType::Create), "unavailable: the host did not answer in time");
        assert_eq!(text(&PoolError::Closed.into()), "unavailable: the connection pool is closed");
    }

    #[tokio::test]
    async fn a_connection_that_breaks_is_an_outage() {
        let refused = tokio_postgres::connect("postgres://u@127.0.0.1:1/d", tokio_postgres::NoTls).await;
        let expected = "unavailable: the connection broke: Connection refused (os error 111)";
        assert_eq!(text(&refused.err().unwrap().into()), expected);
    }

    #[test]
    fn sources_within_an_io_error_are_found() {
        let error = io::Error::other(rustls::Error::DecryptError);
        assert_eq!(super::source::<rustls::Error>(&Outer(error)), Some(&rustls::Error::DecryptError));
        assert_eq!(super::source::<rustls::Error>(&Outer(io::Error::other("another"))), None);
    }

    #[derive(Debug)]
    struct Outer(io::Error);

    impl std::fmt::Display for Outer {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            Ok(())
        }
    }

    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
}
