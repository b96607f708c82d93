//! The page with the list of a company's projects, and the query of its address: [`ProjectQuery`].

use std::convert::Infallible;

use askama::Template;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use ctx_key::UnixTime;

use super::assets;
use super::done::Done;
use super::frame::{Frame, Moment};
use super::list_query::{MAX_LINKS, page_number, query_of, search_text};
use super::page::{Refusal, page};
use super::pager::{PAGE_LENGTH, Pager};
use super::session::SignedIn;
use crate::http::state::AppState;
use crate::store::api_key::{self, KeyCounts};
use crate::store::free_text::contains_key;
use crate::store::id::ProjectId;
use crate::store::name::Name;
use crate::store::project::{self, Project};

/// States to filter by: the value in the form, the label, and whether such a project is archived.
const STATES: [(&str, &str, bool); 2] = [("active", "Active", false), ("archived", "Archived", true)];

#[derive(Template)]
#[template(path = "projects.html")]
struct ProjectsPage {
    frame: Frame,
    query: ProjectQuery,
    rows: Vec<Row>,
    /// The part after the path in the links of the rows.
    back: String,
    pager: Pager,
    done: Option<String>,
}

/// A project in words.
struct Row {
    id: ProjectId,
    name: Name,
    created: Moment,
    archived: Option<Moment>,
    keys: KeyCounts,
}

impl Row {
    fn new(project: &Project, keys: KeyCounts, now: UnixTime) -> Self {
        Self {
            id: project.id.clone(),
            name: project.name.clone(),
            created: Moment::new(project.created_at, now),
            archived: project.archived_at.map(|at| Moment::new(at, now)),
            keys,
        }
    }
}

pub(super) async fn list(
    signed_in: SignedIn,
    State(state): State<AppState>,
    query: ProjectQuery,
    jar: CookieJar,
) -> Result<Response, Refusal> {
    if query.has_key {
        // a redirect, so that the address with the key does not stay in the browser's history
        return Ok(Redirect::to(&query.address()).into_response());
    }
    let (company, now) = (&signed_in.account.company.id, state.clock.now());
    let mut connection = state.database.acquire().await?;
    let listed = query.apply(project::list(&mut connection, company).await?);
    let keys = api_key::count_by_project(&mut connection, company, now).await?;
    let pager = Pager::new(query.page, listed.len(), |page| query.with_page(page).address());
    let query = query.with_page(pager.page());
    let counts = |project: &Project| keys.get(&project.id).copied().unwrap_or_default();
    let rows = listed[pager.rows()].iter().map(|project| Row::new(project, counts(project), now)).collect();
    let (jar, done) = Done::take(&state, jar);
    let (frame, back) = (Frame::new(&signed_in, "/projects"), query.short().query());
    Ok((jar, page(StatusCode::OK, &ProjectsPage { frame, query, rows, back, pager, done })).into_response())
}

/// A filter and a page. A value that the form can't send counts as missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ProjectQuery {
    /// A part of the name, in upper or lower case.
    text: String,
    /// True to list only archived projects, false to list only others, and `None` to list all.
    is_archived: Option<bool>,
    /// Number of the page, from 1. It may be after the last page.
    page: usize,
    /// True if the address contains an API key. [`Self::address`] does not contain it.
    has_key: bool,
}

impl ProjectQuery {
    fn parse(query: &str) -> Self {
        let fields: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        let field =
            |name: &str| fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| &**value);
        let state = STATES.iter().find(|(value, ..)| *value == field("state"));
        Self {
            text: search_text(field("q"), Name::MAX_LENGTH),
            is_archived: state.map(|(.., is_archived)| *is_archived),
            page: page_number(query),
            has_key: contains_key(field("q")),
        }
    }

    /// Returns the projects that the list shows.
    fn apply(&self, projects: Vec<Project>) -> Vec<Project> {
        let is_listed = |project: &Project| {
            self.is_archived.is_none_or(|is_archived| project.is_archived() == is_archived)
                && project.has_text(&self.text)
        };
        projects.into_iter().filter(is_listed).collect()
    }

    fn with_page(&self, page: usize) -> Self {
        Self { page, ..self.clone() }
    }

    /// Returns the same query, without its text if the links of a page would be too large with it.
    fn short(&self) -> Self {
        let links = 2 * PAGE_LENGTH;
        let text = if self.query().len() * links <= MAX_LINKS { self.text.clone() } else { String::new() };
        Self { text, ..self.clone() }
    }

    fn is_filtered(&self) -> bool {
        !self.text.is_empty() || self.is_archived.is_some()
    }

    fn has_state(&self, is_archived: &bool) -> bool {
        self.is_archived == Some(*is_archived)
    }

    /// Returns the address of the list.
    pub(super) fn address(&self) -> String {
        format!("/projects{}", self.query())
    }

    /// Returns the address of the row of a project, on its page of the list of `projects`. If the list does not show
    /// the project, returns the address of the list.
    pub(super) fn address_of(&self, id: &ProjectId, projects: Vec<Project>) -> String {
        match self.apply(projects).iter().position(|project| project.id == *id) {
            Some(place) => format!("{}#project-{id}", self.with_page(place / PAGE_LENGTH + 1).address()),
            None => self.address(),
        }
    }

    /// Returns the part after the path of an address, with its `?`.
    pub(super) fn query(&self) -> String {
        let state = STATES.iter().find(|(.., is_archived)| self.is_archived == Some(*is_archived));
        let page = (self.page > 1).then(|| self.page.to_string());
        query_of(&[
            ("q", Some(self.text.as_str()).filter(|text| !text.is_empty())),
            ("state", state.map(|(value, ..)| *value)),
            ("page", page.as_deref()),
        ])
    }
}

impl FromRequestParts<AppState> for ProjectQuery {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}
