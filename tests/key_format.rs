//! The programs in `docs/key-format.md` pass the vectors, and its figures and examples are correct.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::Command;

use ctx_key::ApiKey;
use serde_json::Value;
use sha2::{Digest, Sha256};

const DOCUMENT: &str = include_str!("../docs/key-format.md");
const KEYS: &str = include_str!("vectors/keys.json");
const PASTED: &str = include_str!("vectors/pasted.json");

const ALPHABET: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const EXAMPLE: &str = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";

/// Runs after the document's Python program. Prints the number of cases that agree, or exits at the first that does not.
const PYTHON_DRIVER: &str = r#"
import json
import sys

agreed = 0
for file, read in zip(sys.argv[1:], [lambda text: text.encode("latin-1"), lambda text: repair(text).encode()]):
    with open(file, encoding="utf-8") as cases:
        for case in json.load(cases):
            key = read(case["input"])
            try:
                key_id, digest = parse(key)
                result = {"id": key_id, "digest": digest}
                assert checksum(bytes.fromhex(digest)) == key[46:]
            except InvalidKey as error:
                result = [error.kind, error.detail]
            if result != (case["ok"] if "ok" in case else [case["error"], case["detail"]]):
                sys.exit(f"{result} from {case}")
            agreed += 1
print(agreed, "cases agree")
"#;

/// Does the same for the document's JavaScript program.
const JAVASCRIPT_DRIVER: &str = r#"
import { deepStrictEqual } from "node:assert";
import { readFileSync } from "node:fs";

const bytes = (text) => Uint8Array.from(text, (character) => character.charCodeAt(0));
let agreed = 0;
for (const [file, read] of [[process.argv[2], bytes], [process.argv[3], (text) => Buffer.from(repair(text))]]) {
  for (const test of JSON.parse(readFileSync(file, "utf8"))) {
    const key = read(test.input);
    let result;
    try {
      result = parse(key);
      deepStrictEqual(checksum(Buffer.from(result.digest, "hex")), Buffer.from(key.subarray(46)));
    } catch (error) {
      if (!(error instanceof InvalidKey)) throw error;
      result = [error.kind, error.detail];
    }
    deepStrictEqual(result, test.ok ?? [test.error, test.detail], JSON.stringify([result, test]));
    agreed += 1;
  }
}
console.log(agreed, "cases agree");
"#;

#[test]
fn the_python_program_passes_the_vectors() {
    assert_passes_the_vectors("python", "python3", "key.py", PYTHON_DRIVER);
}

#[test]
fn the_javascript_program_passes_the_vectors() {
    assert_passes_the_vectors("javascript", "node", "key.mjs", JAVASCRIPT_DRIVER);
}

fn assert_passes_the_vectors(language: &str, interpreter: &str, file: &str, driver: &str) {
    let directory = Directory::new(language);
    let program = directory.0.join(file);
    fs::write(&program, block(language) + driver).unwrap();
    let vectors = [("keys.json", KEYS), ("pasted.json", PASTED)].map(|(name, cases)| {
        let path = directory.0.join(name);
        fs::write(&path, cases).unwrap();
        path
    });

    let output = match Command::new(interpreter).arg(&program).args(&vectors).output() {
        Err(error) if error.kind() == ErrorKind::NotFound => return skip(interpreter),
        output => output.unwrap(),
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{language}: {stderr}");

    let count = |cases| serde_json::from_str::<Vec<Value>>(cases).unwrap().len();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let expected = format!("{} cases agree", count(KEYS) + count(PASTED));
    assert_eq!(stdout.trim_end(), expected, "{language}: {stderr}");
}

/// Reports a skipped test. It writes to standard error directly, because the test harness captures `eprintln!`.
fn skip(interpreter: &str) {
    assert!(std::env::var_os("CI").is_none(), "{interpreter} is not installed");
    let mut stderr = std::io::stderr();
    writeln!(stderr, "SKIPPED tests/key_format.rs: {interpreter} is not installed").unwrap();
}

/// A new directory, removed on drop.
struct Directory(PathBuf);

impl Directory {
    fn new(language: &str) -> Self {
        let name = format!("ctx-key-format-{}-{language}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns the text of the only fenced block in `language`.
fn block(language: &str) -> String {
    let fence = format!("```{language}");
    assert_eq!(DOCUMENT.lines().filter(|line| *line == fence).count(), 1, "{fence}");
    let after = DOCUMENT.lines().skip_while(|line| *line != fence).skip(1);
    after.take_while(|line| *line != "```").flat_map(|line| [line, "\n"]).collect()
}

/// Asserts that the document contains `text`, wherever its lines break.
#[track_caller]
fn assert_states(text: &str) {
    assert!(joined(DOCUMENT.split_whitespace()).contains(text), "not in the document: {text}");
}

#[test]
fn the_worked_example_is_correct() {
    let (hashed, checksum) = EXAMPLE.split_at(46);
    let digest = Sha256::digest(hashed);
    let first: [u8; 4] = digest[..4].try_into().unwrap();
    let number = u32::from_be_bytes(first);
    let values: Vec<u32> = (0..6).rev().map(|place| number / 62u32.pow(place) % 62).collect();
    let digits: String = values.iter().map(|value| &ALPHABET[*value as usize..][..1]).collect();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();

    let key = ApiKey::parse(EXAMPLE).unwrap();
    assert_eq!(key.digest().as_bytes()[..], digest[..]);
    assert_eq!(checksum, digits);
    assert_eq!(checksum, format!("{:0>6}", base62::encode(number)));

    assert_states(&format!("| key | `{EXAMPLE}` |"));
    assert_states(&format!("| id | `{}` |", key.id()));
    assert_states(&format!("| secret | `{}` |", &EXAMPLE[16..46]));
    assert_states(&format!("| the 46 characters to hash | `{hashed}` |"));
    assert_states(&format!("| `D` = digest | `{hex}` |"));
    assert_states(&format!(
        "| the first four bytes of `D` | `{}` |",
        joined(first.map(|byte| format!("{byte:02x}")))
    ));
    assert_states(&format!("| as a number | `{number}` |"));
    assert_states(&format!("| values of its base-62 digits | `{}` |", joined(&values)));
    assert_states(&format!("| checksum | `{checksum}` |"));

    let [a, b, c, d, e, f] = values[..] else { panic!("six digits") };
    assert_states(&format!("The number is {a}·62⁵ + {b}·62⁴ + {c}·62³ + {d}·62² + {e}·62 + {f}."));
    assert_states(&format!("`{}***`", &EXAMPLE[..16]));
}

/// Joins items with spaces.
fn joined<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_figures_are_correct() {
    assert_states(&format!("in the order of their values: ```text {ALPHABET} ```"));
    assert_states(&format!("A 32-bit number is at most 2³² − 1, which is `{}`.", base62::encode(u32::MAX)));

    assert_eq!(5 * 62u64.pow(5), 4_580_664_160);
    assert_states("5 · 62⁵ = 4,580,664,160");
    assert_eq!((62u64.pow(6) - 1, 64 - 62u64.pow(6).leading_zeros()), (56_800_235_583, 36));
    assert_states("62⁶ − 1 = 56,800,235,583");

    // 62⁶ / 2⁶⁴ < 2⁻²⁸ holds for six values of a word, and not for seven.
    assert!(62u64.pow(6) < 1 << 36 && 62u64.pow(7) > 1 << 36);

    let mut word = 0x0123_4567_89ab_cdef_u64;
    let values = [(); 6].map(|()| {
        let product = u128::from(word) * 62;
        word = product as u64;
        (product >> 64) as usize
    });
    let digits: String = values.iter().map(|value| &ALPHABET[*value..][..1]).collect();
    assert_states(&format!(
        "the word `0x0123456789abcdef` yields the values `{}`, which are the digits `{digits}`",
        joined(values)
    ));
}

#[test]
fn the_regular_expression_describes_the_shape_of_a_key() {
    assert_eq!(block("regex"), "ctx_[0-9A-Za-z]{42}[0-4][0-9A-Za-z]{5}\n");
}
