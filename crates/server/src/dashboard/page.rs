//! Pages, mistakes in forms, and pages that refuse a request: [`Refusal`].

use askama::Template;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use tracing::error;

use super::assets;
use crate::database::DatabaseError;
use crate::http::failure::{Failure, RETRY_AFTER_SECS};
use crate::http::request_id;
use crate::store::free_text::contains_key;
use crate::store::name::{Name, NameError};
use crate::store::new_password::{NewPassword, NewPasswordError};
use crate::store::store_error::StoreError;

/// Returns a template as a response.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(failure) => {
            error!(%failure, "can't write a page");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Returns a text to be shown again in its field, or an empty text if it contains an API key.
pub(super) fn without_key(text: &str) -> &str {
    if contains_key(text) { "" } else { text }
}

/// Mistakes in a form: the fields, and messages that say how to correct them.
#[derive(Debug, Default)]
pub(super) struct Mistakes(Vec<(&'static str, String)>);

impl Mistakes {
    pub(super) fn add(&mut self, field: &'static str, message: impl Into<String>) {
        self.0.push((field, message.into()));
    }

    /// Adds a mistake if a field has no value.
    pub(super) fn expect<T>(
        &mut self,
        value: Option<T>,
        field: &'static str,
        message: impl Into<String>,
    ) -> Option<T> {
        if value.is_none() {
            self.add(field, message);
        }
        value
    }

    /// Reads the name of `of`, or adds a mistake.
    pub(super) fn name(&mut self, field: &'static str, of: &str, text: &str) -> Option<Name> {
        let max = Name::MAX_LENGTH;
        let name = Name::parse(text).map_err(|error| match error {
            NameError::Length => format!("Enter a name for {of}, of at most {max} characters."),
            NameError::Invisible(position) => format!(
                "Enter a name for {of} without character {position}, which can't be seen or changes the direction of the \
                 text."
            ),
            NameError::Key => format!(
                "Enter a name for {of} that contains no API key. Revoke the key that you entered, since others may have \
                 read it."
            ),
        });
        name.map_err(|message| self.add(field, message)).ok()
    }

    /// Returns a valid new password, or adds a mistake that says why it is not valid.
    pub(super) fn new_password(
        &mut self,
        field: &'static str,
        password: Result<NewPassword, NewPasswordError>,
    ) -> Option<NewPassword> {
        password.map_err(|error| self.add(field, sentence(&error.to_string()))).ok()
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
        self.of(field).is_some()
    }

    /// Returns the mistake in a field.
    pub(super) fn of(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == field).map(|(_, message)| message.as_str())
    }

    /// Returns whether the first mistake is in this field, which then has the focus.
    pub(super) fn begins_with(&self, field: &str) -> bool {
        self.0.first().is_some_and(|(name, _)| *name == field)
    }
}

/// Refusal of a request: the page does not exist, or nothing was changed.
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

    pub(super) fn is_no_page(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    pub(super) fn no_link() -> Self {
        let message = "It was used, has expired, or is incomplete. The operator of this server can create a new one \
                       with the command “ctx-key-server invite”.";
        Self::new(StatusCode::BAD_REQUEST, "This set-up link is not valid", message)
    }

    pub(super) fn method_not_allowed() -> Self {
        let message = "This address can't be used in this way.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "Not possible", message)
    }

    /// The form comes from another site, or from a page that is older than the session.
    pub(super) fn forged() -> Self {
        let message = "It was not sent from a page of this session. Nothing was changed. Go back to the page, reload \
                       it and try again.";
        Self::new(StatusCode::FORBIDDEN, "This form was not accepted", message)
    }

    pub(super) fn is_forged(&self) -> bool {
        self.status == StatusCode::FORBIDDEN
    }

    /// The form is one that no browser sends from one of our pages.
    pub(super) fn unreadable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "This form can't be read", message)
    }

    /// The body is not a form by its `Content-Type`. A page of another site can send such a body too.
    pub(super) fn no_form() -> Self {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Self { status, ..Self::unreadable("It is not of the type application/x-www-form-urlencoded.") }
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

    pub(super) fn token_sent_before() -> Self {
        let message = "No second access token was made. If you didn't copy the one that this form made, end it in the list of \
                       access tokens and create another: a token is shown only once.";
        Self::new(StatusCode::CONFLICT, "This form was already sent", message)
    }

    pub(super) fn timeout() -> Self {
        let message = "The request timed out. Check whether the change was made before you try again.";
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
        Self {
            retry_after: Some(RETRY_AFTER_SECS),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, title, message)
        }
    }
}

impl From<DatabaseError> for Refusal {
    fn from(error: DatabaseError) -> Self {
        StoreError::from(error).into()
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match Failure::of(&error) {
            Failure::Unavailable => Self::unavailable(),
            Failure::Internal => Self::internal(),
            Failure::NotFound => Self::no_page(),
            Failure::Conflict => {
                Self::new(StatusCode::CONFLICT, "Nothing was changed", sentence(&error.to_string()))
            }
        }
    }
}

/// Returns the text of an error as a sentence.
pub(super) fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().into_iter().flat_map(char::to_uppercase).chain(rest).chain(['.']).collect()
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
