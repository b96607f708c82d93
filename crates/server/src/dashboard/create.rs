//! Create API Key: the dialog, and the page that shows the new key once.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use ctx_key::{ApiKey, Scope, UnixTime};

use super::assets;
use super::form::Form;
use super::keys::{Frame, Moment, ShownKey, shown_keys};
use super::page::{Mistakes, Refusal, page};
use super::session::SignedIn;
use crate::database::Transaction;
use crate::http::state::AppState;
use crate::management::name;
use crate::store::account::Account;
use crate::store::api_key::{self, ListedKey, NewKey};
use crate::store::credential;
use crate::store::project::{self, Project};
use crate::store::store_error::StoreError;

/// The value that stands for a project that is to be made.
const NEW_PROJECT: &str = "new";

const DAYS: [(&str, &str); 4] =
    [("never", "Never"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In 365 days")];

#[derive(Template)]
#[template(path = "create.html")]
struct CreatePage {
    frame: Frame,
    keys: Vec<ShownKey>,
    projects: Vec<Project>,
    typed: Typed,
    mistakes: Mistakes,
}

impl CreatePage {
    fn makes_project(&self) -> bool {
        self.typed.project == NEW_PROJECT || self.projects.is_empty()
    }
}

/// The fields as they were sent.
struct Typed {
    name: String,
    project: String,
    project_name: String,
    scopes: Vec<String>,
    expires: String,
    form: String,
}

impl Typed {
    fn nothing() -> Self {
        Self {
            name: String::new(),
            project: String::new(),
            project_name: String::new(),
            scopes: Vec::new(),
            expires: DAYS[0].0.to_owned(),
            form: credential::random(),
        }
    }

    fn read(form: &Form) -> Result<Self, Refusal> {
        Ok(Self {
            name: form.text("name").trim().to_owned(),
            project: form.text("project").to_owned(),
            project_name: form.text("project_name").trim().to_owned(),
            scopes: form.all("scopes").map(str::to_owned).collect(),
            expires: form.text("expires").to_owned(),
            form: form.one_time_token()?.to_owned(),
        })
    }

    fn has_scope(&self, scope: &Scope) -> bool {
        self.scopes.iter().any(|name| scope.name() == Some(name))
    }

    /// What it asks for, or what has to be put right.
    fn check(&self) -> Result<NewKey, Mistakes> {
        let mut mistakes = Mistakes::default();
        if name(&self.name).is_err() {
            mistakes.add("name", "Enter a name for the key, of at most 100 characters.");
        }
        if self.project == NEW_PROJECT && name(&self.project_name).is_err() {
            mistakes.add("project_name", "Enter a name for the new project, of at most 100 characters.");
        }
        let is_id = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if self.project.is_empty() || !is_id(&self.project) {
            mistakes.add("project", "Choose a project.");
        }
        let scopes: Result<Vec<Scope>, _> = self.scopes.iter().map(|scope| scope.parse()).collect();
        let scopes = scopes.map(|scopes| scopes.into_iter().collect()).unwrap_or(Scope::empty());
        if scopes.is_empty() {
            mistakes.add("scopes", "Choose at least one scope: what the key may do.");
        }
        let expires_at = expiry(&self.expires);
        if expires_at.is_none() {
            mistakes.add("expires", "Choose when the key expires.");
        }
        match expires_at {
            Some(expires_at) if mistakes.is_empty() => Ok(NewKey {
                name: self.name.clone(),
                project: self.project.clone(),
                scopes,
                expires_at,
                form: Some(self.form.clone()),
            }),
            _ => Err(mistakes),
        }
    }
}

/// `Some(None)` is never.
fn expiry(choice: &str) -> Option<Option<UnixTime>> {
    let (value, _) = DAYS.iter().find(|(value, _)| *value == choice)?;
    let days: Option<u64> = value.parse().ok();
    Some(days.map(|days| UnixTime::now().saturating_add(days * 24 * 3600)))
}

pub(super) async fn show(signed_in: SignedIn, State(state): State<AppState>) -> Result<Response, Refusal> {
    dialog(StatusCode::OK, &state, &signed_in, Typed::nothing(), Mistakes::default()).await
}

async fn dialog(
    status: StatusCode,
    state: &AppState,
    signed_in: &SignedIn,
    typed: Typed,
    mistakes: Mistakes,
) -> Result<Response, Refusal> {
    let keys = shown_keys(state, signed_in).await?;
    let mut connection = state.database.acquire().await?;
    let projects = project::list(&mut connection, &signed_in.account.company.id).await?;
    let frame = Frame::new(signed_in, "/keys");
    Ok(page(status, &CreatePage { frame, keys, projects, typed, mistakes }))
}

pub(super) async fn create(
    signed_in: SignedIn,
    State(state): State<AppState>,
    form: Form,
) -> Result<Response, Refusal> {
    form.check_token(&signed_in.session)?;
    let typed = Typed::read(&form)?;
    let new = match typed.check() {
        Ok(new) => new,
        Err(mistakes) => return refuse(&state, &signed_in, typed, mistakes).await,
    };
    match make(&state, &signed_in.account, &typed.project_name, new).await {
        Ok((key, listed)) => Ok(show_once(&state, &signed_in, &key, &listed, None)),
        Err(StoreError::FormUsed) => sent_before(&state, &signed_in, typed.form).await,
        Err(StoreError::NameTaken) => {
            let mistake = Mistakes::one("project_name", "There is a project of this name. Choose it above.");
            refuse(&state, &signed_in, typed, mistake).await
        }
        Err(StoreError::NotFound) => {
            let mistake = Mistakes::one("project", "Choose a project.");
            refuse(&state, &signed_in, typed, mistake).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn refuse(
    state: &AppState,
    signed_in: &SignedIn,
    typed: Typed,
    mistakes: Mistakes,
) -> Result<Response, Refusal> {
    dialog(StatusCode::BAD_REQUEST, state, signed_in, typed, mistakes).await
}

/// The form is spent first: what it makes, a project too, is made once.
async fn make(
    state: &AppState,
    account: &Account,
    project_name: &str,
    mut new: NewKey,
) -> Result<(ApiKey, ListedKey), StoreError> {
    let (company, actor) = (&account.company.id, &account.email);
    let mut transaction = state.database.begin().await?;
    spend(&mut transaction, new.form.as_deref().unwrap_or_default()).await?;
    if new.project == NEW_PROJECT {
        new.project = project::create(&mut transaction, company, actor, project_name).await?.id;
    }
    let made = api_key::create(&mut transaction, company, actor, &new).await?;
    transaction.commit().await?;
    Ok(made)
}

/// A form stays spent when its key is deleted.
pub(super) async fn spend(transaction: &mut Transaction, form: &str) -> Result<(), StoreError> {
    if credential::spend_form(transaction, form, UnixTime::now()).await? {
        Ok(())
    } else {
        Err(StoreError::FormUsed)
    }
}

/// Names the key that the form made, masked.
pub(super) async fn sent_before(
    state: &AppState,
    signed_in: &SignedIn,
    form: String,
) -> Result<Response, Refusal> {
    let mut connection = state.database.acquire().await?;
    let made = api_key::find_by_form(&mut connection, &signed_in.account.company.id, &form).await?;
    Err(Refusal::sent_before(made.map(|key| key.record.id.masked().to_string())))
}

#[derive(Template)]
#[template(path = "new-key.html")]
struct NewKeyPage<'a> {
    frame: Frame,
    key: &'a ApiKey,
    shown: ShownKey,
    request: Request<'a>,
    replaced: Option<Replaced>,
}

/// The key that another took the place of.
pub(super) struct Replaced {
    pub(super) masked: String,
    /// Until when it works, if it still does.
    pub(super) until: Option<Moment>,
}

/// The one page with a key's secret. It is written from the [`ApiKey`] alone, which erases itself when the caller drops
/// it; the buffer of the answer, which holds it too, is freed and not erased.
pub(super) fn show_once(
    state: &AppState,
    signed_in: &SignedIn,
    key: &ApiKey,
    listed: &ListedKey,
    replaced: Option<Replaced>,
) -> Response {
    let template = NewKeyPage {
        frame: Frame::new(signed_in, "/keys"),
        key,
        shown: ShownKey::new(listed, UnixTime::now()),
        request: Request::for_scopes(listed.record.scopes, &state.public_url),
        replaced,
    };
    page(StatusCode::OK, &template)
}

/// A request to try a key with.
struct Request<'a> {
    url: &'a str,
    path: &'static str,
    body: Option<&'static str>,
}

impl<'a> Request<'a> {
    /// One that the scopes allow; reading first, which changes nothing.
    fn for_scopes(scopes: Scope, url: &'a str) -> Self {
        let choices = [
            (Scope::MEMORIES_READ, "/v1/memories", None),
            (Scope::CHATS_READ, "/v1/chats", None),
            // there is no list of users
            (Scope::USERS_READ, "/v1/key", None),
            (Scope::MEMORIES_WRITE, "/v1/memories", Some(r#"{"content":"Ada likes tea."}"#)),
            (Scope::CHATS_WRITE, "/v1/chats", Some(r#"{"title":"A first chat"}"#)),
        ];
        let choice = choices.into_iter().find(|(scope, ..)| scopes.contains(*scope));
        let (_, path, body) = choice.unwrap_or((Scope::USERS_WRITE, "/v1/users", Some(r#"{"id":"ada"}"#)));
        Self { url, path, body }
    }
}
