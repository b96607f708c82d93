//! The query of an address of the audit log: [`AuditQuery`].

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::list_query::{page_number, query_of, search_text};
use crate::clock::{DAY, day_start};
use crate::http::state::AppState;
use crate::store::audit_log::{Group, LogFilter};
use crate::store::free_text::contains_key;

/// Maximum number of characters of the text. No e-mail address is longer.
const MAX_TEXT: usize = 254;

/// Groups to filter by, each with its value in the form and its label.
pub(super) const GROUPS: [(&str, &str, Group); 5] = [
    ("keys", "API keys", Group::Keys),
    ("projects", "Projects", Group::Projects),
    ("tokens", "Access tokens", Group::Tokens),
    ("sign-ins", "Sign-ins", Group::SignIns),
    ("passwords", "Passwords", Group::Passwords),
];

/// A filter and a page. A value that the form can't send counts as missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AuditQuery {
    pub(super) text: String,
    group: Option<Group>,
    /// The first day.
    pub(super) from: String,
    /// The last day.
    pub(super) to: String,
    /// Number of the page, from 1. It may be after the last page.
    pub(super) page: usize,
    /// True if the address contains an API key. [`Self::address`] does not contain it.
    pub(super) has_key: bool,
}

impl AuditQuery {
    fn parse(query: &str) -> Self {
        let fields: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        let field =
            |name: &str| fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| &**value);
        let group = GROUPS.iter().find(|(value, ..)| *value == field("group"));
        let day =
            |name| if day_start(field(name)).is_some() { field(name).to_owned() } else { String::new() };
        Self {
            text: search_text(field("q"), MAX_TEXT).replace('\0', ""),
            group: group.map(|(.., group)| *group),
            from: day("from"),
            to: day("to"),
            page: page_number(query),
            has_key: contains_key(field("q")),
        }
    }

    pub(super) fn filter(&self) -> LogFilter {
        LogFilter {
            text: self.text.clone(),
            group: self.group,
            since: day_start(&self.from),
            before: day_start(&self.to).map(|start| start + DAY),
        }
    }

    pub(super) fn has_group(&self, group: &Group) -> bool {
        self.group == Some(*group)
    }

    pub(super) fn with_page(&self, page: usize) -> Self {
        Self { page, ..self.clone() }
    }

    /// Returns the address of the page.
    pub(super) fn address(&self) -> String {
        let group = GROUPS.iter().find(|(.., known)| self.group == Some(*known));
        let page = (self.page > 1).then(|| self.page.to_string());
        let fields = [
            ("q", non_empty(&self.text)),
            ("group", group.map(|(value, ..)| *value)),
            ("from", non_empty(&self.from)),
            ("to", non_empty(&self.to)),
            ("page", page.as_deref()),
        ];
        format!("/audit{}", query_of(&fields))
    }
}

/// Returns a text unless it is empty.
fn non_empty(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

impl FromRequestParts<AppState> for AuditQuery {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
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
            "?group=sign-ins&from=2027-01-15&to=2027-01-16&page=2",
        ] {
            assert_eq!(AuditQuery::parse(query.trim_start_matches('?')).address(), format!("/audit{query}"));
        }
        let key = ctx_key::ApiKey::generate();
        let masked = format!("/audit?q=ctx_{}***", key.id());
        for (query, address) in [
            ("q=&group=&from=&to=&page=", "/audit"),
            ("q=+&page=1", "/audit"),
            ("page=0", "/audit"),
            ("page=x", "/audit"),
            ("group=Keys&from=2027-02-30&to=yesterday", "/audit"),
            ("from=2027-1-1&to=2027-01-01T00:00:00Z", "/audit"),
            ("q=%00", "/audit"),
            ("q=a&q=b&next=//evil.example", "/audit?q=a"),
            (&format!("q={}", key.expose_secret()), &masked),
        ] {
            assert_eq!(AuditQuery::parse(query).address(), address, "{query}");
        }
        assert_eq!(AuditQuery::parse(&format!("q={}", "ß".repeat(255))).text, "ß".repeat(254));
    }
}
