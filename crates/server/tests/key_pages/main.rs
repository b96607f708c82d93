//! The list of keys and the page of a key. The tests set the clock.

#[path = "../common/mod.rs"]
mod common;
#[path = "../trouble/mod.rs"]
mod trouble;

mod dialogs;
mod drafts;
mod list;
mod one_key;
mod rotations;

use common::browser::Answer;

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The ids of the keys in a list, in its order.
fn listed(page: &Answer) -> Vec<String> {
    let ids = page.attributes("a.name", "id");
    ids.iter().map(|id| id.strip_prefix("n-").unwrap().to_owned()).collect()
}

/// The text of the row of a key.
fn row(page: &Answer, id: &str) -> String {
    let place = listed(page).iter().position(|listed| listed == id).expect("a row");
    page.rows(["Name", "Project", "Scopes", "Created", "Last used", "Expires", "State"])[place].join(" ")
}

/// The lines of the audit log on the page of a key, as who, what and detail.
fn lines_of(page: &Answer) -> Vec<String> {
    page.rows(["Who", "What", "Detail"]).iter().map(|line| line.join(" ")).collect()
}
