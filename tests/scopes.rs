//! Scopes: what is not granted is denied, and what is not a scope's name is an error.

mod common;

use common::keys;
use common::models::SCOPES;
use ctx_key::{KeyRecord, ParseScopeError, Reason, Scope, UnixTime};
use proptest::prelude::*;

/// What people and other programs write for scopes, and is none.
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
fn the_table_is_the_documented_one() {
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
    for many in [Scope::empty(), Scope::READ, Scope::WRITE, Scope::all(), Scope::from_bits_retain(64)] {
        assert_eq!((many.name(), many.description()), (None, None));
    }
}

#[test]
fn what_is_no_scope_is_refused() {
    for &wrong in WRONG {
        if !wrong.is_empty() {
            assert!(wrong.parse::<Scope>().is_err(), "{wrong:?}");
        }
        let with_another = format!("chats:read {wrong}");
        assert!(with_another.parse::<Scope>().is_err(), "{with_another:?}");
    }
}

/// Every pair of what is granted and what is required, unknown bits among them.
#[test]
fn granting_is_having_all_of_at_least_one() {
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

/// A function that reads several scopes, as its line in `tests/contract/api.txt`. Its error is the item that the error
/// points to.
type ReadScopes = (&'static str, fn(&[&str]) -> Result<Scope, String>);

const READERS: &[ReadScopes] = &[
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
            let is_of =
                |item: &str| item.parse::<Scope>().is_err_and(|of| of.to_string() == error.to_string());
            items.iter().copied().find(|item| is_of(item)).unwrap_or_default().to_owned()
        })
    }),
];

/// Names that are nearly right, of a constant, with a mark before or after them, or a mark alone.
fn unknown() -> Vec<String> {
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

/// An unknown name is an error wherever it stands, and is never dropped.
#[test]
fn every_reader_refuses_every_unknown_name() {
    for (unknown, (reader, read)) in
        unknown().iter().flat_map(|name| READERS.iter().map(move |read| (name, read)))
    {
        for known in [&[][..], &["chats:read"], &["chats:read", "users:write", "chats:read"]] {
            let union = known.iter().filter_map(|name| name.parse::<Scope>().ok()).collect();
            assert_eq!(read(known), Ok(union), "{reader}: {known:?}");
            for index in 0..=known.len() {
                let mut names = known.to_vec();
                names.insert(index, unknown);
                assert_eq!(read(&names), Err(unknown.clone()), "{reader}: {names:?}");
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
fn errors_say_where_and_what_was_meant() {
    let check = |text: &str, at: &str, suggestion: Option<Scope>| {
        for error in [text.parse::<Scope>().unwrap_err(), Scope::parse_list(text).unwrap_err()] {
            assert_eq!(&text[error.range()], at, "{text}");
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
    // as near to one as to the other
    check("users:ead users:xx", "users:ead", Some(Scope::USERS_READ));
    check("xsers:xrxxe", "xsers:xrxxe", None);
}

#[test]
fn bits_of_no_scope_are_shown_as_bits() {
    assert_eq!(format!("{:?}", Scope::READ), "Scope(memories:read chats:read users:read)");
    assert_eq!(format!("{:?}", Scope::from_bits_retain(1 << 20 | 1)), "Scope(memories:read, 0x100000)");
    assert_eq!(format!("{:?}", Scope::from_bits_retain(1 << 20)), "Scope(0x100000)");
    assert_eq!(format!("{:?}", Scope::empty()), "Scope()");
}

#[test]
fn a_missing_name_has_a_place() {
    for (text, start) in [(" chats:read", 0), ("chats:read ", 11), ("chats:read  users:read", 11), (" ", 0)] {
        let error = text.parse::<Scope>().unwrap_err();
        assert_eq!((error.range(), error.suggestion()), (start..start, None), "{text:?}");
        assert!(Scope::parse_list(text).is_ok());
    }
}

/// The suggestion is computed from a bounded part of the input.
#[test]
fn long_names_are_refused_at_once() {
    let text = "memories:read".repeat(1 << 20);
    let error = text.parse::<Scope>().unwrap_err();
    assert_eq!((error.range(), error.suggestion()), (0..text.len(), None));
}

/// Levenshtein's distance by its definition: the whole matrix.
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
    fn sets_make_the_round_trip(bits in 0..64u32) {
        let set = Scope::from_bits(bits).unwrap();
        prop_assert_eq!(set.to_string().parse(), Ok(set));
        prop_assert_eq!(Scope::parse_list(&set.to_string()), Ok(set));
        let names: Vec<_> = set.iter().map(|scope| scope.name().unwrap()).collect();
        prop_assert_eq!(names.join(" "), set.to_string());
    }

    #[test]
    fn names_in_any_order_and_number(picked in prop::collection::vec(0..6usize, 1..10)) {
        let text: Vec<_> = picked.iter().map(|&index| SCOPES[index].0).collect();
        let set: Scope = picked.iter().map(|&index| SCOPES[index].1).collect();
        prop_assert_eq!(text.join(" ").parse(), Ok(set));
        prop_assert_eq!(Scope::parse_list(&text.join(", ")), Ok(set));
        prop_assert_eq!(Scope::parse_list(&format!("\u{a0}{}\n", text.join("\t,\r\n"))), Ok(set));
    }

    #[test]
    fn any_text(text in ".*|([a-z:]{0,8}[ ,]){0,4}") {
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
        let alone: Vec<_> = near.iter().filter(|near| near.0 == nearest && nearest <= 3).collect();
        let expected = if let [(_, scope)] = alone[..] { Some(*scope) } else { None };
        if let Err(error) = typed.parse::<Scope>() {
            prop_assert_eq!(error.suggestion(), expected, "{}", typed);
        }
    }
}

/// Every set of the known bits, with and without unknown ones.
#[test]
fn only_exactly_one_scope_has_a_name_and_a_description() {
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

/// The table in the documentation of `Scope` is what its functions return.
#[test]
fn the_documented_table_is_true() {
    let source = include_str!("../src/scope.rs");
    for scope in Scope::all() {
        let (name, description) = (scope.name().unwrap(), scope.description().unwrap());
        let constant = name.replace(':', "_").to_uppercase();
        let row =
            format!("| {} | [`{constant}`](Self::{constant}) | `{name}` | {description} |", scope.bits());
        assert!(source.contains(&row), "{row}");
    }
}
