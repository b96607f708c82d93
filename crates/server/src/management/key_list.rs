//! The list of a company's keys, as a whole or page by page.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::header::LINK;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;

use super::api_keys::ShownKey;
use super::signed_in::KeyManager;
use crate::http::api_error::ApiError;
use crate::http::extract::{Segment, StrictParameters};
use crate::http::open_api::route;
use crate::http::state::AppState;
use crate::store::api_key::{self, Place};
use crate::store::id::CompanyId;

/// Default number of keys on a page.
const DEFAULT_LIMIT: i64 = 20;

const MAX_LIMIT: i64 = 100;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(route!(list))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Page {
    /// Maximum number of keys on the page.
    #[param(value_type = i64, required = false, minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// The place where the page begins, from the `Link` of the previous page.
    #[param(value_type = String, required = false)]
    cursor: Option<String>,
}

/// Lists the keys of a company, the newest first. Without `limit` and `cursor`, the list has all keys. Otherwise, it
/// is a page, and its `Link` leads to the next page.
#[utoipa::path(
    get,
    path = "/companies/{company}/api-keys",
    operation_id = "listKeys",
    responses((status = OK, body = Vec<ShownKey>, headers(("Link" = String, description = "The next page: RFC 8288."))))
)]
async fn list(
    manager: KeyManager,
    State(state): State<AppState>,
    Segment(company): Segment<String>,
    StrictParameters(page): StrictParameters<Page>,
) -> Result<(HeaderMap, Answer<Vec<ShownKey>>), ApiError> {
    let company = manager.of(&company)?.company.id;
    let mut headers = HeaderMap::new();
    let keys = if page.limit.is_none() && page.cursor.is_none() {
        let mut connection = state.database.acquire().await?;
        api_key::list(&mut connection, &company).await?
    } else {
        let limit = page.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(ApiError::invalid(format!("`limit` is out of range: send 1 to {MAX_LIMIT}")));
        }
        let after = page.cursor.map(|cursor| read(&cursor, &company)).transpose()?;
        let mut connection = state.database.acquire().await?;
        // one key more than fits on the page shows that there is another page
        let mut keys = api_key::page(&mut connection, &company, after, limit + 1).await?;
        if keys.len() as i64 > limit {
            keys.pop();
            headers.extend(keys.last().map(|key| (LINK, next(key.place(), limit, &company))));
        }
        keys
    };
    let now = state.clock.now();
    let shown = |key| ShownKey::new(key, company.clone(), now);
    Ok((headers, Answer(keys.into_iter().map(shown).collect())))
}

fn next(place: Place, limit: i64, company: &CompanyId) -> HeaderValue {
    let cursor = write(place, company);
    let link = format!("</api/v1/companies/{company}/api-keys?limit={limit}&cursor={cursor}>; rel=\"next\"");
    HeaderValue::try_from(link).expect("ids and digits are visible ASCII")
}

/// Writes a cursor. It ends with a checksum that includes the company, so that a cursor of another list is recognised.
fn write(place: Place, company: &CompanyId) -> String {
    let Place { created_at, id } = place;
    let place = format!("{created_at:x}-{id}");
    let checksum = Sha256::new().chain_update(company.as_str()).chain_update(&place).finalize();
    format!("{place}-{}", hex::encode(&checksum[..8]))
}

fn read(cursor: &str, company: &CompanyId) -> Result<Place, ApiError> {
    let parse = || {
        let (created_at, rest) = cursor.split_once('-')?;
        let (id, _) = rest.split_once('-')?;
        Some(Place { created_at: i64::from_str_radix(created_at, 16).ok()?, id: id.parse().ok()? })
    };
    let place = parse().filter(|place| write(*place, company) == cursor);
    place.ok_or(ApiError::invalid("`cursor` does not belong to this list: start again without it"))
}
