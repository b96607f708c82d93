//! The tables in the library's tests name every public item of their kind, so that no test forgets a new one.

use ctx_key_contract::read;

/// A test file, and the items of `api.txt` that its tables must name.
struct Table {
    file: &'static str,
    /// Returns whether the tables must name an item.
    belongs: fn(&str) -> bool,
    /// Items that the tables need not name, each with the reason.
    except: &'static [(&'static str, &'static str)],
}

const TABLES: &[Table] = &[
    Table { file: "tests/comparisons.rs", belongs: compares, except: &[] },
    Table { file: "tests/generation.rs", belongs: generates, except: &[] },
    Table { file: "tests/bearer.rs", belongs: reads_headers, except: &[] },
    Table {
        file: "tests/errors.rs",
        belongs: is_displayed,
        except: &[(
            "impl core::fmt::Display for ctx_key::OsRngError",
            "src/os_rng.rs tests it, because no other module can create one",
        )],
    },
    Table {
        file: "tests/boundaries.rs",
        belongs: reads_text,
        except: &[
            ("pub fn ctx_key::Scope::from_name(&str) -> core::option::Option<Self>", "bitflags generates it"),
            (
                "impl<'de, P: serde_core::de::Deserialize<'de>> serde_core::de::Deserialize<'de> for ctx_key::KeyRecord<P>",
                "the types of its fields are tested",
            ),
            ("impl<'de> serde_core::de::Deserialize<'de> for ctx_key::UnixTime", "it reads a number"),
        ],
    },
    Table {
        file: "tests/conversions.rs",
        belongs: converts,
        except: &[
            ("impl core::clone::Clone for ctx_key::UnixTime", "it is derived, and the type is `Copy`"),
            ("pub fn ctx_key::UnixTime::now() -> Self", "src/time.rs tests it with any time of the clock"),
        ],
    },
    Table { file: "tests/scan.rs", belongs: redacts, except: &[] },
    Table {
        file: "tests/redacting_writer_errors.rs",
        belongs: writes_redacted,
        except: &[("pub fn ctx_key::scan::RedactingWriter<W>::new(W) -> Self", "each case calls it")],
    },
    Table {
        file: "tests/constant_time/src/memcheck/cases.rs",
        belongs: sees_a_secret,
        except: &[(
            "pub fn ctx_key::scan::Match<'h>::key(&self) -> ctx_key::ApiKey",
            "the text that scan reads is already exposed",
        )],
    },
    Table {
        file: "tests/allocation.rs",
        belongs: is_on_the_path_of_a_request,
        except: &[
            ("pub fn ctx_key::ApiKey::from_env() -> core::result::Result<Self, ctx_key::EnvKeyError>", OWNED),
            ("pub fn ctx_key::ApiKey::to_header_value(&self) -> http::header::value::HeaderValue", OWNED),
            (
                "pub fn ctx_key::Denied::to_header_value(&self, &str) -> http::header::value::HeaderValue",
                OWNED,
            ),
            ("pub fn ctx_key::scan::Match<'h>::id(&self) -> ctx_key::KeyId", BY_FIND_ITER),
            ("pub fn ctx_key::scan::Match<'h>::key(&self) -> ctx_key::ApiKey", BY_FIND_ITER),
        ],
    },
];

const BY_FIND_ITER: &str = "the case for find_iter calls it";
const OWNED: &str = "it takes or returns owned text";

fn is_function(item: &str) -> bool {
    item.starts_with("pub fn ") || item.starts_with("pub const fn ")
}

/// Returns whether an item is an implementation of one of these traits.
fn implements(item: &str, traits: &[&str]) -> bool {
    let implemented = item.strip_prefix("impl").and_then(|rest| rest.rsplit_once(" for ctx_key::"));
    let name = implemented.map(|(of, _)| of.rsplit_once("::").map_or(of, |(_, name)| name));
    name.is_some_and(|name| traits.contains(&name))
}

fn has_type(item: &str, types: &[&str]) -> bool {
    types.iter().any(|name| item.contains(&format!("ctx_key::{name}")))
}

fn compares(item: &str) -> bool {
    let is_compared = has_type(item, &["ApiKey", "KeyDigest", "KeyId", "KeyRecord", "MaskedId"]);
    implements(item, &["PartialEq"]) && is_compared || item.contains("self, &ctx_key::ApiKey")
}

fn generates(item: &str) -> bool {
    is_function(item) && item.contains("generate")
}

fn reads_headers(item: &str) -> bool {
    item.contains(" ctx_key::bearer::")
}

fn is_displayed(item: &str) -> bool {
    implements(item, &["Display"])
}

fn reads_text(item: &str) -> bool {
    let functions = ["parse", "from_name", "from_bytes("];
    let is_reader = is_function(item) && functions.iter().any(|name| item.contains(&format!("::{name}")));
    is_reader || implements(item, &["FromStr", "TryFrom<&[u8]>", "TryFrom<&str>", "Deserialize<'de>"])
}

fn converts(item: &str) -> bool {
    let is_converted = has_type(item, &["KeyRecord", "Grant", "UnixTime"]);
    let gives_another = ["-> Self", "&mut self", "-> ctx_key::Grant<", "Result<ctx_key::Grant<"]
        .iter()
        .any(|text| item.contains(text));
    is_function(item) && is_converted && gives_another
        || is_converted && implements(item, &["Clone", "Deserialize<'de>", "TryFrom<std::time::SystemTime>"])
        || implements(item, &["Serialize"])
}

fn redacts(item: &str) -> bool {
    is_function(item) && item.contains("::scan::redact")
}

fn writes_redacted(item: &str) -> bool {
    item.contains("::RedactingWriter<W>") && (is_function(item) || implements(item, &["Write", "Drop"]))
}

fn sees_a_secret(item: &str) -> bool {
    has_type(item, &["ApiKey", "KeyDigest", "KeyRecord"])
}

fn is_on_the_path_of_a_request(item: &str) -> bool {
    let is_of_a_request =
        has_type(item, &["ApiKey", "KeyDigest", "KeyId", "KeyRecord", "Grant", "Denied", "bearer"]);
    let works = ["Deserialize<'de>", "Display", "FromStr", "Serialize", "TryFrom<&[u8]>", "TryFrom<&str>"];
    is_of_a_request && (is_function(item) || implements(item, &works))
}

/// Traits without a method.
const MARKERS: [&str; 8] =
    ["Copy", "Eq", "RefUnwindSafe", "Send", "Sync", "Unpin", "UnwindSafe", "ZeroizeOnDrop"];

/// Returns the functions and implementations of the public API. Methods of a trait are not listed, only its implementation.
fn items(api: &str) -> Vec<&str> {
    let mut implementor = None;
    let mut items = Vec::new();
    for line in api.lines() {
        if line.starts_with("impl") || line.starts_with("## ") {
            implementor =
                line.rsplit_once(" for ctx_key::").map(|(_, of)| of.split([' ', '<']).next().unwrap());
            if implementor.is_some() && !implements(line.split(" where ").next().unwrap(), &MARKERS) {
                items.push(line);
            }
        } else if is_function(line) {
            let is_method = |of: &str| line.contains(&format!("fn ctx_key::{of}"));
            if !implementor.is_some_and(is_method) {
                items.push(line);
            }
        }
    }
    items
}

#[test]
fn every_table_names_the_items_of_its_kind() {
    let api = read("api.txt");
    for Table { file, belongs, except } in TABLES {
        let source = read(&format!("../../{file}"));
        let is_named = |item: &str| source.contains(&format!("\"{item}\""));
        let is_excepted = |item: &str| except.iter().any(|(line, _)| *line == item);
        let kind: Vec<&str> = items(&api).into_iter().filter(|item| belongs(item)).collect();
        let missing: Vec<_> = kind.iter().filter(|item| !is_named(item) && !is_excepted(item)).collect();
        assert!(missing.is_empty(), "{file} has no case for: {missing:#?}");
        for (item, reason) in *except {
            assert!(kind.contains(item) && !is_named(item), "{file} needs no exception for {item}: {reason}");
        }
    }
}

#[test]
fn every_named_item_exists() {
    let api = read("api.txt");
    let lines: Vec<&str> = api.lines().collect();
    for Table { file, .. } in TABLES {
        let source = read(&format!("../../{file}"));
        let named = source.split('"').filter(|text| {
            (is_function(text) || text.starts_with("impl"))
                && text.contains("ctx_key::")
                && !text.contains('\n')
        });
        let unknown: Vec<&str> = named.filter(|text| !lines.contains(text)).collect();
        assert!(unknown.is_empty(), "{file} has cases for items that are not public: {unknown:#?}");
    }
}

#[test]
fn methods_of_a_trait_are_not_listed_beside_its_implementation() {
    let api = "\
        impl ctx_key::Key\n\
        pub fn ctx_key::Key::id(&self) -> u32\n\
        impl core::cmp::Eq for ctx_key::Key\n\
        impl core::cmp::PartialEq for ctx_key::Key\n\
        pub fn ctx_key::Key::eq(&self, &Self) -> bool\n\
        pub fn ctx_key::scan::find(&[u8]) -> usize\n\
        ## feature a\n\
        pub fn ctx_key::Key::other(&self) -> u32\n";
    let expected = [
        "pub fn ctx_key::Key::id(&self) -> u32",
        "impl core::cmp::PartialEq for ctx_key::Key",
        "pub fn ctx_key::scan::find(&[u8]) -> usize",
        "pub fn ctx_key::Key::other(&self) -> u32",
    ];
    assert_eq!(items(api), expected);
}
