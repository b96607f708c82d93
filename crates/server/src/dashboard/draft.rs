//! A form that was sent after the end of its session, to be filled in again: [`Draft`].

use ctx_key::Scope;

use super::destination::Destination;
use super::form::Form;
use super::page::without_key;
use super::scope_choice::ScopeChoice;
use crate::store::id::AccountId;
use crate::store::name::Name;

/// The fields of a form and the path of its page, for the account that filled it in. It is stored in a cookie, so it is
/// short and contains no API key.
pub(super) struct Draft(Form);

impl Draft {
    pub(super) fn of(path: &str, form: &Form) -> Self {
        const FIELDS: [&str; 6] = ["account", "name", "project", "project_name", "expires", "expires_on"];
        let is_short = |text: &str| text.chars().count() <= Name::MAX_LENGTH;
        let texts = FIELDS.into_iter().map(|field| (field, without_key(form.text(field))));
        let chosen = ScopeChoice::read(form);
        let scopes = Scope::all().iter().filter(|scope| chosen.has(scope)).filter_map(|scope| scope.name());
        let fields = texts.chain(scopes.map(|scope| ("scopes", scope)));
        let fields =
            [("path", without_key(path))].into_iter().chain(fields).filter(|(_, text)| is_short(text));
        Self(Form(fields.map(|(field, text)| (field.to_owned(), text.to_owned())).collect()))
    }

    /// Reads a cookie. If it does not lead to a page of this server, it is ignored.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let form = Form(serde_json::from_str(text).ok()?);
        let path = form.text("path");
        let is_page = !path.contains('?') && Destination::parse(path).value() == path && !path.is_empty();
        is_page.then_some(Self(form))
    }

    /// Returns the text for a cookie.
    pub(super) fn to_text(&self) -> String {
        // texts can always be written as JSON
        serde_json::to_string(&self.0.0).unwrap_or_default()
    }

    pub(super) fn path(&self) -> &str {
        self.0.text("path")
    }

    pub(super) fn is_of(&self, account: &AccountId) -> bool {
        self.0.text("account") == account.as_str()
    }

    pub(super) fn into_form(self) -> Form {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_too_long_for_a_name_is_not_kept() {
        let kept = |length: usize| {
            let form = Form(vec![("name".to_owned(), "ß".repeat(length))]);
            Draft::of("/keys/new", &form).into_form().text("name").chars().count()
        };
        assert_eq!([kept(Name::MAX_LENGTH), kept(Name::MAX_LENGTH + 1)], [100, 0]);
    }

    #[test]
    fn a_path_with_a_key_is_not_kept() {
        let key = ctx_key::ApiKey::generate();
        let path = format!("/keys/{}", key.expose_secret());
        assert!(!Draft::of(&path, &Form(Vec::new())).to_text().contains(&key.expose_secret()[16..]));
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
        for text in ["", "{}", "[]", "[[1,2]]", "null"] {
            assert!(Draft::parse(text).is_none(), "{text}");
        }
    }
}
