//! Who changes something: [`Actor`], [`Act`].

use std::net::IpAddr;

use ctx_key::UnixTime;

use super::email::Email;
use super::id::CompanyId;
use super::name::Name;
use crate::database::Value;

/// Who changes something.
#[derive(Clone, Copy, Debug)]
pub enum Actor<'a> {
    /// Somebody who is signed in to the account with this address.
    Account(&'a Email),
    /// A program with the access token of this name.
    Program(&'a Name),
    /// Whoever has the key that is changed.
    KeyItself,
    /// The operator, who imports keys of another system.
    Import,
    /// The operator, who runs a command.
    Operator,
}

impl From<Actor<'_>> for Value {
    fn from(actor: Actor<'_>) -> Self {
        match actor {
            Actor::Account(email) => email.into(),
            // no address has a space
            Actor::Program(name) => format!("token {name}").into(),
            Actor::KeyItself => "the key itself".into(),
            Actor::Import => "import".into(),
            Actor::Operator => "the operator".into(),
        }
    }
}

/// A change that is being made: in which company, by whom, when and from where. The audit log notes all four.
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
    pub company: &'a CompanyId,
    pub actor: Actor<'a>,
    pub now: UnixTime,
    /// The client's address, if the change came over the network.
    pub address: Option<IpAddr>,
}
