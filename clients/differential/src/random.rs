//! Generates inputs. Most are near a boundary of the format.

use chacha20::ChaCha20Rng;
use ctx_key::ApiKey;
use ctx_key::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};

const NAMES: [&str; 6] =
    ["memories:read", "memories:write", "chats:read", "chats:write", "users:read", "users:write"];

/// Characters that some language treats differently when it trims, changes the letter case or encodes.
const AWKWARD: [&str; 40] = [
    "\t", "\n", "\u{b}", "\r", " ", "\0", "\u{1c}", "\u{1f}", "\u{7f}", "\u{85}", "\u{a0}", "\u{ad}", "é",
    "ı", "ſ", "\u{61c}", "\u{7ff}", "\u{800}", "\u{1680}", "\u{180e}", "\u{2000}", "\u{2007}", "\u{200a}",
    "\u{200b}", "\u{200f}", "\u{2010}", "\u{2028}", "\u{202e}", "\u{202f}", "\u{205f}", "\u{2064}",
    "\u{2065}", "\u{206f}", "\u{212a}", "\u{3000}", "\u{feff}", "\u{ffff}", "😀", "_", "$",
];

const AROUND_A_KEY: [&str; 30] = [
    "\"",
    "\"",
    "'",
    "'",
    "`",
    "`",
    "“",
    "”",
    "‘",
    "’",
    "<",
    ">",
    ",",
    ";",
    "=",
    ":",
    "MEMORYKIT_API_KEY",
    "MEMORYKIT_API_KEY=",
    "MEMORYKIT_API_KEY :",
    "memorykit_api_key=",
    "export",
    "export ",
    "EXPORT ",
    "Authorization:",
    "AUTHORIZATION ",
    "authorization: ",
    "Bearer",
    "bearer ",
    "BEARER\t",
    "Basic ",
];

const TIMES: [u64; 12] = [
    0,
    1,
    59,
    60,
    61,
    i64::MAX as u64 - 1,
    i64::MAX as u64,
    1 << 63,
    (1 << 63) + 1,
    u64::MAX - 60,
    u64::MAX - 1,
    u64::MAX,
];

/// A key that ends in `ctx`, so that another key can begin with its last three characters.
const ENDS_IN_CTX: &str = "ctx_h1vg5yjGRKqIUGg6fPt8OCPZtqdqM5ZezkJ4slHLtE46jctx";

pub struct Random(ChaCha20Rng);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(ChaCha20Rng::seed_from_u64(seed))
    }

    fn below(&mut self, end: usize) -> usize {
        (self.0.next_u64() % end as u64) as usize
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn key(&mut self) -> ApiKey {
        ApiKey::generate_from_rng(&mut self.0)
    }

    fn digits(&mut self, count: usize) -> String {
        let mut digits = String::new();
        while digits.len() < count {
            digits.push_str(&self.key().expose_secret()[4..46]);
        }
        digits.truncate(count);
        digits
    }

    /// Returns a text with up to three changes, each of one byte.
    fn changed(&mut self, text: &str) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..self.below(4) {
            let place = self.below(bytes.len() + 1);
            let byte = if self.one_in(2) {
                self.pick(b"09@AZ[`az{/:_ \x00\x7f\x80\xff\n")
            } else {
                self.below(256) as u8
            };
            match self.below(4) {
                0 => bytes.insert(place, byte),
                1 if place < bytes.len() => drop(bytes.remove(place)),
                2 if self.one_in(4) => bytes.truncate(place),
                _ => {
                    if let Some(old) = bytes.get_mut(place) {
                        *old = byte;
                    }
                }
            }
        }
        bytes
    }

    pub fn key_like(&mut self) -> Vec<u8> {
        let key = self.key();
        match self.below(12) {
            0 => self.pick(&["", "c", "ctx", "ctx_", "ctx_your_api_key_here", "CTX_", "ctx-"]).into(),
            1 => {
                let length = self.below(70);
                format!("ctx_{}", self.digits(length)).into()
            }
            2 => {
                // the right shape
                let digit = self.pick(&["0", "4", "5", "z"]);
                format!("{}{digit}{}", &key.expose_secret()[..46], &self.digits(5)).into()
            }
            3 => key.expose_secret().to_lowercase().into(),
            _ => self.changed(key.expose_secret()),
        }
    }

    pub fn unicode_key_like(&mut self) -> String {
        let mut text = String::from_utf8_lossy(&self.key_like()).into_owned();
        if self.one_in(2) {
            let place = (0..=self.below(text.len() + 1)).rev().find(|&place| text.is_char_boundary(place));
            text.insert_str(place.unwrap_or_default(), self.pick(&AWKWARD));
        }
        text
    }

    pub fn pasted(&mut self) -> String {
        let key =
            if self.one_in(4) { self.unicode_key_like() } else { self.key().expose_secret().to_owned() };
        let mut text = key;
        for _ in 0..self.below(7) {
            let part = if self.one_in(3) { self.pick(&AWKWARD) } else { self.pick(&AROUND_A_KEY) };
            match self.below(3) {
                0 => text.push_str(part),
                1 => text.insert_str(0, part),
                _ => text = self.enclosed(&text),
            }
        }
        text
    }

    fn enclosed(&mut self, text: &str) -> String {
        let (open, close) = self.pick(&[
            ("\"", "\""),
            ("'", "'"),
            ("`", "`"),
            ("“", "”"),
            ("‘", "’"),
            ("<", ">"),
            ("“", "\""),
            (" ", "\n"),
        ]);
        format!("{open}{text}{close}")
    }

    pub fn scopes(&mut self, strict: bool) -> String {
        let mut text = String::new();
        for _ in 0..self.below(5) {
            let name = self.pick(&NAMES);
            if self.one_in(3) {
                let changed = self.changed(name);
                text.push_str(&String::from_utf8_lossy(&changed));
            } else {
                text.push_str(name);
            }
            match self.below(12) {
                0 => text.push_str(self.pick(&AWKWARD)),
                1 => text.push(','),
                2 => {}
                _ if strict => text.push(' '),
                _ => text.push_str(self.pick(&[",", ", ", " ", "\n", "\u{3000},"])),
            }
        }
        if strict && self.below(8) > 0 {
            text = text.trim_end_matches(' ').to_owned();
        }
        if self.one_in(8) {
            text = text.to_uppercase();
        }
        text
    }

    pub fn bits(&mut self) -> u32 {
        match self.below(4) {
            0 => self.0.next_u64() as u32,
            1 => self.pick(&[0, 63, 64, 1 << 31, u32::MAX]),
            _ => self.below(64) as u32,
        }
    }

    pub fn realm(&mut self) -> String {
        let parts = ["MemoryKit", "\"", "\\", "é", "😀", "~", " ", "\u{7f}", "\n", "$&"];
        (0..self.below(4)).map(|_| self.pick(&parts)).collect()
    }

    pub fn authorization(&mut self) -> Vec<Vec<u8>> {
        let count = if self.one_in(8) { self.below(4) } else { 1 };
        (0..count).map(|_| self.value()).collect()
    }

    fn value(&mut self) -> Vec<u8> {
        let mut value = Vec::new();
        let spaces: [&[u8]; 6] = [b"", b"", b" ", b"\t", b"  ", b"\n"];
        value.extend(self.pick(&spaces));
        let schemes: [&[u8]; 10] = [
            b"Bearer",
            b"Bearer",
            b"Bearer",
            b"bearer",
            b"BEARER",
            b"Bearer:",
            b"Beare",
            b"Basic",
            b"",
            b"B\xc4\xb1earer",
        ];
        value.extend(self.pick(&schemes));
        let separators: [&[u8]; 8] = [b" ", b" ", b" ", b"  ", b"\t", b" \t", b"", b","];
        value.extend(self.pick(&separators));
        if self.below(8) > 0 {
            let key = self.key_like();
            value.extend(if self.one_in(2) { key } else { self.key().expose_secret().into() });
        }
        let ends: [&[u8]; 10] = [b"", b"", b"", b" ", b"\t ", b",", b", x", b" x", b"\x00", b"\xa0"];
        value.extend(self.pick(&ends));
        if self.one_in(20) {
            // around the limit of 8,192 bytes
            let byte = self.pick(b"xx,\xff ");
            value.resize(8_186 + self.below(12), byte);
            value.extend(self.pick(&spaces));
        }
        value
    }

    pub fn leaks(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        for _ in 0..1 + self.below(5) {
            match self.below(9) {
                0 | 1 => text.extend(self.key().expose_secret().bytes()),
                2 => text.extend(self.key_like()),
                3 => {
                    let length = 26 + self.below(10);
                    text.extend(format!("ctx_{}", self.digits(length)).bytes());
                }
                4 => {
                    let next = self.key();
                    text.extend(ENDS_IN_CTX.bytes().chain(next.expose_secret()[3..].bytes()));
                }
                5 => {
                    let length = 20 + self.below(20);
                    text.extend(format!("ctx_{}ctx_", self.digits(length)).bytes());
                }
                6 => text.extend(self.pick(&["ctx_", "ctx", "_", "***", "%3D", "\n", "ctx_ctx_"]).bytes()),
                7 => text.push(self.below(256) as u8),
                _ => {
                    let length = self.below(60);
                    text.extend(self.digits(length).bytes());
                }
            }
        }
        text
    }

    pub fn record(&mut self) -> Life {
        let own = self.key();
        let presented = if self.one_in(3) { self.key() } else { own.clone() };
        let times = std::array::from_fn(|_| if self.one_in(2) { None } else { Some(self.time()) });
        Life {
            own,
            presented,
            times,
            scopes: self.bits(),
            required: self.bits(),
            now: self.time(),
            overlap: self.time(),
            retire_at: self.time(),
            revoke_at: self.time(),
        }
    }

    fn time(&mut self) -> u64 {
        match self.below(8) {
            0 => self.0.next_u64(),
            1 | 2 => self.below(120) as u64,
            _ => self.pick(&TIMES),
        }
    }
}

/// A record, and the steps in which it is used and changed.
pub struct Life {
    pub own: ApiKey,
    pub presented: ApiKey,
    pub times: [Option<u64>; 4],
    pub scopes: u32,
    pub required: u32,
    pub now: u64,
    pub overlap: u64,
    pub retire_at: u64,
    pub revoke_at: u64,
}

impl Life {
    pub fn to_json(&self) -> Value {
        let Self { times, scopes, required, .. } = self;
        let text = |time: u64| time.to_string();
        json!({
            "own": self.own.expose_secret(),
            "presented": self.presented.expose_secret(),
            "times": times.map(|time| time.map(text)),
            "scopes": scopes,
            "required": required,
            "now": text(self.now),
            "overlap": text(self.overlap),
            "retire_at": text(self.retire_at),
            "revoke_at": text(self.revoke_at),
        })
    }
}
