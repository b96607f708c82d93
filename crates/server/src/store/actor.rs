//! The author and the circumstances of a change: [`Actor`], [`Act`].

use std::net::IpAddr;

use ctx_key::UnixTime;

use super::email::Email;
use super::id::CompanyId;
use super::name::Name;

/// The author of a change.
#[derive(Clone, Copy, Debug)]
pub enum Actor<'a> {
    /// Somebody who is signed in to the account with this address.
    Account(&'a Email),
    /// A program with the access token of this name.
    Program(&'a Name),
    /// The holder of the key that is changed.
    KeyItself,
    /// The operator, who imports keys of another system.
    Import,
    /// The operator, who runs a command.
    Operator,
    /// Somebody whose identity is unknown.
    Stranger,
}

impl Actor<'_> {
    /// Returns what the audit log calls the actor.
    pub(super) fn name(self) -> String {
        match self {
            Self::Account(email) => email.to_string(),
            // no address has a space
            Self::Program(name) => format!("token {name}"),
            Self::KeyItself => "the key itself".into(),
            Self::Import => "import".into(),
            Self::Operator => "the operator".into(),
            Self::Stranger => "somebody".into(),
        }
    }
}

/// The circumstances of a change: the company, the author, the time and the address. The audit log records all four.
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
    pub company: &'a CompanyId,
    pub actor: Actor<'a>,
    pub now: UnixTime,
    /// The client's address, if the change came over the network.
    pub address: Option<IpAddr>,
}
