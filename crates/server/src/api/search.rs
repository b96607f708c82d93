//! The parameters of a search.

use serde::Deserialize;
use time::format_description::well_known::Iso8601;
use time::{Date, OffsetDateTime, PrimitiveDateTime, Time};
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::{IntoParams, PartialSchema};

use super::fields::{Filter, Text};
use super::paging::{DEFAULT_LIMIT, Limit};
use crate::http::api_error::ApiError;
use crate::store::text_search::{MAX_TEXT_LENGTH, TextSearch};

/// The text to search for.
type Query = Text<1, MAX_TEXT_LENGTH>;

/// Names and values, since tags may come as one parameter each. What is not known is ignored.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct SearchParameters(Vec<(String, String)>);

impl SearchParameters {
    pub fn checked(self) -> Result<TextSearch, ApiError> {
        let mut search = TextSearch::of_words("", DEFAULT_LIMIT);
        for (name, value) in self.0 {
            match name.as_str() {
                "query" => search.text = value,
                "type" => search.kind = Some(value),
                "tags" => search.tags.extend(value.split(',').map(|tag| tag.trim().to_owned())),
                "user_id" | "userId" => search.user = Some(value),
                "created_after" | "createdAfter" => {
                    search.created_after = seconds_of(&value, "created_after")?;
                }
                "created_before" | "createdBefore" => {
                    search.created_before = seconds_of(&value, "created_before")?;
                }
                "score_threshold" | "scoreThreshold" => search.score = score(&value)?,
                "limit" => {
                    search.limit = Limit::<DEFAULT_LIMIT>::from(value.parse().unwrap_or(0)).checked()?
                }
                _ => {}
            }
        }
        search.text = Query::from(search.text).checked("query")?;
        search.tags.retain(|tag| !tag.is_empty());
        Ok(search)
    }
}

impl IntoParams for SearchParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let parameter = |name| ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query);
        let time = || {
            let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
            ObjectBuilder::new().schema_type(Type::String).format(Some(format))
        };
        let score = ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0)).maximum(Some(1));
        [
            parameter("query").schema(Some(Query::schema())).required(Required::True),
            parameter("limit")
                .schema(Some(Limit::<DEFAULT_LIMIT>::schema()))
                .description(Some("How many at most.")),
            parameter("type").schema(Some(Filter::schema())),
            parameter("tags")
                .schema(Some(ArrayBuilder::new().items(Filter::schema())))
                .description(Some("Memories that have all of them; also with commas between.")),
            parameter("user_id")
                .schema(Some(Filter::schema()))
                .description(Some("Also as `userId`, but not both.")),
            parameter("created_after").schema(Some(time())).description(Some(
                "Also as `createdAfter`; also without a zone, which is UTC, and without a time.",
            )),
            parameter("created_before").schema(Some(time())).description(Some("Also as `createdBefore`.")),
            parameter("score_threshold")
                .schema(Some(score))
                .description(Some("The least score; also as `scoreThreshold`.")),
        ]
        .map(ParameterBuilder::build)
        .into()
    }
}

/// ISO 8601; without a zone it is UTC, without a time the day's beginning.
fn seconds_of(text: &str, name: &str) -> Result<i64, ApiError> {
    let format = &Iso8601::PARSING;
    let time = OffsetDateTime::parse(text, format)
        .or_else(|_| PrimitiveDateTime::parse(text, format).map(PrimitiveDateTime::assume_utc))
        .or_else(|_| Date::parse(text, format).map(|date| date.with_time(Time::MIDNIGHT).assume_utc()));
    time.map(OffsetDateTime::unix_timestamp)
        .map_err(|_| ApiError::invalid(format!("`{name}` is a time as in 2026-11-23T14:05:00Z")))
}

fn score(text: &str) -> Result<f64, ApiError> {
    let score = text.parse().ok().filter(|score| (0.0..=1.0).contains(score));
    score.ok_or(ApiError::invalid("`score_threshold` is a number from 0 to 1"))
}
