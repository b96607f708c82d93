//! The OpenAPI document, which is built together with the router. `route!` adds a handler to both. `#[utoipa::path]`
//! gives the handler's path and its successful response. The types of its arguments give its parameters, its body,
//! the scope that it requires, and the responses that refuse a request.

use std::ops::RangeInclusive;

use axum::extract::State;
use ctx_key::Scope;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{Object, Schema, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, Info, OpenApi, OpenApiBuilder, Ref, RefOr, Required, Response,
    ResponseBuilder,
};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use utoipa_axum::router::UtoipaMethodRouter;

use super::api_error::ErrorBody;
use super::extract::{ClientAddress, Items, Json, NoParameters, Parameters, Segment, StrictParameters};
use super::granted::{AnyKey, Granted};
use super::rate_limit;
use super::schema::{request_id, text};
use super::state::AppState;
use crate::store::client::Client;

const JSON: &str = "application/json";

/// Length of a parameter in a path, in characters.
const PATH_PARAMETER_LENGTH: RangeInclusive<usize> = 1..=128;

const DESCRIPTION: &str = "Paths below `/v1` take an API key, and each operation names in `x-required-scope` the \
    scope that the key needs. Paths below `/api/v1` take an account's access token, and no API key; with the token of \
    a program, only keys, projects and the list of companies are open there. Responses are in snake_case. Requests \
    below `/v1` may use camelCase too; a field that is sent in both spellings must have the same value in both. \
    Unknown fields are ignored, except where a credential is created or changed: there they are refused. Unknown \
    parameters are refused, except by sign-ins and by `POST /v1/key/revoke`.";

/// Status, name, description and further header of each response that refuses a request.
const REFUSALS: [(&str, &str, &str, Option<&str>); 11] = [
    ("400", "BadRequest", "The request is malformed, or a value in it is not allowed.", None),
    ("401", "Unauthorized", "The key or token is missing or not valid.", Some(CHALLENGE)),
    (
        "403",
        "Forbidden",
        "The key or token does not allow this; or the request comes from a browser, where keys don't belong, or from \
         a page of another site.",
        Some(CHALLENGE),
    ),
    ("404", "NotFound", "It does not exist, or it belongs to somebody else.", None),
    (
        "408",
        "Timeout",
        "The request took too long to arrive or to be answered. A change may have been made.",
        None,
    ),
    (
        "409",
        "Conflict",
        "The name is taken, the key has ended or has not ended yet, or the maximum number exists already.",
        None,
    ),
    ("413", "TooLarge", "The body is larger than 1 MiB.", None),
    ("415", "NotJson", "The `Content-Type` of the body is not JSON.", None),
    ("429", "TooMany", "Too many attempts or requests.", Some(RETRY_AFTER)),
    ("500", "Internal", "A defect of the server.", None),
    ("503", "Unavailable", "The service is not available at the moment: try again.", Some(RETRY_AFTER)),
];

const CHALLENGE: &str = "WWW-Authenticate";
const RETRY_AFTER: &str = "Retry-After";
const REQUEST_ID: &str = "x-request-id";

/// Returns a document without paths, with the components that all operations refer to.
pub fn document() -> OpenApi {
    let mut components = Components::new();
    components.schemas.insert(ErrorBody::name().into(), ErrorBody::schema());
    components.headers = [
        (REQUEST_ID, "The id of the request, which is also in the body of errors.", request_id().build()),
        (CHALLENGE, "The challenge, as in RFC 6750.", Object::with_type(Type::String)),
        (RETRY_AFTER, "Seconds to wait before the next attempt.", Object::with_type(Type::Integer)),
    ]
    .into_iter()
    .chain(
        rate_limit::HEADERS.map(|(name, description)| (name, description, Object::with_type(Type::Integer))),
    )
    .map(|(name, description, schema)| {
        let header = HeaderBuilder::new().schema(Some(schema)).description(Some(description));
        (name.to_owned(), header.build().into())
    })
    .collect();
    components.responses = REFUSALS
        .into_iter()
        .map(|(_, name, description, header)| {
            let body = ContentBuilder::new().schema(Some(Ref::from_schema_name(ErrorBody::name()))).build();
            let response = ResponseBuilder::new().description(description).content(JSON, body);
            let headers = [REQUEST_ID].into_iter().chain(header);
            let response =
                headers.fold(response, |response, name| response.header_ref(name, header_ref(name)));
            (name.to_owned(), response.into())
        })
        .collect();
    let api_key = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("ctx_ and 48 letters and digits")
        .description(Some(
            "An API key. It needs the scope that the operation names in `x-required-scope`. If the operation names \
             none, any valid key will do.",
        ));
    let access_token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
        "The access token of an account, from `POST /api/v1/auth/login`, or of a program. An API key is refused.",
    ));
    components.add_security_scheme(API_KEY, SecurityScheme::Http(api_key.build()));
    components.add_security_scheme(ACCESS_TOKEN, SecurityScheme::Http(access_token.build()));
    let mut info = Info::new("MemoryKit reference server", env!("CARGO_PKG_VERSION"));
    info.description = Some(DESCRIPTION.to_owned());
    OpenApiBuilder::new().info(info).components(Some(components)).build()
}

const API_KEY: &str = "apiKey";
const ACCESS_TOKEN: &str = "accessToken";

fn header_ref(name: &str) -> Ref {
    Ref::new(format!("#/components/headers/{name}"))
}

/// Schemas that an operation refers to, by name.
pub type Schemas = Vec<(String, RefOr<Schema>)>;

/// The type of a handler's argument, which documents itself.
pub trait Argument {
    fn document(operation: &mut Operation, schemas: &mut Schemas);
}

/// A handler with documented arguments.
pub trait Documented<Arguments> {
    fn document(operation: &mut Operation, schemas: &mut Schemas);
}

macro_rules! documented {
    ($($argument:ident)*) => {
        impl<Handler, Answer, $($argument: Argument),*> Documented<($($argument,)*)> for Handler
        where
            Handler: Fn($($argument),*) -> Answer,
        {
            fn document(operation: &mut Operation, schemas: &mut Schemas) {
                $($argument::document(operation, schemas);)*
            }
        }
    };
}

documented!(A);
documented!(A B);
documented!(A B C);
documented!(A B C D);
documented!(A B C D E);

/// Builds the route of a handler, and documents the handler. Use it as `router.routes(route!(handler))`.
macro_rules! route {
    ($handler:ident) => {
        $crate::http::open_api::complete(utoipa_axum::routes!($handler), $handler)
    };
}
pub(crate) use route;

/// Completes the documentation of a handler that `#[utoipa::path]` gives.
pub fn complete<Arguments, Handler: Documented<Arguments>>(
    (mut schemas, mut paths, router): UtoipaMethodRouter<AppState>,
    _: Handler,
) -> UtoipaMethodRouter<AppState> {
    for (path, item) in &mut paths.paths {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            Handler::document(operation, &mut schemas);
            add_path_parameters(operation, path);
            add_responses(operation, &["408", "500", "503"]);
            operation.responses.responses.iter_mut().for_each(|(status, response)| fill(status, response));
        }
    }
    (schemas, paths, router)
}

/// Documents that each change is refused if a page of another site sends it, or if its `Content-Type` is not JSON.
pub fn guard_changes(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        for operation in
            [&mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten()
        {
            add_responses(operation, &["403", "415"]);
            operation.responses.responses.iter_mut().for_each(|(status, response)| fill(status, response));
        }
    }
}

/// Adds the parameters of a path such as `/users/{id}`.
fn add_path_parameters(operation: &mut Operation, path: &str) {
    for name in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path);
        let parameter = parameter.required(Required::True).schema(Some(text(PATH_PARAMETER_LENGTH)));
        operation.parameters.get_or_insert_default().push(parameter.build().into());
    }
}

/// Adds empty responses with these statuses, which [`fill`] fills in.
fn add_responses(operation: &mut Operation, statuses: &[&str]) {
    let responses = &mut operation.responses.responses;
    responses.extend(statuses.iter().map(|&status| (status.to_owned(), Response::default().into())));
}

/// Gives a response the content that all responses with its status have.
fn fill(status: &str, response: &mut RefOr<Response>) {
    if let Some((_, name, ..)) = REFUSALS.into_iter().find(|&(refusal, ..)| refusal == status) {
        *response = Ref::from_response_name(name).into();
    } else if let RefOr::T(response) = response {
        response.headers.insert(REQUEST_ID.to_owned(), RefOr::Ref(header_ref(REQUEST_ID)));
        let description = match status {
            "200" => "Done.",
            "201" => "Made.",
            "202" => "Taken.",
            _ => "Gone.",
        };
        response.description = description.to_owned();
    }
}

impl<const SCOPES: u32> Argument for Granted<SCOPES> {
    fn document(operation: &mut Operation, schemas: &mut Schemas) {
        AnyKey::document(operation, schemas);
        let scopes = Scope::from_bits_truncate(SCOPES).to_string();
        operation.extensions = Some(Extensions::from_iter([("x-required-scope", scopes)]));
    }
}

impl Argument for AnyKey {
    fn document(operation: &mut Operation, _: &mut Schemas) {
        operation.security = Some(vec![SecurityRequirement::new(API_KEY, [""; 0])]);
        for response in operation.responses.responses.values_mut() {
            if let RefOr::T(response) = response {
                let names = rate_limit::HEADERS.map(|(name, _)| name);
                response.headers.extend(names.map(|name| (name.to_owned(), RefOr::Ref(header_ref(name)))));
            }
        }
        add_responses(operation, &["400", "401", "403", "429"]);
    }
}

/// Documents that a handler takes an account's access token.
pub fn takes_access_token(operation: &mut Operation) {
    operation.security = Some(vec![SecurityRequirement::new(ACCESS_TOKEN, [""; 0])]);
    add_responses(operation, &["400", "401", "403"]);
}

impl<T: ToSchema> Argument for Json<T> {
    fn document(operation: &mut Operation, schemas: &mut Schemas) {
        takes_body::<T>(operation, schemas);
    }
}

impl<T: ToSchema> Argument for Items<T> {
    fn document(operation: &mut Operation, schemas: &mut Schemas) {
        takes_body::<T>(operation, schemas);
    }
}

fn takes_body<T: ToSchema>(operation: &mut Operation, schemas: &mut Schemas) {
    schemas.push((T::name().into(), T::schema()));
    T::schemas(schemas);
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(T::name()))).build();
    let body = RequestBodyBuilder::new().content(JSON, content).required(Some(Required::True));
    operation.request_body = Some(body.build().into());
    add_responses(operation, &["400", "413"]);
}

impl<T: IntoParams> Argument for Parameters<T> {
    fn document(operation: &mut Operation, _: &mut Schemas) {
        let parameters = T::into_params(|| Some(ParameterIn::Query)).into_iter().map(Into::into);
        operation.parameters.get_or_insert_default().extend(parameters);
        add_responses(operation, &["400"]);
    }
}

impl<T: IntoParams> Argument for StrictParameters<T> {
    fn document(operation: &mut Operation, schemas: &mut Schemas) {
        Parameters::<T>::document(operation, schemas);
    }
}

impl Argument for NoParameters {
    fn document(operation: &mut Operation, _: &mut Schemas) {
        add_responses(operation, &["400"]);
    }
}

impl<T> Argument for Segment<T> {
    fn document(operation: &mut Operation, _: &mut Schemas) {
        add_responses(operation, &["404"]);
    }
}

impl Argument for State<AppState> {
    fn document(_: &mut Operation, _: &mut Schemas) {}
}

impl Argument for ClientAddress {
    fn document(_: &mut Operation, _: &mut Schemas) {}
}

impl Argument for Client {
    fn document(_: &mut Operation, _: &mut Schemas) {}
}
