//! The filter for lists of a company's keys: [`KeyFilter`].

use ctx_key::{KeyState, Scope, UnixTime};

use super::api_key::ListedKey;
use super::free_text::{id_of_masked, searchable};
use super::id::ProjectId;

/// A filter for lists of a company's keys. The default shows all.
///
/// It is applied to the keys that the database returned, for two reasons: neither SQLite nor a PostgreSQL without ICU
/// knows the letters of all scripts, and only [`ctx_key::KeyRecord::state`] decides on the state of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFilter {
    /// A part of the name or of the id, in upper or lower case.
    pub text: String,
    pub project: Option<ProjectId>,
    pub scope: Option<Scope>,
    pub state: Option<ListedState>,
}

/// A state that a list can be filtered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListedState {
    Is(KeyState),
    /// Valid, but ending within a week.
    Ending,
}

impl KeyFilter {
    /// Returns the keys that the list shows.
    pub fn apply(&self, keys: Vec<ListedKey>, now: UnixTime) -> Vec<ListedKey> {
        let text = searchable(id_of_masked(&self.text));
        let has_text = |key: &ListedKey| {
            [key.name.as_str(), key.record.id.as_str()].map(searchable).iter().any(|own| own.contains(&text))
        };
        let is_in_state = |key: &ListedKey| match self.state {
            Some(ListedState::Is(state)) => key.record.state(now) == state,
            Some(ListedState::Ending) => key.is_ending(now),
            None => true,
        };
        let is_listed = |key: &ListedKey| {
            self.project.as_ref().is_none_or(|project| key.record.project == *project)
                && self.scope.is_none_or(|scope| key.record.scopes.grants(scope))
                && is_in_state(key)
                && (text.is_empty() || has_text(key))
        };
        keys.into_iter().filter(is_listed).collect()
    }
}
