import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";

import { ApiKey, AnyKey, Denied, InvalidKeyError, KeyRecord, MAX_TIME, Scope, bearer, find, redact, redactStr } from "../dist/index.js";
import { outcome } from "./cases.mjs";
import { KEY, OTHER, checksum, digits, keys, texts } from "./keys.mjs";

const holds = (name, ...rest) => test(name, () => fc.assert(fc.property(...rest), { numRuns: 1000 }));

/** Returns the kind and the detail of the error for some bytes, or null: docs/key-format.md §6, word for word. */
function model(bytes) {
  if (!bytes.subarray(0, 4).equals(Buffer.from("ctx_"))) return ["prefix", null];
  if (bytes.length !== 52) return ["length", bytes.length];
  const index = bytes.findIndex((byte, at) => at >= 4 && !/[0-9A-Za-z]/.test(String.fromCharCode(byte)));
  if (index >= 0) return ["character", index];
  return checksum(bytes.subarray(0, 46)) === bytes.toString("latin1", 46) ? null : ["checksum", null];
}

function errorOf(parse) {
  try {
    parse();
    return null;
  } catch (error) {
    assert(error instanceof InvalidKeyError);
    return [error.kind, error.detail];
  }
}

/** A key with a part replaced by another text, mostly with the same length. */
const changed = fc
  .tuple(keys, fc.nat(52), fc.nat(3), fc.oneof(texts, digits(1), digits(3), fc.constantFrom("\x80", "\xff", "_", "@")))
  .map(([key, start, length, text]) => key.slice(0, start) + text + key.slice(start + length));

holds("a key parses, and its digest is Node's", keys, (text) => {
  const key = ApiKey.parse(text);
  const digest = createHash("sha256").update(text.slice(0, 46)).digest("hex");
  assert.deepEqual([key.id, key.digest, key.exposeSecret()], [text.slice(4, 16), digest, text]);
  assert.equal(AnyKey.parse(text).exposeSecret(), text);
});

holds("a string parses as its UTF-8 bytes", fc.oneof(changed, texts), (text) => {
  const bytes = Buffer.from(text);
  const expected = model(bytes);
  assert.deepEqual(errorOf(() => ApiKey.parse(text)), expected);
  assert.deepEqual(errorOf(() => ApiKey.parse(bytes)), expected);
});

holds("bytes parse one by one", fc.tuple(changed, fc.uint8Array()), ([text, bytes]) => {
  for (const input of [Buffer.from(text, "latin1"), Buffer.from(bytes)]) {
    assert.deepEqual(errorOf(() => ApiKey.parse(input)), model(input));
  }
});

holds("the lenient reading takes every key, and what may be one of a later version", digits(49), (part) => {
  assert.equal(AnyKey.parse(`ctx_${part}`).exposeSecret(), `ctx_${part}`);
  const later = `ctx_${part.slice(0, 42)}5${part.slice(0, 5)}`;
  assert.equal(AnyKey.parse(later).exposeSecret(), later);
  const typo = `ctx_${part.slice(0, 42)}0${part.slice(0, 5)}`;
  assert.deepEqual(errorOf(() => AnyKey.parse(typo)), model(Buffer.from(typo)));
});

const blank = fc.string({ unit: fc.constantFrom(..." \t\n\r\x85\xa0\u1680\u2003\u2028\u3000\xad\u200b\u2064\ufeff"), maxLength: 4 });
const wraps = fc.constantFrom(['"', '"'], ["'", "'"], ["“", "”"], ["<", ">"], ["", ","], ["", ";"], ["export MEMORYKIT_API_KEY = ", ""],
  ["AUTHORIZATION:", ""], ["bEARER\xa0", ""]);

holds("a pasted key is read without the text around it", keys, blank, wraps, blank, (key, before, [open, close], after) => {
  assert.equal(ApiKey.parsePasted(before + open + before + key + after + close + after).exposeSecret(), key);
});

holds("a header yields its key after a scheme in any letter case", keys, fc.nat(63), fc.integer({ min: 1, max: 9 }), (key, upper, spaces) => {
  const scheme = [..."bearer"].map((letter, bit) => ((upper >> bit) & 1 ? letter.toUpperCase() : letter)).join("");
  assert.equal(bearer([`\t${scheme}${" ".repeat(spaces)}${key} \t`]).exposeSecret(), key);
});

holds("redaction hides each key, keeps all other characters, and is idempotent", texts, keys, texts, (before, key, after) => {
  fc.pre(!/[0-9A-Za-z]/.test(after.slice(0, 1)) && !/ctx_|[0-9A-Za-z]{18}/.test(before + after));
  const redacted = `${before}${key.slice(0, 16)}***${after}`;
  assert.equal(redactStr(before + key + after), redacted);
  assert.equal(redactStr(redacted), redacted);
  const bytes = Buffer.from(before + key + after);
  assert.deepEqual(Buffer.from(redact(bytes)), Buffer.from(redacted));
  const start = Buffer.byteLength(before);
  assert.deepEqual(find(bytes), [[start, start + 52]]);
  assert.deepEqual(find(before + key + after), [[start, start + 52]]);
});

holds("redaction returns a text without a key unchanged", texts, (text) => {
  fc.pre(!text.includes("ctx_"));
  assert.equal(redactStr(text), text);
});

holds("a set of scopes parses from its text, and grants its subsets except the empty one", fc.nat(63), fc.nat(63), (one, two) => {
  const [granted, required] = [Scope.fromBits(one), Scope.fromBits(two)];
  assert.equal(Scope.parse(`${granted}`).bits, one);
  assert.equal(Scope.parseList(granted.names.join(" , ")).bits, one);
  assert.equal(granted.grants(required), two !== 0 && (one & two) === two);
  assert.equal(granted.missing(required).bits, two & ~one);
});

const NAMES = Scope.fromBits(63).names;

/** The Levenshtein distance, computed by its definition. */
function edits(one, two) {
  const rows = Array.from({ length: one.length + 1 }, () => []);
  for (let i = one.length; i >= 0; i -= 1) {
    for (let j = two.length; j >= 0; j -= 1) {
      if (i === one.length || j === two.length) rows[i][j] = one.length - i + two.length - j;
      else if (one[i] === two[j]) rows[i][j] = rows[i + 1][j + 1];
      else rows[i][j] = 1 + Math.min(rows[i + 1][j + 1], rows[i + 1][j], rows[i][j + 1]);
    }
  }
  return rows[0][0];
}

const change = fc.tuple(fc.nat(14), fc.nat(2), fc.string({ unit: fc.constantFrom(..."aers:é"), maxLength: 2 }));

holds("the nearest scope is suggested", fc.constantFrom(...NAMES), fc.array(change, { maxLength: 4 }), (name, changes) => {
  const typed = changes.reduce((text, [at, removed, added]) => text.slice(0, at) + added + text.slice(at + removed), name);
  fc.pre(typed !== "" && !NAMES.includes(typed));
  const bytes = Buffer.from(typed);
  const distances = NAMES.map((other) => edits(bytes, Buffer.from(other)));
  const least = Math.min(...distances);
  const nearest = NAMES.filter((_, index) => distances[index] === least);
  const expected = nearest.length === 1 && least <= 3 && bytes.length <= 17 ? nearest[0] : null;
  assert.throws(() => Scope.parse(typed), ({ start, end, suggestion }) => {
    assert.deepEqual([start, end, suggestion && `${suggestion}`], [0, bytes.length, expected]);
    return true;
  });
});

const time = fc.oneof(fc.bigInt({ min: 0n, max: 100n }), fc.constantFrom(MAX_TIME, MAX_TIME - 1n, 1n << 63n));
const times = fc.tuple(...Array(4).fill(fc.option(time)));

holds("a record's state and its rotation follow the rules", times, time, time, ([start, end, retires, revoked], now, overlap) => {
  const key = ApiKey.parse(KEY);
  const record = new KeyRecord(key.id, key.digest, 7, Scope.READ, start, end, retires, revoked);
  const has = (at) => at !== null && at <= now;
  const ended = revoked !== null ? "Revoked" : has(end) ? "Expired" : has(retires) ? "Retired" : null;
  const early = start !== null && (now < start || now === MAX_TIME);
  const state = ended ?? (early ? "NotYetValid" : "Active");
  assert.equal(record.state(now), state);
  const reasons = { NotYetValid: "not_yet_valid", Retired: "retired", Expired: "expired", Revoked: "revoked" };
  const ends = [end, retires].filter((at) => at !== null);
  const verified = outcome(() => record.verify(key, now).expiresAt, Denied, ({ reason }) => reason);
  assert.deepEqual(verified, reasons[state] ?? ends.reduce((one, two) => (one < two ? one : two), ends[0] ?? null));
  const other = ApiKey.parse(OTHER);
  const error = ended ?? (now === MAX_TIME ? "UnknownTime" : null);
  if (error) {
    assert.throws(() => record.rotate(other, now, overlap), { kind: error });
    assert.deepEqual([record.notBefore, record.expiresAt, record.retiresAt, record.revokedAt], [start, end, retires, revoked]);
  } else {
    const next = record.rotate(other, now, overlap);
    const sum = now + overlap > MAX_TIME ? MAX_TIME : now + overlap;
    assert.equal(record.retiresAt, retires !== null && retires < sum ? retires : sum);
    assert.deepEqual([next.notBefore, next.expiresAt, next.retiresAt, next.revokedAt], [start, end, null, null]);
  }
});
