//! The check boxes of the scopes: [`ScopeChoice`].

use ctx_key::Scope;

use super::form::Form;
use super::page::Mistakes;

/// The scopes that a form names.
#[derive(Default)]
pub(super) struct ScopeChoice(Vec<String>);

impl ScopeChoice {
    pub(super) fn read(form: &Form) -> Self {
        Self(form.all("scopes").map(str::to_owned).collect())
    }

    pub(super) fn of(scopes: Scope) -> Self {
        Self(scopes.iter().filter_map(|scope| scope.name()).map(str::to_owned).collect())
    }

    pub(super) fn has(&self, scope: &Scope) -> bool {
        self.0.iter().any(|name| scope.name() == Some(name))
    }

    /// Returns the scopes, or adds a mistake.
    pub(super) fn check(&self, mistakes: &mut Mistakes) -> Option<Scope> {
        let scopes: Result<Scope, _> = self.0.iter().map(|scope| scope.parse::<Scope>()).collect();
        let scopes = scopes.ok().filter(|scopes| !scopes.is_empty());
        mistakes.expect(scopes, "scopes", "Choose at least one scope: what the key may do.")
    }
}
