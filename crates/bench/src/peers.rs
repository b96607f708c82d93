//! The peers that are compared. Each returns the project of a credential that grants `memories:read`, in its own way. No peer
//! looks up a record, and those that support an expiry check it.

use api_keys_simplified::{ApiKeyManagerV0, Environment, ExposeSecret, KeyStatus, SecureString};
use axum_extra::headers::authorization::Bearer;
use axum_extra::headers::{Authorization, HeaderMapExt};
use ctx_key::{ApiKey, KeyRecord, Scope, UnixTime, bearer};
use http::header::{AUTHORIZATION, HeaderMap};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use prefixed_api_key::rand::rngs::OsRng;
use prefixed_api_key::{PrefixedApiKey, PrefixedApiKeyController};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const PROJECT: u64 = 17;

/// Calls a function with each peer as its type.
#[macro_export]
macro_rules! each_peer {
    ($function:ident, $($argument:expr),*) => {
        $function::<$crate::peers::CtxKey>($($argument),*);
        $function::<$crate::peers::CtxKeyHeader>($($argument),*);
        $function::<$crate::peers::ByHand>($($argument),*);
        $function::<$crate::peers::AxumExtra>($($argument),*);
        $function::<$crate::peers::PrefixedApiKeyPeer>($($argument),*);
        $function::<$crate::peers::ApiKeysSimplified>($($argument),*);
        $function::<$crate::peers::JwtHs256>($($argument),*);
        $function::<$crate::peers::JwtEdDsa>($($argument),*);
    };
}

/// A way to check credentials. A value knows one credential, which it issued.
pub trait Peer: Sized {
    /// Name of the peer in benchmarks.
    const NAME: &'static str;
    /// The form in which credentials arrive: a text, or the headers of a request.
    type Presented: for<'text> From<&'text str>;
    /// Issues a credential, and returns a peer that knows it, and the credential.
    fn new() -> (Self, String);
    /// Returns the project if the credential is valid and grants the scope.
    fn check(&self, presented: &Self::Presented) -> Option<u64>;
    /// Returns a new credential and the number of bytes that a server stores of it.
    fn issue(&self) -> (String, usize);
    /// Returns a well-formed credential that the server does not know.
    fn other(_text: &str) -> String {
        Self::new().1
    }
    /// Returns the credential with a change that leaves it well-formed.
    fn forge(text: &str) -> String {
        let (at, last) = text.char_indices().next_back().expect("a credential");
        text[..at].to_owned() + if last == 'A' { "B" } else { "A" }
    }
}

/// `ctx-key`, from the text of a key.
pub struct CtxKey {
    record: KeyRecord<u64>,
}

impl CtxKey {
    fn grant(&self, key: &ApiKey) -> Option<u64> {
        let grant = self.record.verify(key, UnixTime::from_secs(1_800_000_000)).ok()?;
        grant.require(Scope::MEMORIES_READ).ok()?;
        Some(**grant.project())
    }
}

impl Peer for CtxKey {
    const NAME: &'static str = "ctx-key";
    type Presented = String;

    fn new() -> (Self, String) {
        let key = ApiKey::generate();
        (Self { record: KeyRecord::new(&key, PROJECT, Scope::READ) }, key.expose_secret().to_owned())
    }

    fn check(&self, text: &String) -> Option<u64> {
        self.grant(&ApiKey::parse(text).ok()?)
    }

    fn issue(&self) -> (String, usize) {
        let key = ApiKey::generate();
        let record = KeyRecord::new(&key, PROJECT, Scope::READ);
        (key.expose_secret().to_owned(), size_of_val(&record.id) + size_of_val(&record.digest))
    }
}

/// `ctx-key`, from a request's headers.
pub struct CtxKeyHeader(CtxKey);

impl Peer for CtxKeyHeader {
    const NAME: &'static str = "ctx-key, header";
    type Presented = Headers;

    fn new() -> (Self, String) {
        let (peer, text) = CtxKey::new();
        (Self(peer), text)
    }

    fn check(&self, Headers(headers): &Headers) -> Option<u64> {
        self.0.grant(&bearer::parse_headers(headers).ok()?)
    }

    fn issue(&self) -> (String, usize) {
        self.0.issue()
    }
}

/// Headers of a request with the credential as a bearer token.
pub struct Headers(HeaderMap);

impl From<&str> for Headers {
    fn from(text: &str) -> Self {
        let value = format!("Bearer {text}").try_into().expect("a header value");
        Self(HeaderMap::from_iter([(AUTHORIZATION, value)]))
    }
}

/// Code that people often write by hand: SHA-256, hexadecimal, `==` on strings.
pub struct ByHand {
    stored: String,
    scopes: Vec<String>,
}

impl ByHand {
    fn hash(text: &str) -> String {
        hex::encode(Sha256::digest(text))
    }

    fn text() -> String {
        let mut random = [0; 32];
        getrandom::fill(&mut random).expect("randomness");
        format!("sk_{}", hex::encode(random))
    }

    fn check_text(&self, text: &str) -> Option<u64> {
        let is_known = text.starts_with("sk_") && Self::hash(text) == self.stored;
        granted(is_known, &self.scopes)
    }
}

impl Peer for ByHand {
    const NAME: &'static str = "by hand";
    type Presented = String;

    fn new() -> (Self, String) {
        let text = Self::text();
        (Self { stored: Self::hash(&text), scopes: scopes() }, text)
    }

    fn check(&self, text: &String) -> Option<u64> {
        self.check_text(text)
    }

    fn issue(&self) -> (String, usize) {
        let text = Self::text();
        let stored = Self::hash(&text).len();
        (text, stored)
    }
}

fn scopes() -> Vec<String> {
    ["memories:read", "chats:read", "users:read"].map(str::to_owned).into()
}

/// Returns the project if the credential is valid and has the scope.
fn granted(is_valid: bool, scopes: &[String]) -> Option<u64> {
    (is_valid && scopes.iter().any(|scope| scope == "memories:read")).then_some(PROJECT)
}

/// The same as [`ByHand`], after axum-extra has read the header.
pub struct AxumExtra(ByHand);

impl Peer for AxumExtra {
    const NAME: &'static str = "axum-extra";
    type Presented = Headers;

    fn new() -> (Self, String) {
        let (peer, text) = ByHand::new();
        (Self(peer), text)
    }

    fn check(&self, Headers(headers): &Headers) -> Option<u64> {
        let authorization: Authorization<Bearer> = headers.typed_get()?;
        self.0.check_text(authorization.token())
    }

    fn issue(&self) -> (String, usize) {
        self.0.issue()
    }
}

/// prefixed-api-key, with its default lengths.
pub struct PrefixedApiKeyPeer {
    controller: PrefixedApiKeyController<OsRng, prefixed_api_key::sha2::Sha256>,
    stored: String,
    scopes: Vec<String>,
}

impl Peer for PrefixedApiKeyPeer {
    const NAME: &'static str = "prefixed-api-key";
    type Presented = String;

    fn new() -> (Self, String) {
        let controller = PrefixedApiKeyController::configure()
            .prefix("ctx".to_owned())
            .rng(OsRng)
            .default_lengths()
            .finalize()
            .expect("a configuration");
        let (key, stored) = controller.generate_key_and_hash();
        (Self { controller, stored, scopes: scopes() }, key.to_string())
    }

    fn check(&self, text: &String) -> Option<u64> {
        let key = PrefixedApiKey::from_string(text).ok()?;
        let is_known = self.controller.check_hash(&key, &self.stored);
        granted(is_known, &self.scopes)
    }

    fn issue(&self) -> (String, usize) {
        let (key, stored) = self.controller.generate_key_and_hash();
        (key.to_string(), key.short_token().len() + stored.len())
    }
}

/// api-keys-simplified, as its README configures it: a checksum of BLAKE3, then Argon2id.
pub struct ApiKeysSimplified {
    manager: ApiKeyManagerV0,
    stored: String,
    scopes: Vec<String>,
}

impl Peer for ApiKeysSimplified {
    const NAME: &'static str = "api-keys-simplified";
    type Presented = SecureString;

    fn new() -> (Self, String) {
        let manager = ApiKeyManagerV0::init_default_config("ctx_sk").expect("a configuration");
        let key = manager.generate(Environment::production()).expect("a key");
        let stored = key.expose_hash().hash().to_owned();
        (Self { manager, stored, scopes: scopes() }, key.key().expose_secret().to_owned())
    }

    fn check(&self, key: &SecureString) -> Option<u64> {
        let is_valid = matches!(self.manager.verify(key, &self.stored), Ok(KeyStatus::Valid));
        granted(is_valid, &self.scopes)
    }

    fn issue(&self) -> (String, usize) {
        let key = self.manager.generate(Environment::production()).expect("a key");
        let hash = key.expose_hash();
        (key.key().expose_secret().to_owned(), hash.key_id().len() + hash.hash().len())
    }
}

/// Claims of a token.
#[derive(Deserialize, Serialize)]
struct Claims {
    sub: u64,
    scope: String,
    exp: u64,
}

/// jsonwebtoken with one of its algorithms.
struct Jwt {
    algorithm: Algorithm,
    signs: EncodingKey,
    verifies: DecodingKey,
    validation: Validation,
}

impl Jwt {
    fn new(algorithm: Algorithm, signs: EncodingKey, verifies: DecodingKey) -> (Self, String) {
        let peer = Self { algorithm, signs, verifies, validation: Validation::new(algorithm) };
        let token = peer.token();
        (peer, token)
    }

    fn token(&self) -> String {
        let claims = Claims { sub: PROJECT, scope: scopes().join(" "), exp: 4_000_000_000 };
        jsonwebtoken::encode(&Header::new(self.algorithm), &claims, &self.signs).expect("a token")
    }

    fn check(&self, token: &str) -> Option<u64> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.verifies, &self.validation).ok()?.claims;
        claims.scope.split(' ').any(|scope| scope == "memories:read").then_some(claims.sub)
    }
}

/// jsonwebtoken with a secret that the issuer and the verifier share.
pub struct JwtHs256(Jwt);

impl JwtHs256 {
    fn with_secret(secret: [u8; 32]) -> (Jwt, String) {
        let (signs, verifies) = (EncodingKey::from_secret(&secret), DecodingKey::from_secret(&secret));
        Jwt::new(Algorithm::HS256, signs, verifies)
    }
}

impl Peer for JwtHs256 {
    const NAME: &'static str = "jsonwebtoken, HS256";
    type Presented = String;

    fn new() -> (Self, String) {
        let (peer, token) = Self::with_secret([7; 32]);
        (Self(peer), token)
    }

    fn check(&self, token: &String) -> Option<u64> {
        self.0.check(token)
    }

    fn issue(&self) -> (String, usize) {
        (self.0.token(), 0)
    }

    fn other(_text: &str) -> String {
        Self::with_secret([8; 32]).1
    }
}

/// jsonwebtoken with a signature that only the issuer can make.
pub struct JwtEdDsa(Jwt);

impl Peer for JwtEdDsa {
    const NAME: &'static str = "jsonwebtoken, EdDSA";
    type Presented = String;

    fn new() -> (Self, String) {
        // the example key of RFC 8037, appendix A, after PKCS #8's header for it (RFC 8410 §7)
        let seed =
            hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").expect("digits");
        let header = hex::decode("302e020100300506032b657004220420").expect("digits");
        let signs = EncodingKey::from_ed_der(&[header, seed].concat());
        let verifies =
            DecodingKey::from_ed_components("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").expect("a key");
        let (peer, token) = Jwt::new(Algorithm::EdDSA, signs, verifies);
        (Self(peer), token)
    }

    fn check(&self, token: &String) -> Option<u64> {
        self.0.check(token)
    }

    fn issue(&self) -> (String, usize) {
        (self.0.token(), 0)
    }

    fn other(text: &str) -> String {
        Self::forge(text)
    }

    fn forge(token: &str) -> String {
        // not the last character, because four of its bits have to be zero
        let at = token.len() - 2;
        token[..at].to_owned() + if &token[at..=at] == "A" { "B" } else { "A" } + &token[at + 1..]
    }
}
