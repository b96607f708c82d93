//! The page of a key, which shows all its data and changes its name and scopes.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use ctx_key::{KeyId, Scope, UnixTime};

use super::assets;
use super::audit::ShownLine;
use super::change::KeyOfPath;
use super::done::Done;
use super::form::Form;
use super::frame::{Frame, Moment};
use super::keys::{Neighbor, ShownKey};
use super::list_query::page_number;
use super::page::{Mistakes, Refusal, page, without_key};
use super::pager::{PAGE_LENGTH, Pager};
use super::scope_choice::ScopeChoice;
use super::sent_form::SentForm;
use super::session::{SignedIn, refuse_draft, take_draft};
use crate::clock::seconds;
use crate::database::{Connection, DatabaseError};
use crate::http::state::AppState;
use crate::store::api_key::{self, Change, ListedKey};
use crate::store::audit_log::{self, LogLine, Replacement};
use crate::store::id::CompanyId;
use crate::store::store_error::StoreError;

/// Maximum number of successors that are shown. The audit log names the others.
const MAX_SUCCESSORS: usize = 5;

#[derive(Template)]
#[template(path = "key.html")]
struct KeyPage {
    frame: Frame,
    key: ShownKey,
    life: Life,
    typed: Typed,
    mistakes: Mistakes,
    lines: Vec<ShownLine>,
    pager: Pager,
    done: Option<String>,
}

/// Past and future events in the life of a key.
struct Life {
    created_by: Option<String>,
    replaces: Option<Neighbor>,
    /// The successors, the newest first.
    replaced_by: Vec<(Neighbor, Moment)>,
    starts: Option<Moment>,
    retires: Option<Moment>,
    expires: Option<Moment>,
    revoked: Option<Moment>,
    revoked_by: Option<String>,
}

/// The fields of the form, as they are stored or were sent.
struct Typed {
    name: String,
    scopes: ScopeChoice,
}

pub(super) async fn show(
    signed_in: SignedIn,
    State(state): State<AppState>,
    KeyOfPath(id): KeyOfPath,
    RawQuery(query): RawQuery,
    jar: CookieJar,
) -> Result<Response, Refusal> {
    let number = page_number(query.as_deref().unwrap_or_default());
    let (jar, draft) = take_draft(&state, jar, &format!("/keys/{id}"), &signed_in.account.id);
    let mut template = match read(&state, &signed_in, id, number).await {
        Ok(template) => template,
        Err(refusal) => return refuse_draft(jar, refusal),
    };
    let (jar, done) = Done::take(&state, jar);
    template.done = done;
    if let Some(form) = draft {
        template.typed = Typed::read(&form);
    }
    Ok((jar, page(StatusCode::OK, &template)).into_response())
}

async fn read(state: &AppState, signed_in: &SignedIn, id: KeyId, number: usize) -> Result<KeyPage, Refusal> {
    let (company, now) = (&signed_in.account.company.id, state.clock.now());
    let mut connection = state.database.acquire().await?;
    let key = api_key::find(&mut connection, company, id).await?;
    let total = audit_log::count_of_key(&mut connection, company, id).await?;
    let total = usize::try_from(total).unwrap_or(usize::MAX);
    let pager = Pager::new(number, total, |page| format!("/keys/{id}?page={page}#log"));
    let lines = lines(&mut connection, company, id, PAGE_LENGTH, pager.rows().start).await?;
    let life = Life::read(&mut connection, company, &key, total, now).await?;
    let line = |line: LogLine| {
        let is_own = line.key.as_deref() == Some(id.as_str());
        // the rotation that created this key is logged with the id of the old key
        let replaced = line.key.as_deref().unwrap_or_default();
        let detail = if is_own { line.detail.clone() } else { format!("replaces {replaced}") };
        let action = if is_own { line.action.clone() } else { "created".to_owned() };
        ShownLine { action, detail, ..ShownLine::new(line, false, now) }
    };
    Ok(KeyPage {
        frame: Frame::new(signed_in, "/keys"),
        typed: Typed { name: key.name.to_string(), scopes: ScopeChoice::of(key.record.scopes) },
        key: ShownKey::new(&key, now),
        life,
        mistakes: Mistakes::default(),
        lines: lines.into_iter().map(line).collect(),
        pager,
        done: None,
    })
}

async fn lines(
    connection: &mut Connection,
    company: &CompanyId,
    id: KeyId,
    limit: usize,
    offset: usize,
) -> Result<Vec<LogLine>, DatabaseError> {
    let [limit, offset] = [limit, offset].map(|number| i64::try_from(number).unwrap_or(i64::MAX));
    audit_log::of_key(connection, company, id, limit, offset).await
}

impl Life {
    async fn read(
        connection: &mut Connection,
        company: &CompanyId,
        key: &ListedKey,
        number_of_lines: usize,
        now: UnixTime,
    ) -> Result<Self, Refusal> {
        let (record, id) = (&key.record, key.record.id);
        // a key does not change after its revocation, so the last line tells who revoked it
        let last = lines(connection, company, id, 1, 0).await?.pop();
        let first = lines(connection, company, id, 1, number_of_lines.saturating_sub(1)).await?.pop();
        let replacements = audit_log::replacements(connection, company, &[id]).await?;
        let mut replaces = None;
        let mut replaced_by = Vec::new();
        for Replacement { at, old, new } in replacements.into_iter().rev() {
            if new == id {
                replaces = Some(Neighbor::find(connection, company, old).await?);
            } else if replaced_by.len() < MAX_SUCCESSORS {
                replaced_by.push((Neighbor::find(connection, company, new).await?, Moment::new(at, now)));
            }
        }
        let moment = |at: Option<UnixTime>| at.map(|at| Moment::new(seconds(at), now));
        let is_made = |line: &LogLine| line.action == "created" || line.key.as_deref() != Some(id.as_str());
        Ok(Self {
            // an imported key has no such line
            created_by: first.filter(is_made).map(|line| line.actor),
            replaces,
            replaced_by,
            starts: moment(record.not_before),
            retires: moment(record.retires_at),
            expires: moment(record.expires_at),
            revoked: moment(record.revoked_at),
            revoked_by: last.filter(|line| line.action == "revoked").map(|line| line.actor),
        })
    }
}

impl Neighbor {
    async fn find(connection: &mut Connection, company: &CompanyId, id: KeyId) -> Result<Self, Refusal> {
        match api_key::find(connection, company, id).await {
            Ok(_) => Ok(Self { id, exists: true }),
            Err(StoreError::NotFound) => Ok(Self { id, exists: false }),
            Err(error) => Err(error.into()),
        }
    }
}

impl Typed {
    fn read(form: &Form) -> Self {
        Self { name: form.text("name").to_owned(), scopes: ScopeChoice::read(form) }
    }
}

pub(super) async fn change(
    State(state): State<AppState>,
    id: Result<KeyOfPath, Refusal>,
    SentForm { signed_in, form }: SentForm,
) -> Result<Response, Refusal> {
    let KeyOfPath(id) = id?;
    let typed = Typed::read(&form);
    let mut mistakes = Mistakes::default();
    let name = mistakes.name("name", "the key", &typed.name);
    let scopes = typed.scopes.check(&mut mistakes);
    if !mistakes.is_empty() {
        let template = read(&state, &signed_in, id, 1).await?;
        let typed = Typed { name: without_key(&typed.name).to_owned(), ..typed };
        return Ok(page(StatusCode::BAD_REQUEST, &KeyPage { typed, mistakes, ..template }));
    }
    let act = signed_in.act(state.clock.now());
    let mut transaction = state.database.begin().await?;
    api_key::change(&mut transaction, act, id, Change { name, scopes }).await?;
    transaction.commit().await?;
    Ok(Done::Changed.redirect(&state, id, &format!("/keys/{id}")))
}
