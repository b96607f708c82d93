//! A dropped key leaves no piece of its secret or its digest in the memory that held it, however it was made, wherever
//! it lay and whatever ended it; and neither do the block that was hashed, the random bytes, the copy of the
//! environment, the text of a header and a writer that redacts. The process looks at itself through Linux'
//! `/proc/self/mem`.
//!
//! Not seen: registers, swap, core dumps; what `sha2` keeps while it hashes, as words of another byte order; and the
//! copies that moves leave, as `?` and `unwrap` on the returned `Result` do. The tests of the stack therefore use a key
//! where it was returned.

mod common;

use std::cell::Cell;
use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Seek, SeekFrom, Write};
use std::mem::ManuallyDrop;
#[cfg(feature = "std")]
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Once;

use common::{KEY, rng};
use ctx_key::{ApiKey, ParseKeyError, bearer, scan};
use rand_core::{Infallible, TryCryptoRng, TryRng};

/// How many bytes in a row are a piece.
const PIECE: usize = 8;

/// A key whose last character is wrong.
const REFUSED: &str = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n8";

/// What a key holds: characters 16..52, the digest, and how many pieces they are cut into.
const SECRET_PIECES: usize = 36 - PIECE + 1;
const DIGEST_PIECES: usize = 32 - PIECE + 1;

/// Every piece of some bytes, inverted: what searches a whole process must not be what is found there.
struct Pieces(Vec<u64>);

impl Pieces {
    fn of(bytes: &[u8]) -> Self {
        Self(bytes.windows(PIECE).map(|piece| !number(piece)).collect())
    }

    fn of_key(key: &ApiKey) -> Self {
        let mut pieces = Self::of(&key.expose_secret().as_bytes()[16..]);
        pieces.0.extend(Self::of(key.digest().as_bytes()).0);
        pieces
    }

    fn count_in(&self, memory: &[u8]) -> usize {
        memory.windows(PIECE).filter(|piece| self.0.contains(&!number(piece))).count()
    }
}

fn number(piece: &[u8]) -> u64 {
    u64::from_ne_bytes(piece.try_into().unwrap())
}

/// This process's memory, as a file: the package forbids the `unsafe` that other ways need.
struct Memory(File);

impl Memory {
    /// Or one line that it can't be read, written past the harness, which shows nothing of a test that passes.
    fn open() -> Option<Self> {
        static SKIPPED: Once = Once::new();
        let memory = File::open("/proc/self/mem").ok().map(Self);
        assert!(memory.is_some() || std::env::var_os("CI").is_none(), "there is no /proc/self/mem");
        if memory.is_none() {
            SKIPPED.call_once(|| {
                let _ = writeln!(std::io::stderr(), "SKIPPED tests/erasure.rs: there is no /proc/self/mem");
            });
        }
        memory
    }

    /// Not inlined: in a frame of its own, what is read can't lie where it is read from.
    #[inline(never)]
    fn read(&self, address: usize, into: &mut [u8]) {
        (&self.0).seek(SeekFrom::Start(address as u64)).unwrap();
        (&self.0).read_exact(into).unwrap();
    }

    #[inline(never)]
    fn place(&self, address: usize) -> Place {
        let mut place = [0; size_of::<ApiKey>()];
        self.read(address, &mut place);
        place
    }
}

/// As many bytes as a key takes.
type Place = [u8; size_of::<ApiKey>()];

fn address<T>(value: &T) -> usize {
    std::ptr::from_ref(black_box(value)).expose_provenance()
}

// ---- the place of a key

/// Fields are dropped in their order: the witness sees the place of what it stands behind while that place is still
/// there, if on the stack, or has just been given back, if on the heap.
struct Watched<'a, T> {
    held: T,
    witness: Witness<'a>,
}

struct Witness<'a> {
    memory: &'a Memory,
    address: usize,
    after: &'a Cell<Place>,
}

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        self.after.set(self.memory.place(self.address));
    }
}

/// What ends the life of a key.
#[derive(Clone, Copy, Debug)]
enum End {
    OfScope,
    QuestionMark,
    Unwinding,
}

const ENDS: [End; 3] = [End::OfScope, End::QuestionMark, End::Unwinding];

/// How many pieces are at the address in `held`, while that lives and after `end`.
fn before_and_after<T>(
    memory: &Memory,
    pieces: &Pieces,
    held: T,
    address_in: fn(&T) -> usize,
    end: End,
) -> (usize, usize) {
    let (before, after) = (Cell::new([0; _]), Cell::new([0; _]));
    let life = || -> Result<(), ParseKeyError> {
        let mut watched = Watched { held, witness: Witness { memory, address: 0, after: &after } };
        watched.witness.address = address_in(&watched.held);
        before.set(memory.place(watched.witness.address));
        match end {
            End::OfScope => {}
            End::QuestionMark => drop(ApiKey::parse("")?),
            End::Unwinding => resume_unwind(Box::new(())),
        }
        black_box(&watched.held);
        Ok(())
    };
    let ended = catch_unwind(AssertUnwindSafe(life));
    match end {
        End::OfScope => assert!(matches!(ended, Ok(Ok(())))),
        End::QuestionMark => assert!(matches!(ended, Ok(Err(ParseKeyError::Prefix)))),
        End::Unwinding => assert!(ended.is_err()),
    }
    (pieces.count_in(&before.get()), pieces.count_in(&after.get()))
}

/// The key in what is around it elsewhere.
const HEADER: &str = "Bearer ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";
const PASTED: &str = " 'Bearer ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9'\n";
#[cfg(feature = "serde")]
const JSON: &str = "\"ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9\"";

/// What makes a key, and its line in `tests/contract/api.txt`.
type Way = (&'static str, fn() -> ApiKey);

/// Every way to a key but the environment, which a process of its own reads below. No text here is on the heap.
#[rustfmt::skip] // a line for each
const WAYS: &[Way] = &[
    ("pub fn ctx_key::ApiKey::parse(impl core::convert::AsRef<[u8]>) -> core::result::Result<Self, ctx_key::ParseKeyError>", || ApiKey::parse(KEY).unwrap()),
    ("impl core::str::traits::FromStr for ctx_key::ApiKey", || KEY.parse().unwrap()),
    ("impl core::convert::TryFrom<&str> for ctx_key::ApiKey", || ApiKey::try_from(KEY).unwrap()),
    ("impl core::convert::TryFrom<&[u8]> for ctx_key::ApiKey", || ApiKey::try_from(KEY.as_bytes()).unwrap()),
    ("pub fn ctx_key::ApiKey::parse_pasted(&str) -> core::result::Result<Self, ctx_key::ParseKeyError>", || ApiKey::parse_pasted(PASTED).unwrap()),
    ("pub fn ctx_key::bearer::parse(impl core::iter::traits::collect::IntoIterator<Item = impl core::convert::AsRef<[u8]>>) -> core::result::Result<ctx_key::ApiKey, ctx_key::Denied>", || bearer::parse([HEADER]).unwrap()),
    ("impl core::clone::Clone for ctx_key::ApiKey", || ApiKey::parse(KEY).unwrap().clone()),
    ("pub fn ctx_key::scan::Match<'h>::key(&self) -> ctx_key::ApiKey", || scan::find_iter(KEY.as_bytes()).next().unwrap().key()),
    ("impl<'h> core::clone::Clone for ctx_key::scan::Match<'h>", || scan::find_iter(KEY.as_bytes()).next().unwrap().clone().key()),
    ("pub fn ctx_key::ApiKey::generate_from_rng<R: rand_core::CryptoRng + ?core::marker::Sized>(&mut R) -> Self", || ApiKey::generate_from_rng(&mut rng(1))),
    ("pub fn ctx_key::ApiKey::try_generate_from_rng<R: rand_core::TryCryptoRng + ?core::marker::Sized>(&mut R) -> core::result::Result<Self, <R as rand_core::TryRng>::Error>", || ApiKey::try_generate_from_rng(&mut rng(1)).unwrap()),
    #[cfg(feature = "getrandom")]
    ("pub fn ctx_key::ApiKey::generate() -> Self", ApiKey::generate),
    #[cfg(feature = "getrandom")]
    ("pub fn ctx_key::ApiKey::try_generate() -> core::result::Result<Self, ctx_key::OsRngError>", || ApiKey::try_generate().unwrap()),
    #[cfg(feature = "http")]
    ("pub fn ctx_key::bearer::parse_headers(&http::header::map::HeaderMap) -> core::result::Result<ctx_key::ApiKey, ctx_key::Denied>", || {
        let value = http::HeaderValue::from_static(HEADER);
        bearer::parse_headers(&http::HeaderMap::from_iter([(http::header::AUTHORIZATION, value)])).unwrap()
    }),
    #[cfg(feature = "serde")]
    ("impl<'de> serde_core::de::Deserialize<'de> for ctx_key::ApiKey", || serde_json::from_str(JSON).unwrap()),
];

/// A way to a key from a text that is not erased, because it is not the library's.
#[rustfmt::skip] // a line for each
const WAYS_FROM_OWNED: &[Way] = &[
    #[cfg(feature = "serde")]
    ("impl<'de> serde_core::de::Deserialize<'de> for ctx_key::ApiKey", || serde_json::from_value(KEY.into()).unwrap()),
];

#[test]
fn the_place_of_a_dropped_key_holds_nothing() {
    let Some(memory) = Memory::open() else { return };
    for (way, make) in WAYS.iter().chain(WAYS_FROM_OWNED) {
        for end in ENDS {
            let assert_erased = |container, (before, after)| {
                assert_eq!(before, SECRET_PIECES + DIGEST_PIECES, "{way} {container} {end:?}: before");
                assert_eq!(after, 0, "{way} {container} {end:?}: after");
            };
            let key = make();
            let pieces = Pieces::of_key(&key);
            assert_erased("alone", before_and_after(&memory, &pieces, key, address, end));

            let key = Box::new(make());
            let pieces = Pieces::of_key(&key);
            let found = before_and_after(&memory, &pieces, key, |key| address(&**key), end);
            assert_erased("in a box", found);

            let keys = vec![make(), make()];
            let pieces = Pieces::of_key(&keys[1]);
            let found = before_and_after(&memory, &pieces, keys, |keys| address(&keys[1]), end);
            assert_erased("in a vector", found);

            let key = Some(make());
            let pieces = Pieces::of_key(key.as_ref().unwrap());
            let found = before_and_after(&memory, &pieces, key, |key| address(key.as_ref().unwrap()), end);
            assert_erased("in an option", found);
        }
    }
}

/// A find holds a key, and so does a clone of it.
#[test]
fn the_place_of_a_dropped_find_holds_nothing() {
    let Some(memory) = Memory::open() else { return };
    let pieces = Pieces::of_key(&ApiKey::parse(KEY).unwrap());
    let mut found = scan::find_iter(KEY.as_bytes()).next();
    let mut clone = found.clone();
    for place in [&mut found, &mut clone] {
        assert_eq!(count_in(&memory, &pieces, place), SECRET_PIECES + DIGEST_PIECES);
        *place = None;
        assert_eq!(count_in(&memory, &pieces, place), 0);
    }
}

/// What is not erased is found in the same way: plain bytes, a key that is never dropped, text on the heap.
#[test]
fn the_place_of_what_is_not_erased_is_seen() {
    let Some(memory) = Memory::open() else { return };
    let key = ApiKey::parse(KEY).unwrap();
    let pieces = Pieces::of_key(&key);
    for end in ENDS {
        let bytes: [u8; 52] = KEY.as_bytes().try_into().unwrap();
        // fewer than are read: pieces of something else may follow
        let (before, after) = before_and_after(&memory, &pieces, bytes, address, end);
        assert!(before >= SECRET_PIECES && after >= SECRET_PIECES, "{end:?}");

        let found = before_and_after(&memory, &pieces, ManuallyDrop::new(key.clone()), address, end);
        let all = SECRET_PIECES + DIGEST_PIECES;
        assert_eq!(found, (all, all), "{end:?}");

        // longer than a key, as that many bytes are read; the allocator keeps its own in the first sixteen
        let text = format!("{KEY:<100}");
        let found = before_and_after(&memory, &pieces, text, |text| text.as_ptr().expose_provenance(), end);
        assert_eq!(found, (SECRET_PIECES, SECRET_PIECES), "{end:?}");
    }
}

// ---- the stack

/// How much of the stack is left to what looks, and how much behind it is looked at.
const ROOM: usize = 16 << 10;
const DEPTH: usize = 48 << 10;

/// Overwrites what earlier calls left.
#[inline(never)]
fn scrub() {
    black_box([0_u8; ROOM + DEPTH]);
}

/// Calls `act` so far down that its frames outlast the calls which look at them.
#[inline(never)]
fn far_below(act: impl FnOnce()) {
    let room = black_box([0_u8; ROOM]);
    in_its_own_frame(act);
    black_box(&room);
}

/// Inlined, what `act` has on the stack could lie above the room.
#[inline(never)]
fn in_its_own_frame(act: impl FnOnce()) {
    act();
}

/// How many pieces `act` leaves on the stack.
fn left_on_stack(memory: &Memory, pieces: &Pieces, act: impl FnOnce()) -> usize {
    let mut stack = vec![0; ROOM + DEPTH];
    let top = address(&black_box(0_u64));
    scrub();
    far_below(act);
    memory.read(top - stack.len(), &mut stack);
    pieces.count_in(&stack)
}

/// 56 bytes that no key has. Not inlined: the library's buffer has to be in memory.
struct Fixed;

static RANDOM: [u8; 56] = *b"0f7Aq!kd93jz@#nvmqpwoeiruty1029384756alskdjfhgZMXNCBV_+=";

impl TryRng for Fixed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0)
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0)
    }
    #[inline(never)]
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.copy_from_slice(black_box(&RANDOM));
        Ok(())
    }
}

impl TryCryptoRng for Fixed {}

/// Nothing of the key where it was returned, nor of the block that was hashed, which parsing erases before.
#[test]
fn parsing_leaves_nothing_on_the_stack() {
    let Some(memory) = Memory::open() else { return };
    let pieces = Pieces::of(&KEY.as_bytes()[16..]);
    let assert_clean = |name, act: fn()| {
        assert_eq!(left_on_stack(&memory, &pieces, act), 0, "{name}");
    };
    assert_clean("parse", || _ = black_box(&ApiKey::parse(black_box(KEY))));
    assert_clean("parse_pasted", || _ = black_box(&ApiKey::parse_pasted(black_box(KEY))));
    assert_clean("FromStr", || _ = black_box(&black_box(KEY).parse::<ApiKey>()));
    assert_clean("refused", || _ = black_box(&ApiKey::parse(black_box(REFUSED))));
    assert_clean("refused, pasted", || _ = black_box(&ApiKey::parse_pasted(black_box(REFUSED))));
}

#[test]
fn generating_leaves_no_random_bytes_on_the_stack() {
    let Some(memory) = Memory::open() else { return };
    let pieces = Pieces::of(&RANDOM);
    let left = left_on_stack(&memory, &pieces, || _ = black_box(&ApiKey::generate_from_rng(&mut Fixed)));
    assert_eq!(left, 0);
}

/// A generator that fills the buffer and then fails, by an error or by a panic.
struct Failing {
    panics: bool,
}

impl TryRng for Failing {
    type Error = std::fmt::Error;

    fn try_next_u32(&mut self) -> Result<u32, std::fmt::Error> {
        Err(std::fmt::Error)
    }
    fn try_next_u64(&mut self) -> Result<u64, std::fmt::Error> {
        Err(std::fmt::Error)
    }
    #[inline(never)]
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), std::fmt::Error> {
        bytes.copy_from_slice(black_box(&RANDOM));
        if self.panics { resume_unwind(Box::new(())) } else { Err(std::fmt::Error) }
    }
}

impl TryCryptoRng for Failing {}

#[test]
fn a_failed_generation_leaves_no_random_bytes_on_the_stack() {
    let Some(memory) = Memory::open() else { return };
    // The first panic binds the unwinder's symbols, and the dynamic linker saves all registers on the stack then.
    let _ = catch_unwind(|| resume_unwind(Box::new(())));
    for panics in [false, true] {
        let left = left_on_stack(&memory, &Pieces::of(&RANDOM), || {
            let generate = || ApiKey::try_generate_from_rng(&mut Failing { panics }).is_err();
            _ = black_box(catch_unwind(AssertUnwindSafe(generate)));
        });
        assert_eq!(left, 0, "panics: {panics}");
    }
}

/// The same search finds what is not erased.
#[test]
fn what_is_left_on_the_stack_is_seen() {
    let Some(memory) = Memory::open() else { return };
    let pieces = Pieces::of(&KEY.as_bytes()[16..]);
    let bytes = || {
        let bytes: [u8; 52] = black_box(KEY).as_bytes().try_into().unwrap();
        black_box(&bytes);
    };
    assert!(left_on_stack(&memory, &pieces, bytes) >= SECRET_PIECES);
    let key = || _ = black_box(&ManuallyDrop::new(ApiKey::parse(black_box(KEY))));
    assert!(left_on_stack(&memory, &pieces, key) >= SECRET_PIECES);
    let random = || {
        let mut bytes = [0; 56];
        let _ = Fixed.try_fill_bytes(&mut bytes);
        black_box(&bytes);
    };
    assert!(left_on_stack(&memory, &Pieces::of(&RANDOM), random) > RANDOM.len() - PIECE);
}

// ---- what is refused

/// The value that says no holds nothing of what it was made from.
#[test]
fn a_refused_key_is_not_in_the_error() {
    let Some(memory) = Memory::open() else { return };
    let pieces = Pieces::of(&REFUSED.as_bytes()[16..]);
    let assert_silent = |name, look: fn(&Memory, &Pieces) -> usize| {
        let mut found = 0;
        scrub();
        far_below(|| found = look(&memory, &pieces));
        assert_eq!(found, 0, "{name}");
    };
    assert_silent("parse", |memory, pieces| count_in(memory, pieces, &ApiKey::parse(REFUSED)));
    assert_silent("parse_pasted", |memory, pieces| count_in(memory, pieces, &ApiKey::parse_pasted(REFUSED)));
    assert_silent("bearer::parse", |memory, pieces| {
        count_in(memory, pieces, &bearer::parse([format!("Bearer {REFUSED}")]))
    });
    #[cfg(feature = "serde")]
    assert_silent("serde", |memory, pieces| {
        let error = serde_json::from_str::<ApiKey>(&format!("\"{REFUSED}\"")).unwrap_err();
        count_in(memory, pieces, &error)
    });

    let key = ApiKey::parse(KEY);
    assert!(count_in(&memory, &pieces, &key) >= SECRET_PIECES - PIECE, "a key that was not refused is seen");
}

/// How many pieces are in the memory of `value` itself.
#[inline(never)]
fn count_in<T>(memory: &Memory, pieces: &Pieces, value: &T) -> usize {
    let mut bytes = vec![0; size_of::<T>()];
    memory.read(address(value), &mut bytes);
    pieces.count_in(&bytes)
}

// ---- the environment

/// All that this process can write to, but for the environment that it was started with: that is not the library's to
/// erase. It lies within the mapping of the first stack.
#[cfg(feature = "std")]
fn writable_memory(without_environment: bool) -> Vec<Range<usize>> {
    let statistics = std::fs::read_to_string("/proc/self/stat").unwrap();
    // fields 50 and 51 of proc(5); the third is the first behind the name
    let (_, fields) = statistics.rsplit_once(')').unwrap();
    let mut environment = fields.split_whitespace().skip(50 - 3).map(|field| field.parse().unwrap());
    let (from, to): (usize, usize) = (environment.next().unwrap(), environment.next().unwrap());
    assert!(from < to, "the kernel shows where the environment is");

    let mappings = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut parts = Vec::new();
    for line in mappings.lines() {
        let (range, rest) = line.split_once(' ').unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let [start, end] = [start, end].map(|number| usize::from_str_radix(number, 16).unwrap());
        match rest.starts_with("rw") {
            true if without_environment => {
                parts.extend([start..from.clamp(start, end), to.clamp(start, end)..end]);
            }
            true => parts.push(start..end),
            false => {}
        }
    }
    parts
}

/// What a child keeps while it looks.
#[cfg(feature = "std")]
#[derive(Default)]
struct Kept {
    key: Option<ApiKey>,
    writer: Option<scan::RedactingWriter<Sink>>,
    #[cfg(feature = "http")]
    header: Option<http::HeaderValue>,
}

/// Keeps nothing that it is given. It may then fail, or panic.
#[cfg(feature = "std")]
enum Sink {
    Takes,
    Fails,
    Panics,
}

#[cfg(feature = "std")]
impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Takes => Ok(bytes.len()),
            Self::Fails => Err(std::io::ErrorKind::StorageFull.into()),
            Self::Panics => resume_unwind(Box::new(())),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A writer that holds as much of a key as it may, and then is given `rest`.
#[cfg(feature = "std")]
fn writer(sink: Sink, rest: &[u8]) -> scan::RedactingWriter<Sink> {
    let mut writer = scan::RedactingWriter::new(sink);
    writer.write_all(&KEY.as_bytes()[..33]).unwrap();
    let _ = catch_unwind(AssertUnwindSafe(|| writer.write(rest)));
    writer
}

/// Runs in a process of its own, with the key in its environment, and says how many pieces of it are in its memory
/// when the case is over. All that allocates is done before, lest it covers what the case leaves; the stack is
/// overwritten after, as moves leave copies there.
#[cfg(feature = "std")]
#[test]
fn child() {
    let Ok(case) = std::env::var("ERASURE_CASE") else { return };
    let memory = Memory::open().unwrap();
    let pieces = Pieces::of(&KEY.as_bytes()[16..51]);
    let parts = writable_memory(case != "environment");
    // mapped after the parts were listed: it is none of them
    let mut buffer = vec![0; parts.iter().map(Range::len).max().unwrap()];
    let mut kept = Box::new(Kept::default());

    far_below(|| match &*case {
        "dropped" => drop(black_box(ApiKey::from_env().unwrap())),
        "refused" => drop(black_box(ApiKey::from_env().unwrap_err())),
        "kept" => kept.key = ApiKey::from_env().ok(),
        "environment" => {}
        "not erased" => drop(black_box(std::env::var("MEMORYKIT_API_KEY").unwrap())),
        #[cfg(feature = "http")]
        "in a header" => kept.header = Some(ApiKey::parse(KEY).unwrap().to_header_value()),
        "held" => kept.writer = Some(writer(Sink::Takes, b"")),
        "redacted" => kept.writer = Some(writer(Sink::Takes, &KEY.as_bytes()[33..])),
        "held, dropped" => drop(writer(Sink::Takes, b"")),
        "held, finished" => drop(writer(Sink::Takes, b"").finish()),
        "held, not finished" => drop(writer(Sink::Fails, b"").finish()),
        "refused by the sink" => drop(writer(Sink::Fails, b"\n")),
        "held after a panic" => {
            let mut writer = writer(Sink::Panics, b"\n");
            writer.write_all(&KEY.as_bytes()[..33]).unwrap();
        }
        "panic of the sink in drop" => _ = catch_unwind(|| drop(writer(Sink::Panics, b""))),
        way => WAYS.iter().filter(|(name, _)| *name == way).for_each(|(_, make)| drop(black_box(make()))),
    });
    scrub();

    let mut found = 0;
    for part in parts {
        let bytes = &mut buffer[..part.len()];
        memory.read(part.start, bytes);
        found += pieces.count_in(bytes);
    }
    println!("<{found}>");
    drop(black_box(kept));
}

#[cfg(feature = "std")]
fn found_by_child(case: &str, value: &str) -> usize {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]);
    let output = command.env("ERASURE_CASE", case).env("MEMORYKIT_API_KEY", value).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let (_, found) = said.split_once('<').unwrap_or_else(|| panic!("{case}: {said}"));
    found.split_once('>').unwrap().0.parse().unwrap()
}

#[cfg(feature = "std")]
#[test]
fn a_key_from_the_environment_stays_there_alone() {
    if Memory::open().is_none() {
        return;
    }
    assert_eq!(found_by_child("dropped", KEY), 0);
    assert_eq!(found_by_child("refused", REFUSED), 0);
    // and what is there is found
    for case in ["environment", "kept", "not erased"] {
        assert!(found_by_child(case, KEY) > 0, "{case}");
    }
}

/// No way to a key leaves a copy of it anywhere.
#[cfg(feature = "std")]
#[test]
fn a_dropped_key_was_the_only_copy() {
    if Memory::open().is_some() {
        WAYS.iter().for_each(|(way, _)| assert_eq!(found_by_child(way, KEY), 0, "{way}"));
    }
}

/// The text that a header is made of is erased, and the header is the one copy that is left.
#[cfg(feature = "http")]
#[test]
fn a_header_is_the_only_copy() {
    if Memory::open().is_some() {
        assert_eq!(found_by_child("in a header", KEY), 35 - PIECE + 1);
    }
}

/// A writer keeps nothing of what it redacted, and nothing at all when it is dropped.
#[cfg(feature = "std")]
#[test]
fn a_writer_leaves_nothing() {
    if Memory::open().is_none() {
        return;
    }
    for case in [
        "redacted",
        "held, dropped",
        "held, finished",
        "held, not finished",
        "refused by the sink",
        "held after a panic",
        "panic of the sink in drop",
    ] {
        assert_eq!(found_by_child(case, KEY), 0, "{case}");
    }
    assert!(found_by_child("held", KEY) > 0);
}
