//! The parameters of a search.

use std::collections::HashMap;

use ctx_key::scan::redact_str;
use serde::Deserialize;
use time::format_description::well_known::Iso8601;
use time::{Date, OffsetDateTime};
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::{IntoParams, PartialSchema};

use super::fields::{Filter, Text};
use super::paging::Limit;
use crate::http::api_error::ApiError;
use crate::store::text_search::{MAX_TEXT_LENGTH, Precision, TextSearch};

/// The text to search for.
type Query = Text<1, MAX_TEXT_LENGTH>;

/// Default maximum number of results.
const DEFAULT_RESULTS: i64 = 10;

type Results = Limit<DEFAULT_RESULTS>;

/// The parameters in snake case, each with its other spelling.
const SPELLINGS: [(&str, &str); 10] = [
    ("query", "query"),
    ("limit", "limit"),
    ("precision", "precision"),
    ("type", "type"),
    ("tags", "tags"),
    ("user_id", "userId"),
    ("created_after", "createdAfter"),
    ("created_before", "createdBefore"),
    ("include_graph", "includeGraph"),
    ("score_threshold", "scoreThreshold"),
];

const PRECISIONS: [&str; 3] = ["low", "medium", "high"];

/// Pairs of names and values, because each tag may be a parameter of its own.
/// [`Parameters`](crate::http::extract::Parameters) has removed repetitions.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct SearchParameters(Vec<(String, String)>);

impl SearchParameters {
    pub fn checked(self) -> Result<TextSearch, ApiError> {
        let mut search = TextSearch::of_words("", 0);
        let mut values: HashMap<&str, String> = HashMap::new();
        for (name, value) in self.0 {
            let name = known(&name)?;
            if name == "tags" {
                search.filter.tags.extend(value.split(',').map(|tag| tag.trim().to_owned()));
            } else if values.insert(name, value).is_some() {
                return Err(ApiError::invalid(format!("`{name}` is sent with two values: send one")));
            }
        }
        search.filter.tags.retain(|tag| !tag.is_empty());
        let mut take = |name| values.remove(name);
        search.text = Query::from(take("query").unwrap_or_default()).checked("query")?;
        search.limit = limit(take("limit"))?;
        search.filter.kind = take("type");
        search.user = take("user_id");
        if let Some(time) = take("created_after") {
            search.filter.created_after = instant(&time, "created_after")?.unix_timestamp();
        }
        if let Some(time) = take("created_before") {
            let time = instant(&time, "created_before")?;
            search.filter.created_before = time.unix_timestamp() + i64::from(time.nanosecond() > 0);
        }
        if let Some(score) = take("score_threshold") {
            search.score = threshold(&score)?;
        }
        if let Some(precision) = take("precision") {
            search.precision = precision_of(&precision)?;
        }
        if let Some(include_graph) = take("include_graph") {
            require_flag(&include_graph)?;
        }
        Ok(search)
    }
}

/// Returns the name of a parameter in snake case.
fn known(name: &str) -> Result<&'static str, ApiError> {
    let spelling = SPELLINGS.iter().find(|(snake, camel)| [*snake, *camel].contains(&name));
    spelling.map(|(snake, _)| *snake).ok_or_else(|| {
        let name: String = redact_str(name).chars().take(100).collect();
        let names = SPELLINGS.map(|(snake, _)| snake).join(", ");
        ApiError::invalid(format!("unknown parameter `{name}`: a search has {names}"))
    })
}

impl IntoParams for SearchParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let parameter = |name| ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query);
        let time = || {
            let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
            ObjectBuilder::new().schema_type(Type::String).format(Some(format))
        };
        let score = ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0)).maximum(Some(1));
        let precision = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(PRECISIONS));
        let flag = ObjectBuilder::new().schema_type(Type::Boolean);
        [
            parameter("query").schema(Some(Query::schema())).required(Required::True),
            parameter("limit").schema(Some(Results::schema())).description(Some("Maximum number of memories.")),
            parameter("precision").schema(Some(precision.default(Some("medium".into())))).description(Some(
                "`low` and `medium`: all memories with a word of the query. `high`: only those with as many of the words as \
                 the best memory.",
            )),
            parameter("type").schema(Some(Filter::schema())),
            parameter("tags")
                .schema(Some(ArrayBuilder::new().items(Filter::schema())))
                .description(Some("Tags that a memory must have, all of them. Several may be in one value, with commas.")),
            parameter("user_id").schema(Some(Filter::schema())).description(Some("Also accepted as `userId`.")),
            parameter("created_after").schema(Some(time())).description(Some(
                "Also accepted as `createdAfter`. Without a zone it is in UTC, and without a time it is midnight.",
            )),
            parameter("created_before")
                .schema(Some(time()))
                .description(Some("Also accepted as `createdBefore`.")),
            parameter("include_graph")
                .schema(Some(flag))
                .description(Some("Also accepted as `includeGraph`. There is no graph: `graph` is null.")),
            parameter("score_threshold")
                .schema(Some(score))
                .description(Some("Minimum score. Also accepted as `scoreThreshold`.")),
        ]
        .map(ParameterBuilder::build)
        .into()
    }
}

fn limit(text: Option<String>) -> Result<usize, ApiError> {
    let limit = match text {
        Some(text) => Results::from(text.parse().unwrap_or(0)),
        None => Results::default(),
    };
    Ok(usize::try_from(limit.checked()?).unwrap_or_default())
}

/// Reads a time in ISO 8601. Without a zone it is in UTC, and without a time it is midnight.
fn instant(text: &str, name: &str) -> Result<OffsetDateTime, ApiError> {
    let format = &Iso8601::PARSING;
    let parsed = if text.contains('T') {
        OffsetDateTime::parse(text, format).or_else(|_| OffsetDateTime::parse(&format!("{text}Z"), format))
    } else {
        // `Date::parse` would ignore a time, even an invalid one
        Date::parse(text, format).map(|date| date.midnight().assume_utc())
    };
    parsed.map_err(|_| {
        ApiError::invalid(format!("`{name}` is not a time: send one such as 2026-11-23T14:05:00Z"))
    })
}

fn threshold(text: &str) -> Result<f64, ApiError> {
    let score = text.parse().ok().filter(|score| (0.0..=1.0).contains(score));
    score.ok_or(ApiError::invalid("`score_threshold` is out of range: send a number from 0 to 1"))
}

fn precision_of(text: &str) -> Result<Precision, ApiError> {
    match text {
        "low" | "medium" => Ok(Precision::Any),
        "high" => Ok(Precision::Best),
        _ => Err(ApiError::invalid(format!("`precision` is unknown: send {}", PRECISIONS.join(" or ")))),
    }
}

fn require_flag(text: &str) -> Result<(), ApiError> {
    let is_flag = ["true", "false"].iter().any(|flag| flag.eq_ignore_ascii_case(text));
    is_flag.then_some(()).ok_or(ApiError::invalid("`include_graph` is unknown: send true or false"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_a_zone_is_in_utc_and_a_date_is_its_midnight() {
        for (text, expected) in [
            ("2026-11-23", "2026-11-23T00:00:00Z"),
            ("20261123", "2026-11-23T00:00:00Z"),
            ("2026-11-23T14:05", "2026-11-23T14:05:00Z"),
            ("20261123T14", "2026-11-23T14:00:00Z"),
            ("2026-11-23T14:05:06.5", "2026-11-23T14:05:06.5Z"),
            ("2026-11-23T14:05:06+01:00", "2026-11-23T13:05:06Z"),
            ("2026-11-23T14:05:06-0130", "2026-11-23T15:35:06Z"),
            // a leap second
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999999Z"),
            ("2016-12-31T23:59:60", "2016-12-31T23:59:59.999999999Z"),
        ] {
            let time = instant(text, "created_after").map_err(|error| error.message().to_owned());
            let expected = OffsetDateTime::parse(expected, &Iso8601::PARSING).unwrap();
            assert_eq!(time, Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_text_with_an_invalid_time_is_not_a_date() {
        for text in [
            "",
            "yesterday",
            "14:05:00Z",
            "2026-11-31",
            "2026-11-23Z",
            "2026-11-23T",
            "2026-11-23 14:05:00Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T24:00",
            "2026-11-23T14:60:00Z",
            "2026-11-23T14:05:60",
            "2026-11-23T14:05:60Z",
            "2026-11-23T14:05:60+01:00",
            "2026-11-23T14:05:60.5Z",
            "2026-11-23T14:05:61Z",
            "2026-11-23T14:05:59.9999999999Z",
            "2026-11-23T14:05:00+26:00",
            "2026-11-23T14:05:00+01:60",
            "2026-11-23T14:05:00+01:00Z",
            "2026-11-23T14:05:00ZZ",
        ] {
            let error = instant(text, "created_after").expect_err(text);
            assert!(error.message().starts_with("`created_after` is not a time"), "{text}: {error:?}");
        }
    }
}
