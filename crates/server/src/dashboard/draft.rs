//! A form that was sent after the end of its session, to be filled in again: [`Draft`].

use ctx_key::Scope;

use super::destination::Destination;
use super::form::Form;
use super::page::without_key;
use super::scope_choice::ScopeChoice;
use crate::store::id::AccountId;
use crate::store::name::Name;

/// Maximum number of bytes of a query. The links of a list have shorter ones.
const MAX_QUERY: usize = 200;

/// The fields of a form and the address of its page, for the account that filled it in. It is stored in a cookie, so it
/// is short and contains no API key.
pub(super) struct Draft(Form);

impl Draft {
    pub(super) fn of(path: &str, query: &str, form: &Form) -> Self {
        const FIELDS: [&str; 6] = ["account", "name", "project", "project_name", "expires", "expires_on"];
        let is_short = |text: &str| text.chars().count() <= Name::MAX_LENGTH;
        let texts = FIELDS.into_iter().map(|field| (field, without_key(form.text(field))));
        let chosen = ScopeChoice::read(form);
        let scopes = Scope::all().iter().filter(|scope| chosen.has(scope)).filter_map(|scope| scope.name());
        let fields = texts.chain(scopes.map(|scope| ("scopes", scope)));
        let fields =
            [("path", without_key(path))].into_iter().chain(fields).filter(|(_, text)| is_short(text));
        let fields = fields.chain([("query", kept_query(path, query))]);
        Self(Form(fields.map(|(field, text)| (field.to_owned(), text.to_owned())).collect()))
    }

    /// Reads a cookie. If it does not lead to a page of this server, it is ignored.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let draft = Self(Form(serde_json::from_str(text).ok()?));
        let (path, address) = (draft.path(), draft.address());
        let is_page =
            !path.contains('?') && Destination::parse(&address).value() == address && !path.is_empty();
        is_page.then_some(draft)
    }

    /// Returns the text for a cookie.
    pub(super) fn to_text(&self) -> String {
        // texts can always be written as JSON
        serde_json::to_string(&self.0.0).unwrap_or_default()
    }

    pub(super) fn path(&self) -> &str {
        self.0.text("path")
    }

    /// Returns the address of the page.
    pub(super) fn address(&self) -> String {
        let query = self.0.text("query");
        if query.is_empty() { self.path().to_owned() } else { format!("{}?{query}", self.path()) }
    }

    pub(super) fn is_of(&self, account: &AccountId) -> bool {
        self.0.text("account") == account.as_str()
    }

    pub(super) fn into_form(self) -> Form {
        self.0
    }
}

/// Returns the query, or an empty text if it is too long or does not lead to a page of this server.
fn kept_query<'a>(path: &str, query: &'a str) -> &'a str {
    let is_page = || !Destination::parse(&format!("{path}?{query}")).value().is_empty();
    if query.len() <= MAX_QUERY && is_page() { query } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_too_long_for_a_name_is_not_kept() {
        let kept = |length: usize| {
            let form = Form(vec![("name".to_owned(), "ß".repeat(length))]);
            Draft::of("/keys/new", "", &form).into_form().text("name").chars().count()
        };
        assert_eq!([kept(Name::MAX_LENGTH), kept(Name::MAX_LENGTH + 1)], [100, 0]);
    }

    #[test]
    fn a_path_with_a_key_is_not_kept() {
        let key = ctx_key::ApiKey::generate();
        let path = format!("/keys/{}", key.expose_secret());
        assert!(!Draft::of(&path, "", &Form(Vec::new())).to_text().contains(&key.expose_secret()[16..]));
    }

    #[test]
    fn a_query_is_kept_if_it_is_short_and_has_no_key() {
        let key = ctx_key::ApiKey::generate();
        let with_key = format!("q={}", key.expose_secret());
        let [longest, too_long] = [MAX_QUERY, MAX_QUERY + 1].map(|length| "q".repeat(length));
        for (query, kept) in [
            ("", ""),
            ("q=web+app&page=2", "?q=web+app&page=2"),
            (&longest, &format!("?{longest}")),
            (&too_long, ""),
            ("q=<b>", ""),
            (&with_key, ""),
        ] {
            let draft = Draft::of("/projects/proj_0/rename", query, &Form(Vec::new()));
            let address = Draft::parse(&draft.to_text()).unwrap().address();
            assert_eq!(address, format!("/projects/proj_0/rename{kept}"));
        }
    }

    #[test]
    fn a_draft_leads_to_a_page_of_this_server_only() {
        let draft = |path: &str| serde_json::to_string(&[("path", path), ("name", "a")]).unwrap();
        for path in ["/keys/new", "/keys/8aspm4G7VmSU", "/projects/proj_0/rename"] {
            assert_eq!(Draft::parse(&draft(path)).unwrap().path(), path);
        }
        for path in [
            "",
            "keys",
            "//evil/new",
            "/\\evil/new",
            "https://evil/new",
            "/evil.example",
            "/keys?q=a",
            "/a\r\nb",
        ] {
            assert!(Draft::parse(&draft(path)).is_none(), "{path}");
        }
        let with_query = |query: &str| {
            serde_json::to_string(&[("path", "/projects/proj_0/rename"), ("query", query)]).unwrap()
        };
        for query in ["q=a b", "q=a\r\nb", "q=a#b"] {
            assert!(Draft::parse(&with_query(query)).is_none(), "{query}");
        }
        for text in ["", "{}", "[]", "[[1,2]]", "null"] {
            assert!(Draft::parse(text).is_none(), "{text}");
        }
    }
}
