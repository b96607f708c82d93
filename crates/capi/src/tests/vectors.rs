//! Every case of `tests/vectors` has its result.

use std::collections::BTreeMap;

use super::*;

/// The fields of a line of `examples/vector_lines.rs`.
struct Fields<'l>(core::str::Split<'l, char>);

impl<'l> Fields<'l> {
    fn text(&mut self) -> &'l str {
        self.0.next().unwrap()
    }

    fn number(&mut self) -> u64 {
        self.text().parse().unwrap()
    }

    fn bits(&mut self) -> u32 {
        self.text().parse().unwrap()
    }

    fn bytes(&mut self) -> Vec<u8> {
        let digits = self.text().strip_prefix('x').unwrap();
        (0..digits.len())
            .step_by(2)
            .map(|start| u8::from_str_radix(&digits[start..start + 2], 16).unwrap())
            .collect()
    }

    fn time(&mut self) -> Time {
        match self.text() {
            "-" => Time { secs: 77, is_set: 0 },
            secs => Time { secs: secs.parse().unwrap(), is_set: 1 },
        }
    }

    fn record(&mut self) -> Record {
        let mut record = record(&valid(KEY), CTX_KEY_READ);
        record.not_before = self.time();
        record.expires_at = self.time();
        record.retires_at = self.time();
        record.revoked_at = self.time();
        record
    }

    fn presented(&mut self) -> Key {
        valid(if self.text() == "1" { KEY } else { OTHER })
    }
}

#[test]
fn every_case_has_its_result() {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for line in vector_lines::lines() {
        let mut fields = Fields(line.split(' '));
        let kind = fields.text();
        check(kind, &mut fields, &line);
        assert_eq!(fields.0.next(), None, "{line}");
        *counts.entry(kind.into()).or_default() += 1;
    }
    let counts: Vec<_> = counts.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    assert_eq!(
        counts.join(", "),
        "bearer 156, changes 30, grants 130, key 289, leaks 118, names 64, pasted 246, rotate 60, scopes 96, \
         scopes_list 9, verify 120"
    );
}

fn check(kind: &str, fields: &mut Fields<'_>, line: &str) {
    match kind {
        "key" => check_key(parse(fields.bytes()), fields, line),
        "pasted" => {
            let (input, mut key, mut detail) = (fields.bytes(), zeros(), 99);
            let (text, len) = raw(&input);
            // SAFETY: the pointers are those of slices and variables.
            let outcome = unsafe { ctx_key_parse_pasted(text, len, &mut key, &mut detail) };
            check_key((outcome, key, detail), fields, line);
        }
        "names" => {
            let (bits, text) = (fields.bits(), fields.bytes());
            assert_eq!(names(bits).as_bytes(), text, "{line}");
            assert_eq!(scopes(&text, ctx_key_scopes_parse), (Outcome::CtxKeyOk, bits), "{line}");
        }
        "scopes" | "scopes_list" => {
            let parse = if kind == "scopes" { ctx_key_scopes_parse } else { ctx_key_scopes_parse_list };
            let (outcome, bits) = scopes(&fields.bytes(), parse);
            assert_eq!((label(outcome), bits), (fields.text(), fields.bits()), "{line}");
        }
        "grants" => {
            let (granted, required) = (fields.bits(), fields.bits());
            assert_eq!(ctx_key_scopes_grant(granted, required), fields.text() == "1", "{line}");
            assert_eq!(ctx_key_scopes_missing(granted, required), fields.bits(), "{line}");
        }
        "bearer" => {
            let (status, error, expected) = (fields.text(), fields.text(), fields.text());
            let values: Vec<_> = (0..fields.number()).map(|_| fields.bytes()).collect();
            let (outcome, key) = bearer(&values.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let found = ctx_key_challenge_error(outcome as i32);
            let found = if found.is_null() { "-" } else { text(found) };
            assert_eq!(ctx_key_status(outcome as i32).to_string(), status, "{line}");
            assert_eq!((found, id(&key).as_deref().unwrap_or("-")), (error, expected), "{line}");
        }
        "verify" => {
            let (record, now, key) = (fields.record(), fields.number(), fields.presented());
            let (outcome, grant) = verify(&record, &key, now);
            assert_eq!(label(outcome), fields.text(), "{line}");
            // SAFETY: the pointers are those of slices and variables.
            assert_eq!(label(unsafe { ctx_key_state(&record, now) }), fields.text(), "{line}");
            let granted = outcome == Outcome::CtxKeyOk;
            assert_eq!(grant.scopes, if granted { CTX_KEY_READ } else { 0 }, "{line}");
            assert!(same(grant.expires_at, fields.time()), "{line}");
        }
        "changes" => {
            let (mut record, after) = (fields.record(), fields.record());
            for _ in 0..fields.number() {
                let (change, time) = (fields.text(), fields.number());
                let outcome = match change {
                    // SAFETY: the pointers are those of slices and variables.
                    "revoke" => unsafe { ctx_key_revoke(&mut record, time) },
                    // SAFETY: the pointers are those of slices and variables.
                    _ => unsafe { ctx_key_retire_at(&mut record, time) },
                };
                assert_eq!(outcome, Outcome::CtxKeyOk, "{line}");
            }
            assert!(same_record(&record, &after), "{line}");
        }
        "rotate" => {
            let (mut old, now, overlap, key) =
                (fields.record(), fields.number(), fields.number(), fields.presented());
            let mut new = record(&valid(KEY), 0);
            // SAFETY: the pointers are those of slices and variables.
            let outcome = unsafe { ctx_key_rotate(&mut old, &key, now, overlap, &mut new) };
            assert_eq!(label(outcome), fields.text(), "{line}");
            assert!(same_record(&old, &fields.record()), "{line}");
            let mut expected = fields.record();
            (expected.id, expected.digest) = (record(&key, 0).id, record(&key, 0).digest);
            let expected = if outcome == Outcome::CtxKeyOk { expected } else { zeros() };
            assert!(same_record(&new, &expected), "{line}");
        }
        "leaks" => {
            let (text, expected) = (fields.bytes(), fields.bytes());
            assert_eq!(redacted(&text), expected, "{line}");
            assert_eq!(redacted(&expected), expected, "{line}");
            let starts: Vec<_> = (0..fields.number()).map(|_| fields.number() as usize).collect();
            let (count, ranges) = found(&text, starts.len());
            assert_eq!(count, starts.len(), "{line}");
            let expected = starts.iter().map(|&start| Range { start, end: start + 52 });
            assert_eq!(ranges, expected.collect::<Vec<_>>(), "{line}");
        }
        _ => panic!("{line}"),
    }
}

fn check_key((outcome, key, detail): (Outcome, Key, usize), fields: &mut Fields<'_>, line: &str) {
    assert_eq!(label(outcome), fields.text(), "{line}");
    assert_eq!(detail as u64, fields.number(), "{line}");
    let (expected_id, expected_digest) = (fields.text(), fields.text());
    assert_eq!(id(&key).as_deref().unwrap_or("-"), expected_id, "{line}");
    assert_eq!(digest_text(&key).as_deref().unwrap_or("-"), expected_digest, "{line}");
    let mut digest = [0; 32];
    // SAFETY: the pointers are those of slices and variables.
    let outcome = unsafe { ctx_key_digest(&key, digest.as_mut_ptr(), 32) };
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(if outcome == Outcome::CtxKeyOk { &digits } else { "-" }, expected_digest, "{line}");
}

fn scopes(input: &[u8], parse: ParseScopes) -> (Outcome, u32) {
    let ((text, len), mut bits) = (raw(input), 99);
    // SAFETY: the pointers are those of slices and variables.
    let outcome = unsafe { parse(text, len, &mut bits, ptr::null_mut()) };
    (outcome, bits)
}

/// Compares two times. The seconds of an absent time do not matter.
fn same(one: Time, other: Time) -> bool {
    let value = |time: Time| (time.is_set != 0).then_some(time.secs);
    value(one) == value(other)
}

fn same_record(one: &Record, other: &Record) -> bool {
    let times =
        |record: &Record| [record.not_before, record.expires_at, record.retires_at, record.revoked_at];
    let rest = |record: &Record| (record.id, record.digest, record.scopes);
    rest(one) == rest(other) && times(one).into_iter().zip(times(other)).all(|(one, other)| same(one, other))
}
