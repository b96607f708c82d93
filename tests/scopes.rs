//! A scope that is not granted is denied, and a name that is not a scope's is an error.

mod common;

use common::keys;
use common::models::SCOPES;
use ctx_key::{KeyRecord, ParseScopeError, Reason, Scope, UnixTime};
use proptest::prelude::*;

/// Texts that people and other programs write for scopes, but that are not names of scopes.
const WRONG: &[&str] = &[
    "0x3f",
    "0x1",
    "63",
    "1",
    "MEMORIES_READ",
    "MEMORIES_READ | CHATS_READ",
    "memories:read | chats:read",
    "memories:read ",
    " memories:read",
    "memories:read  chats:read",
    "memories:read\tchats:read",
    "memories:read\n",
    "memories:read,chats:read",
    "memories:re\u{430}d",
    "m\u{435}mories:read",
    "memories\u{ff1a}read",
    "memories\u{2236}read",
    "memories:read\u{200b}",
    "\u{feff}memories:read",
    "memories:\u{ff52}ead",
    "Memories:read",
    "MEMORIES:READ",
    "memories:*",
    "*",
    "all",
    "admin",
    "read",
    "",
];

#[test]
fn bits_names_and_descriptions_are_as_documented() {
    for (index, (name, scope)) in SCOPES.into_iter().enumerate() {
        assert_eq!(scope.bits(), 1 << index);
        assert_eq!(scope.name(), Some(name));
        assert_eq!(scope.to_string(), name);
        assert_eq!(name.parse(), Ok(scope));
        assert!(scope.description().is_some_and(|text| text.len() > 10));
    }
    assert_eq!(Scope::MEMORIES_READ.description(), Some("Read and search memories"));
    assert_eq!(Scope::MEMORIES_WRITE.description(), Some("Create, update, and delete memories"));
    assert_eq!(Scope::CHATS_READ.description(), Some("Read chat sessions and history"));
    assert_eq!(Scope::CHATS_WRITE.description(), Some("Create chats and send messages"));
    assert_eq!(Scope::USERS_READ.description(), Some("Read user data"));
    assert_eq!(Scope::USERS_WRITE.description(), Some("Create and update users"));
    assert_eq!(Scope::all().iter().collect::<Vec<_>>(), SCOPES.map(|(_, scope)| scope));
    assert_eq!((Scope::READ.bits(), Scope::WRITE.bits()), (0b01_0101, 0b10_1010));
    for set in [Scope::empty(), Scope::READ, Scope::WRITE, Scope::all(), Scope::from_bits_retain(64)] {
        assert_eq!((set.name(), set.description()), (None, None));
    }
}

#[test]
fn a_text_that_is_not_a_scope_is_refused() {
    for &wrong in WRONG {
        if !wrong.is_empty() {
            assert!(wrong.parse::<Scope>().is_err(), "{wrong:?}");
        }
        let with_another = format!("chats:read {wrong}");
        assert!(with_another.parse::<Scope>().is_err(), "{with_another:?}");
    }
}

/// The sets include unknown bits.
#[test]
fn a_requirement_is_granted_only_if_it_is_not_empty_and_no_scope_is_missing() {
    let key = keys(1).remove(0);
    let sets = || (0..128).chain([1 << 31, (1 << 31) | 1, u32::MAX]);
    for (granted, required) in sets().flat_map(|a| sets().map(move |b| (a, b))) {
        let known = granted & 0b11_1111;
        let (granted, required) = (Scope::from_bits_retain(granted), Scope::from_bits_retain(required));
        let missing = required.bits() & !known;
        assert_eq!(granted.missing(required).bits(), missing);
        assert_eq!(granted.grants(required), !required.is_empty() && missing == 0);
        let record = KeyRecord::new(&key, (), granted);
        let checked = record.verify(&key, UnixTime::from_secs(0)).unwrap().require(required);
        let missing = Scope::from_bits_retain(missing);
        let denied = checked.map_err(|denied| (denied.reason(), denied.missing(), denied.status()));
        match granted.grants(required) {
            true => assert_eq!(denied, Ok(())),
            false => assert_eq!(denied, Err((Reason::MissingScope { required, missing }, missing, 403))),
        }
    }
}

/// A function that reads several scopes: its line in `tests/contract/api.txt`, and a call of it, whose error is the
/// unknown name.
type Reader = (&'static str, fn(&[&str]) -> Result<Scope, String>);

const READERS: &[Reader] = &[
    ("impl core::str::traits::FromStr for ctx_key::Scope", |items| {
        let text = items.join(" ");
        text.parse().map_err(|error: ParseScopeError| text[error.range()].to_owned())
    }),
    (
        "pub fn ctx_key::Scope::parse_list(&str) -> core::result::Result<Self, ctx_key::ParseScopeError>",
        |items| {
            let text = format!(",{}\n", items.join(" ,\t"));
            Scope::parse_list(&text).map_err(|error| text[error.range()].to_owned())
        },
    ),
    #[cfg(feature = "serde")]
    ("impl<'de> serde_core::de::Deserialize<'de> for ctx_key::Scope", |items| {
        serde_json::from_value::<Scope>(items.into()).map_err(|error| {
            let has_this_error =
                |item: &str| item.parse::<Scope>().is_err_and(|own| own.to_string() == error.to_string());
            items.iter().copied().find(|item| has_this_error(item)).unwrap_or_default().to_owned()
        })
    }),
];

/// Returns unknown names: misspelled ones, those of constants, those with a mark before or after them, and single marks.
fn unknown_names() -> Vec<String> {
    let marks =
        || ('!'..='~').filter(|c| *c != ',').chain("\u{0}\u{7f}\u{ad}\u{200b}\u{feff}\u{1f511}".chars());
    let mut all: Vec<_> = marks().map(String::from).collect();
    all.extend(["#unknown", "//unknown", "unknown", "none", "MEMORIES_READ", "0x3f", "0"].map(String::from));
    for (name, _) in SCOPES {
        all.extend([name.to_uppercase(), name.repeat(2), name.replace(':', "."), name.replace(':', "")]);
        all.extend(marks().flat_map(|mark| [format!("{mark}{name}"), format!("{name}{mark}")]));
        all.extend((0..name.len()).map(|index| format!("{}{}", &name[..index], &name[index + 1..])));
    }
    all
}

#[test]
fn every_reader_refuses_an_unknown_name_at_any_position() {
    for (unknown, (item, read)) in
        unknown_names().iter().flat_map(|name| READERS.iter().map(move |read| (name, read)))
    {
        for known in [&[][..], &["chats:read"], &["chats:read", "users:write", "chats:read"]] {
            let union = known.iter().filter_map(|name| name.parse::<Scope>().ok()).collect();
            assert_eq!(read(known), Ok(union), "{item}: {known:?}");
            for index in 0..=known.len() {
                let mut names = known.to_vec();
                names.insert(index, unknown);
                assert_eq!(read(&names), Err(unknown.clone()), "{item}: {names:?}");
            }
        }
    }
}

#[test]
fn unknown_bits_are_neither_granted_nor_written() {
    for bit in 6..32 {
        let unknown = Scope::from_bits_retain(1 << bit);
        assert_eq!(Scope::from_bits(1 << bit), None);
        assert!(!unknown.grants(unknown));
        assert!(!unknown.grants(Scope::empty()));
        assert_eq!(unknown.to_string(), "");
        assert_eq!((unknown | Scope::CHATS_READ).to_string(), "chats:read");
    }
}

#[test]
fn an_error_has_the_position_and_the_scope_that_was_probably_meant() {
    let check = |text: &str, unknown: &str, suggestion: Option<Scope>| {
        for error in [text.parse::<Scope>().unwrap_err(), Scope::parse_list(text).unwrap_err()] {
            assert_eq!(&text[error.range()], unknown, "{text}");
            assert_eq!(error.suggestion(), suggestion, "{text}");
        }
    };
    check("memory:read", "memory:read", Some(Scope::MEMORIES_READ));
    check("Memories:Read", "Memories:Read", Some(Scope::MEMORIES_READ));
    check("memories.read", "memories.read", Some(Scope::MEMORIES_READ));
    check("memories_read", "memories_read", Some(Scope::MEMORIES_READ));
    check("chats:read memory:write users:read", "memory:write", Some(Scope::MEMORIES_WRITE));
    check("chat:read", "chat:read", Some(Scope::CHATS_READ));
    check("chats:wriet", "chats:wriet", Some(Scope::CHATS_WRITE));
    check("CHATS:WRITE", "CHATS:WRITE", Some(Scope::CHATS_WRITE));
    check("user-write", "user-write", Some(Scope::USERS_WRITE));
    check("users:read users\u{ff1a}read", "users\u{ff1a}read", Some(Scope::USERS_READ));
    check("memories:re\u{430}d", "memories:re\u{430}d", Some(Scope::MEMORIES_READ));
    check("users:delete", "users:delete", None);
    check("memories:admin", "memories:admin", None);
    check("read", "read", None);
    check("*", "*", None);
    check("memories:write_ab", "memories:write_ab", Some(Scope::MEMORIES_WRITE));
    check("memories:write_abc", "memories:write_abc", None);
    check("memories:read:write:delete", "memories:read:write:delete", None);
    check("users:ead users:xx", "users:ead", Some(Scope::USERS_READ));
    // as near to `users:read` as to `users:write`
    check("xsers:xrxxe", "xsers:xrxxe", None);
}

#[test]
fn debug_shows_unknown_bits_in_hexadecimal() {
    assert_eq!(format!("{:?}", Scope::READ), "Scope(memories:read chats:read users:read)");
    assert_eq!(format!("{:?}", Scope::from_bits_retain(1 << 20 | 1)), "Scope(memories:read, 0x100000)");
    assert_eq!(format!("{:?}", Scope::from_bits_retain(1 << 20)), "Scope(0x100000)");
    assert_eq!(format!("{:?}", Scope::empty()), "Scope()");
}

#[test]
fn the_error_for_a_missing_name_has_its_position() {
    for (text, start) in [(" chats:read", 0), ("chats:read ", 11), ("chats:read  users:read", 11), (" ", 0)] {
        let error = text.parse::<Scope>().unwrap_err();
        assert_eq!((error.range(), error.suggestion()), (start..start, None), "{text:?}");
        assert!(Scope::parse_list(text).is_ok());
    }
}

/// Only short names are compared with the scopes, so that the time is bounded.
#[test]
fn a_name_of_13_mib_gets_no_suggestion() {
    let text = "memories:read".repeat(1 << 20);
    let error = text.parse::<Scope>().unwrap_err();
    assert_eq!((error.range(), error.suggestion()), (0..text.len(), None));
}

/// Returns the Levenshtein distance, ignoring ASCII case, by its definition with the whole matrix.
fn distance(typed: &[u8], name: &[u8]) -> usize {
    let mut matrix = vec![vec![0; name.len() + 1]; typed.len() + 1];
    for (i, j) in (0..=typed.len()).flat_map(|i| (0..=name.len()).map(move |j| (i, j))) {
        matrix[i][j] = if i == 0 || j == 0 {
            i + j
        } else {
            let changed = usize::from(!typed[i - 1].eq_ignore_ascii_case(&name[j - 1]));
            (matrix[i - 1][j - 1] + changed).min(matrix[i - 1][j] + 1).min(matrix[i][j - 1] + 1)
        };
    }
    matrix[typed.len()][name.len()]
}

proptest! {
    #[test]
    fn the_text_of_a_set_parses_to_the_same_set(bits in 0..64u32) {
        let set = Scope::from_bits(bits).unwrap();
        prop_assert_eq!(set.to_string().parse(), Ok(set));
        prop_assert_eq!(Scope::parse_list(&set.to_string()), Ok(set));
        let names: Vec<_> = set.iter().map(|scope| scope.name().unwrap()).collect();
        prop_assert_eq!(names.join(" "), set.to_string());
    }

    #[test]
    fn names_may_be_repeated_and_in_any_order(picked in prop::collection::vec(0..6usize, 1..10)) {
        let text: Vec<_> = picked.iter().map(|&index| SCOPES[index].0).collect();
        let set: Scope = picked.iter().map(|&index| SCOPES[index].1).collect();
        prop_assert_eq!(text.join(" ").parse(), Ok(set));
        prop_assert_eq!(Scope::parse_list(&text.join(", ")), Ok(set));
        prop_assert_eq!(Scope::parse_list(&format!("\u{a0}{}\n", text.join("\t,\r\n"))), Ok(set));
    }

    #[test]
    fn the_range_of_an_error_is_a_text_that_is_not_a_scope(text in ".*|([a-z:]{0,8}[ ,]){0,4}") {
        for read in [text.parse::<Scope>(), Scope::parse_list(&text)] {
            if let Err(error) = read {
                prop_assert!(text.get(error.range()).is_some_and(|item| SCOPES.iter().all(|(name, _)| *name != item)));
            }
        }
    }

    #[test]
    fn the_suggestion_is_the_only_nearest(
        name in prop::sample::select(SCOPES.map(|(name, _)| name).to_vec()),
        edits in prop::collection::vec((0..3u8, 0..15usize, "[a-z:]"), 1..4),
    ) {
        let mut typed = name.to_owned();
        for (kind, at, letter) in edits {
            let at = at % typed.len();
            match kind {
                0 => drop(typed.remove(at)),
                1 => typed.insert_str(at, &letter),
                _ => typed.replace_range(at..=at, &letter),
            }
        }
        let near: Vec<_> = SCOPES.map(|(name, scope)| (distance(typed.as_bytes(), name.as_bytes()), scope)).to_vec();
        let nearest = near.iter().map(|near| near.0).min().unwrap();
        let nearest_scopes: Vec<_> = near.iter().filter(|near| near.0 == nearest && nearest <= 3).collect();
        let expected = if let [(_, scope)] = nearest_scopes[..] { Some(*scope) } else { None };
        if let Err(error) = typed.parse::<Scope>() {
            prop_assert_eq!(error.suggestion(), expected, "{}", typed);
        }
    }
}

/// The sets are all combinations of the known bits, with and without unknown ones.
#[test]
fn only_a_set_of_one_scope_has_a_name_and_a_description() {
    for known in 0..64 {
        for unknown in [0, 1 << 6, 1 << 31] {
            let scope = Scope::from_bits_retain(known | unknown);
            let is_one = known.count_ones() == 1 && unknown == 0;
            assert_eq!(
                (scope.name().is_some(), scope.description().is_some()),
                (is_one, is_one),
                "{scope:?}"
            );
        }
    }
}

#[test]
fn the_table_in_the_documentation_of_scope_is_correct() {
    let source = include_str!("../src/scope.rs");
    for scope in Scope::all() {
        let (name, description) = (scope.name().unwrap(), scope.description().unwrap());
        let constant = name.replace(':', "_").to_uppercase();
        let row =
            format!("| {} | [`{constant}`](Self::{constant}) | `{name}` | {description} |", scope.bits());
        assert!(source.contains(&row), "{row}");
    }
}
