//! The paths, each with its floor. The floor of a path that hashes is one call of the compression function on a padded block.

use std::fmt::Write;
use std::hint::black_box;

use ctx_key::{ApiKey, Denied, KeyRecord, Scope, UnixTime, bearer, scan};
use memchr::memmem;
use sha2::block_api::compress256;

use crate::counter::Counter;
use crate::text::TEXT;

const KEY: &str = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";
const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

/// A function that gets a path: its name in `benches`, the name of its floor, and the path itself.
pub type Take<'t> = &'t mut dyn FnMut(&str, &str, &mut dyn FnMut());

/// Calls `take` with each path. A floor is also a path, and its own floor.
pub fn each(take: Take<'_>) {
    check(take);
    generation(take);
    scope(take);
    scan(take);
}

const HASH: &str = "check/compress";

/// Returns the padded block that is hashed for the digest of a key.
fn block() -> [u8; 64] {
    let mut block = [0; 64];
    block[..46].copy_from_slice(&KEY.as_bytes()[..46]);
    (block[46], block[62], block[63]) = (0x80, 1, 0x70);
    block
}

fn check(take: Take<'_>) {
    let block = block();
    take(HASH, HASH, &mut || {
        let mut state = black_box([0; 8]);
        compress256(&mut state, black_box(&[block]));
        black_box(state);
    });

    let record = KeyRecord::new(&ApiKey::parse(KEY).expect("a key"), 17_u64, Scope::READ);
    for (name, text) in [
        ("check/granted", KEY.to_owned()),
        ("check/prefix", KEY.replacen("ctx_", "sk__", 1)),
        ("check/length", KEY[..51].to_owned()),
        ("check/character", KEY.replacen("n9", "n-", 1)),
        ("check/checksum", KEY.replacen("n9", "n8", 1)),
    ] {
        assert_eq!(check_text(&record, &text).is_ok(), name == "check/granted");
        take(name, HASH, &mut || _ = black_box(check_text(black_box(&record), black_box(&text))));
    }
    for (name, value) in [
        ("check/header", format!("Bearer {KEY}")),
        ("check/header_malformed", format!("Bearer {KEY},")),
        ("check/header_checksum", format!("Bearer {}", KEY.replacen("n9", "n8", 1))),
    ] {
        assert_eq!(check_header(&record, &value).is_ok(), name == "check/header");
        take(name, HASH, &mut || _ = black_box(check_header(black_box(&record), black_box(&value))));
    }
}

fn check_text(record: &KeyRecord<u64>, text: &str) -> Result<u64, Denied> {
    let key = ApiKey::parse(text)?;
    // the slow line that `cargo xtask instructions` plants and must find: one more copy of the key, which is also erased
    #[cfg(planted)]
    let key = key.clone();
    grant(record, &key)
}

fn check_header(record: &KeyRecord<u64>, value: &str) -> Result<u64, Denied> {
    grant(record, &bearer::parse([value])?)
}

#[inline]
fn grant(record: &KeyRecord<u64>, key: &ApiKey) -> Result<u64, Denied> {
    let grant = record.verify(key, NOW)?;
    grant.require(Scope::MEMORIES_READ)?;
    Ok(**grant.project())
}

fn generation(take: Take<'_>) {
    let mut counter = Counter(0);
    take("generation/from_rng", HASH, &mut || {
        _ = black_box(ApiKey::generate_from_rng(black_box(&mut counter)));
    });
}

fn scope(take: Take<'_>) {
    let all = Scope::all().to_string();
    take("scope/parse_six", HASH, &mut || _ = black_box(black_box(&all[..]).parse::<Scope>()));
    let mut text = String::with_capacity(128);
    take("scope/format_six", HASH, &mut || {
        text.clear();
        _ = write!(text, "{}", black_box(Scope::all()));
    });
    let required = Scope::CHATS_READ | Scope::USERS_READ;
    take("scope/check", HASH, &mut || _ = black_box(black_box(Scope::READ).grants(black_box(required))));
}

/// A bare search for the prefix in the same text.
const SEARCH: &str = "scan/floor";

fn scan(take: Take<'_>) {
    let text = TEXT.as_ref();
    assert_eq!(scan::find_iter(text).count(), 0);
    take(SEARCH, SEARCH, &mut || _ = black_box(memmem::find_iter(black_box(text), b"ctx_").count()));
    take("scan/find_iter", SEARCH, &mut || _ = black_box(scan::find_iter(black_box(text)).count()));
    take("scan/redact", SEARCH, &mut || _ = black_box(scan::redact(black_box(text)).len()));
}
