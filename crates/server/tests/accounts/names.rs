//! A company has a name and a slug of its own.

use crate::accounts;
use crate::common::browser::Browser;
use crate::common::{Data, EVE, PASSWORD, Server};
use crate::trouble::number;

#[test]
fn a_company_is_named_once_and_its_slug_is_its_own() {
    let data = Data::new();
    let server = Server::start(&data);
    let names = ["Example, Inc.", "Example Inc", "example-inc 2", "Bu\u{308}ro", "東京", "大阪", "Company"];
    for (place, name) in names.iter().enumerate() {
        let email = format!("{place}@example.org");
        data.succeed(&["account", "add", "--email", &email, "--company", name], PASSWORD);
    }
    let slugs =
        ["example-inc", "example-inc-2", "example-inc-2-2", "b-ro", "company", "company-2", "company-3"];
    for (place, slug) in slugs.iter().enumerate() {
        let (_, tokens) = server.log_in_as(&format!("{place}@example.org"), PASSWORD);
        assert_eq!(tokens["companies"][0]["slug"], *slug);
        let path = format!("/api/v1/companies/{slug}/api-keys");
        assert_eq!(server.send("GET", &path, tokens["access_token"].as_str(), None).0, 200);
    }
    for name in ["EXAMPLE, INC.", "BÜRO", "Bu\u{308}RO", " example   inc ", "東京"] {
        let message = data.fail(&["account", "add", "--email", EVE, "--company", name], PASSWORD);
        let expected =
            "error: there is a company of this name, with an account of its own: use another name\n";
        assert_eq!(message, expected, "{name}");
        assert_eq!(Browser::new(&server).set_up_as(&data.invite(), EVE, PASSWORD, name).status, 400);
    }
    assert_eq!(accounts(&data), Some(7));
    for place in 4..=11 {
        let (email, name) = (format!("company{place}@example.org"), "東".repeat(place));
        data.succeed(&["account", "add", "--email", &email, "--company", &name], PASSWORD);
        let same = format!("SELECT count(*) FROM companies WHERE slug = 'company-{place}'");
        assert_eq!(number(&data, &same), Some(1), "company-{place}");
    }
}
