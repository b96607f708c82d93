//! The query in the address of the key list, [`ListQuery`], and the page that a dialog leads back to, [`Back`].

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use ctx_key::scan::redact_str;
use ctx_key::{KeyId, KeyState, Scope};

use crate::http::state::AppState;
use crate::store::free_text::contains_key;
use crate::store::id::ProjectId;
use crate::store::key_filter::{KeyFilter, ListedState};
use crate::store::name::Name;
use crate::store::project::Project;

/// States to filter by, each with its value in the form and its label.
pub(super) const STATES: [(&str, &str, ListedState); 6] = [
    ("active", "Active", ListedState::Is(KeyState::Active)),
    ("ending", "Ending soon", ListedState::Ending),
    ("not_yet_valid", "Not yet valid", ListedState::Is(KeyState::NotYetValid)),
    ("retired", "Retired", ListedState::Is(KeyState::Retired)),
    ("expired", "Expired", ListedState::Is(KeyState::Expired)),
    ("revoked", "Revoked", ListedState::Is(KeyState::Revoked)),
];

/// Maximum number of bytes that the filter takes in all links of a page. Each row has links that repeat it.
pub(super) const MAX_LINKS: usize = 12_000;

/// A filter and a page. A value that the form can't send counts as missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ListQuery {
    pub(super) filter: KeyFilter,
    /// Number of the page, from 1. It may be after the last page.
    pub(super) page: usize,
    /// True if the address contains an API key. [`Self::address`] does not contain it.
    pub(super) has_key: bool,
}

impl ListQuery {
    pub(super) fn parse(query: &str) -> Self {
        let fields: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        let field =
            |name: &str| fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| &**value);
        let scope = field("scope").parse().ok().filter(|scope: &Scope| scope.name().is_some());
        let state = STATES.iter().find(|(value, ..)| *value == field("state"));
        let filter = KeyFilter {
            text: search_text(field("q"), Name::MAX_LENGTH),
            project: ProjectId::parse(field("project")),
            scope,
            state: state.map(|(.., state)| *state),
        };
        Self { filter, page: page_number(query), has_key: contains_key(field("q")) }
    }

    /// Returns the address of the list.
    pub(super) fn address(&self) -> String {
        format!("/keys{}", self.query())
    }

    pub(super) fn with_page(&self, page: usize) -> Self {
        Self { page, ..self.clone() }
    }

    pub(super) fn without_text(&self) -> Self {
        let filter = KeyFilter { text: String::new(), ..self.filter.clone() };
        Self { filter, ..self.clone() }
    }

    /// Removes the filter by project if its project is not one of `projects`.
    pub(super) fn of_projects(mut self, projects: &[Project]) -> Self {
        self.filter.project =
            self.filter.project.filter(|id| projects.iter().any(|project| project.id == *id));
        self
    }

    pub(super) fn has_scope(&self, scope: &Scope) -> bool {
        self.filter.scope == Some(*scope)
    }

    pub(super) fn has_state(&self, state: &ListedState) -> bool {
        self.filter.state.as_ref() == Some(state)
    }

    pub(super) fn has_project(&self, project: &ProjectId) -> bool {
        self.filter.project.as_ref() == Some(project)
    }

    pub(super) fn is_filtered(&self) -> bool {
        self.filter != KeyFilter::default()
    }

    /// Returns the part after the path of an address, with its `?`.
    fn query(&self) -> String {
        let KeyFilter { text, project, scope, state } = &self.filter;
        let state = STATES.iter().find(|(.., known)| state.as_ref() == Some(known));
        let page = (self.page > 1).then(|| self.page.to_string());
        let fields = [
            ("q", Some(text.as_str()).filter(|text| !text.is_empty())),
            ("project", project.as_ref().map(ProjectId::as_str)),
            ("scope", scope.and_then(|scope| scope.name())),
            ("state", state.map(|(value, ..)| *value)),
            ("page", page.as_deref()),
        ];
        query_of(&fields)
    }
}

/// Writes the fields that have a value as the part after the path of an address, with its `?`.
pub(super) fn query_of(fields: &[(&str, Option<&str>)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(fields.iter().filter_map(|(name, value)| Some((name, (*value)?))));
    let query = query.finish();
    if query.is_empty() { query } else { format!("?{query}") }
}

/// Returns a text to search for, without API keys and cut to `max_length` characters.
pub(super) fn search_text(text: &str, max_length: usize) -> String {
    let redacted = redact_str(text);
    let text = if contains_key(&redacted) { "" } else { redacted.trim() };
    text.chars().take(max_length).collect()
}

/// Returns the number of a page in an address, from 1.
pub(super) fn page_number(query: &str) -> usize {
    let page = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "page");
    page.and_then(|(_, number)| number.parse().ok()).filter(|page| *page > 0).unwrap_or(1)
}

impl FromRequestParts<AppState> for ListQuery {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

/// The page that a dialog was opened on and leads back to. It is parsed from the address and formatted again, so it is
/// always a page of the dashboard.
pub(super) enum Back {
    List(ListQuery),
    /// The page of the key.
    Key,
}

impl Back {
    /// Returns the address of the page.
    pub(super) fn address(&self, key: KeyId) -> String {
        match self {
            Self::List(list) => list.address(),
            Self::Key => format!("/keys/{key}"),
        }
    }

    /// Returns the part after the path in the address of a dialog, with its `?`.
    pub(super) fn query(&self) -> String {
        match self {
            Self::List(list) => list.query(),
            Self::Key => "?from=key".to_owned(),
        }
    }
}

impl FromRequestParts<AppState> for Back {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Infallible> {
        let query = parts.uri.query().unwrap_or_default();
        let is_of_key =
            form_urlencoded::parse(query.as_bytes()).any(|(name, value)| name == "from" && value == "key");
        Ok(if is_of_key { Self::Key } else { Self::List(ListQuery::parse(query)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_it_was_read() {
        for query in [
            "",
            "?q=web+app",
            "?q=%D0%BA%D0%BB%D1%8E%D1%87&page=3",
            "?q=%26%3F%23%22%3C",
            "?project=proj_0&scope=users%3Aread&state=ending&page=2",
        ] {
            assert_eq!(ListQuery::parse(query.trim_start_matches('?')).address(), format!("/keys{query}"));
        }
        let key = ctx_key::ApiKey::generate();
        let masked = format!("/keys?q=ctx_{}***", key.id());
        let (start, rest) = key.expose_secret().split_at(2);
        let with_joiner = format!("q={start}\u{200c}{rest}");
        for (query, address) in [
            ("q=&project=&scope=&state=&page=", "/keys"),
            ("q=+&page=1", "/keys"),
            ("page=0", "/keys"),
            ("page=-1", "/keys"),
            ("page=x", "/keys"),
            ("project=../x&scope=read&state=Active", "/keys"),
            ("scope=memories:read+users:read", "/keys"),
            ("back=//evil.example&from=list", "/keys"),
            ("q=a&q=b", "/keys?q=a"),
            (&format!("q={}", key.expose_secret()), &masked),
            (&with_joiner, "/keys"),
        ] {
            assert_eq!(ListQuery::parse(query).address(), address, "{query}");
        }
        assert_eq!(ListQuery::parse(&format!("q={}", "ß".repeat(101))).filter.text, "ß".repeat(100));
    }
}
