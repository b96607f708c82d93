//! The secrets in a form: its token against forgery, and the secret from which its idempotency key is made.

mod common;

use common::EMAIL;
use common::timed::Fixture;
use ctx_key_server::store::api_key::find_by_idempotency_key;
use ctx_key_server::store::id::CompanyId;
use ctx_key_server::store::idempotency_key::IdempotencyKey;
use ctx_key_server::store::secret::Secret;

#[test]
fn only_the_whole_form_token_is_valid() {
    let server = Fixture::new();
    let mut browser = server.set_up();
    let fields = browser.creation("a key");
    let token = fields[0].1.clone();
    assert_eq!((fields[0].0, token.len()), ("form_token", 64));
    let mut post = |token: &str| {
        let mut fields = fields.clone();
        fields[0].1 = token.to_owned();
        browser.create_with(&fields).status
    };
    for length in 0..token.len() {
        assert_eq!(post(&token[..length]), 403, "the first {length} characters");
        assert_eq!(post(&token[length + 1..]), 403, "without the first {}", length + 1);
        let mut changed = token.clone().into_bytes();
        changed[length] = if changed[length] == b'0' { b'1' } else { b'0' };
        assert_eq!(post(str::from_utf8(&changed).unwrap()), 403, "another character at {length}");
    }
    for changed in [format!("{token}0"), format!(" {token}"), token.to_uppercase(), format!("{token}{token}")]
    {
        assert_eq!(post(&changed), 403, "{changed}");
    }
    assert_eq!(post(&token), 200);
    assert_eq!(browser.count_keys(), 1);
}

#[test]
fn an_idempotency_key_finds_a_key_of_its_company_only() {
    let server = Fixture::new();
    let mut browser = server.set_up();
    let eve = server.account("eve@example.com");
    let fields = browser.creation("a key");
    let page = browser.create_with(&fields);
    let made = ctx_key::ApiKey::parse(page.new_key()).unwrap().id();
    let secret = |text: &str| Secret::parse(text).unwrap();
    let (name, form) = &fields[1];
    assert_eq!(*name, "form");
    let key = IdempotencyKey::new(&secret(browser.session()), &secret(form));
    let own = server.log_in_as(EMAIL)["companies"][0]["id"].as_str().unwrap().to_owned();
    let database = server.database();
    let found = [own, eve.company].map(|company| {
        server.runtime.block_on(async {
            let mut connection = database.acquire().await.unwrap();
            let company = CompanyId::parse(&company).unwrap();
            find_by_idempotency_key(&mut connection, &company, &key).await.unwrap().map(|key| key.record.id)
        })
    });
    assert_eq!(found, [Some(made), None]);
}
