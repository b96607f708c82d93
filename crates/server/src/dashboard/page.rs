//! Pages, also those that say no: [`Refusal`].

use askama::Template;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use tracing::{error, warn};

use super::assets;
use crate::database::DatabaseError;
use crate::http::request_id;
use crate::store::store_error::StoreError;

/// A template as an answer.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(failure) => {
            error!(%failure, "a page can't be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// What was wrong in a form: fields, and what to do about them.
#[derive(Debug, Default)]
pub(super) struct Mistakes(Vec<(&'static str, String)>);

impl Mistakes {
    pub(super) fn add(&mut self, field: &'static str, message: impl Into<String>) {
        self.0.push((field, message.into()));
    }

    pub(super) fn one(field: &'static str, message: impl Into<String>) -> Self {
        Self(vec![(field, message.into())])
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn all(&self) -> &[(&'static str, String)] {
        &self.0
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.0.iter().any(|(name, _)| *name == field)
    }
}

/// Why there is no such page, or nothing was done.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    title: &'static str,
    message: String,
    retry_after: Option<u64>,
}

impl Refusal {
    fn new(status: StatusCode, title: &'static str, message: impl Into<String>) -> Self {
        Self { status, title, message: message.into(), retry_after: None }
    }

    pub(super) fn no_page() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Page not found", "There is nothing at this address.")
    }

    pub(super) fn no_link() -> Self {
        let message = "It was used, has expired, or is not whole. Whoever runs this server can make a new one with \
                       the command “ctx-key-server invite”.";
        Self::new(StatusCode::BAD_REQUEST, "This set-up link is not valid", message)
    }

    pub(super) fn method_not_allowed() -> Self {
        let message = "This address can't be used in this way.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "Not possible", message)
    }

    /// Another site sent it, or a page that is older than the session.
    pub(super) fn forged() -> Self {
        let message = "It was not sent from a page of this session. Nothing was changed. Go back to the page, reload \
                       it and try again.";
        Self::new(StatusCode::FORBIDDEN, "This form was not accepted", message)
    }

    /// No browser sends this from one of our pages.
    pub(super) fn unreadable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "This form can't be read", message)
    }

    pub(super) fn too_large() -> Self {
        let message = "The form has too much in it. Nothing was changed.";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "This form is too large", message)
    }

    pub(super) fn sent_before(made: Option<String>) -> Self {
        let made = made.map_or_else(
            || "The key that it made has been deleted since.".to_owned(),
            |masked| {
                format!(
                    "It made the key {masked}, which is in the list of API keys. If you didn't copy it, delete it \
                     there and create another: a key is shown only once."
                )
            },
        );
        let message = format!("No second key was made. {made}");
        Self::new(StatusCode::CONFLICT, "This form was already sent", message)
    }

    pub(super) fn timeout() -> Self {
        let message = "It took too long. Look whether it was done, and try again if it was not.";
        Self::new(StatusCode::REQUEST_TIMEOUT, "Not finished", message)
    }

    /// A defect of the server.
    pub(super) fn internal() -> Self {
        let message = format!("Something went wrong here. Tell us the number {}.", request_id::current());
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Not possible", message)
    }

    fn unavailable() -> Self {
        let message = "The service is not available at the moment. Try again in a few seconds.";
        let title = "Not available";
        Self { retry_after: Some(2), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, title, message) }
    }
}

impl From<DatabaseError> for Refusal {
    fn from(failure: DatabaseError) -> Self {
        if failure.is_temporary() {
            warn!(%failure, "the database is not available");
            return Self::unavailable();
        }
        error!(%failure, "database error");
        Self::internal()
    }
}

impl From<StoreError> for Refusal {
    fn from(failure: StoreError) -> Self {
        let conflict = |message: &str| Self::new(StatusCode::CONFLICT, "Nothing was changed", message);
        match failure {
            StoreError::Database(failure) => failure.into(),
            StoreError::NotFound => Self::no_page(),
            StoreError::FormUsed => Self::sent_before(None),
            StoreError::NotActive => conflict("The key is revoked or has expired. Create a new one instead."),
            StoreError::TooMany => conflict("There are as many keys as there may be. Delete some first."),
            StoreError::NameTaken => conflict("There is a project of this name."),
        }
    }
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalPage<'a> {
    title: &'a str,
    message: &'a str,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let template = RefusalPage { title: self.title, message: &self.message };
        let mut response = page(self.status, &template);
        let retry_after = self.retry_after.map(|seconds| (RETRY_AFTER, HeaderValue::from(seconds)));
        response.headers_mut().extend(retry_after);
        response
    }
}
