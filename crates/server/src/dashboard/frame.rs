//! What the pages of an account share: the frame around them, and times in words.

use super::form::form_token;
use super::session::SignedIn;
use crate::clock::for_people;
use crate::store::account::Account;

/// The frame around each page of somebody who is signed in.
pub(super) struct Frame {
    pub(super) account: Account,
    pub(super) form_token: String,
    /// The address that the navigation marks.
    pub(super) here: &'static str,
}

impl Frame {
    pub(super) fn new(signed_in: &SignedIn, here: &'static str) -> Self {
        let form_token = form_token(&signed_in.session);
        Self { account: signed_in.account.clone(), form_token, here }
    }
}

/// A time, to the minute.
pub(super) struct Moment(String);

impl Moment {
    pub(super) fn new(seconds: i64) -> Self {
        Self(for_people(seconds))
    }

    pub(super) fn date(&self) -> &str {
        self.0.split_once(' ').map_or(&self.0, |(date, _)| date)
    }

    pub(super) fn time(&self) -> &str {
        self.0.split_once(' ').map_or("", |(_, time)| time)
    }
}
