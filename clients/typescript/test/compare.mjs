// Compares the package with the answers of the Rust crate: `differential SEED COUNT | node test/compare.mjs`.
//
// Each line of the input is a case of clients/differential. The first case with another answer ends the program with an
// error, and so does an input without cases.

import { createInterface } from "node:readline";

import { ApiKey, Denied, InvalidKeyError, InvalidScopeError, KeyRecord, RotateError, Scope } from "../dist/index.js";
import { bearer, find, redact, redactStr } from "../dist/index.js";
import { bytes, outcome } from "./cases.mjs";

function key(parse) {
  return outcome(
    () => {
      const found = parse();
      return [found.id, found.digest, `${found}`];
    },
    InvalidKeyError,
    (error) => [error.kind, error.detail, error.message],
  );
}

function scopes(parse) {
  return outcome(
    () => {
      const found = parse();
      return [found.bits, `${found}`];
    },
    InvalidScopeError,
    ({ start, end, suggestion, message }) => [start, end, suggestion && `${suggestion}`, message],
  );
}

function bits(granted, required, expected) {
  const [scope, other] = [new Scope(granted), new Scope(required)];
  const known = outcome(() => Scope.fromBits(granted).bits === granted, RangeError, () => false);
  return [known, scope.grants(other), scope.missing(other).bits, `${scope}`, expected[4]];
}

function refusal(denied, realm) {
  return [denied.reason, denied.status, denied.message, denied.missing.bits, denied.challenge(realm)];
}

function life(test) {
  const [own, presented] = [ApiKey.parse(test.own), ApiKey.parse(test.presented)];
  const times = test.times.map((time) => (time === null ? null : BigInt(time)));
  const record = new KeyRecord(own.id, own.digest, "project", new Scope(test.scopes), ...times);
  const now = BigInt(test.now);
  const state = record.state(now);
  const refused = (denied) => refusal(denied, "MemoryKit");
  const verified = outcome(
    () => {
      const grant = record.verify(presented, now);
      const required = outcome(() => grant.require(new Scope(test.required)) ?? null, Denied, refused);
      return [grant.keyId, grant.scopes.bits, text(grant.expiresAt), required];
    },
    Denied,
    refused,
  );
  const rotated = outcome(
    () => {
      const next = record.rotate(presented, now, BigInt(test.overlap));
      return [next.id, next.digest, next.scopes.bits, timesOf(next)];
    },
    RotateError,
    (error) => [error.kind, error.message],
  );
  const afterRotation = timesOf(record);
  record.retireAt(BigInt(test.retire_at));
  record.revoke(BigInt(test.revoke_at));
  return [state, verified, rotated, afterRotation, timesOf(record)];
}

const text = (time) => (time === null ? null : `${time}`);
const timesOf = (record) => [record.notBefore, record.expiresAt, record.retiresAt, record.revokedAt].map(text);

function leaks(input) {
  const redacted = String.fromCharCode(...redact(bytes(input)));
  return redactStr(input) === redacted ? [find(bytes(input)), redacted] : ["redactStr differs"];
}

/** The number of inputs of each operation, and its answer to them. The crate's answer follows the inputs. */
const OPERATIONS = {
  parse: [1, (input) => key(() => ApiKey.parse(bytes(input)))],
  parse_str: [1, (input) => key(() => ApiKey.parse(input))],
  pasted: [1, (input) => key(() => ApiKey.parsePasted(input))],
  scopes: [1, (input) => scopes(() => Scope.parse(input))],
  scope_list: [1, (input) => scopes(() => Scope.parseList(input))],
  // The `Debug` form of the crate has no counterpart here.
  bits: [2, bits],
  bearer: [
    2,
    (values, realm) => outcome(() => bearer(values.map(bytes)).id, Denied, (denied) => refusal(denied, realm)),
  ],
  record: [1, life],
  leaks: [1, leaks],
};

const counts = {};
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const [operation, ...rest] = JSON.parse(line);
  const [inputs, answer] = OPERATIONS[operation];
  const expected = operation === "leaks" ? rest.slice(inputs) : rest[inputs];
  const found = answer(...rest.slice(0, inputs), expected);
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    console.error(`the package answers ${JSON.stringify(found)} to ${line}`);
    process.exit(1);
  }
  counts[operation] = (counts[operation] ?? 0) + 1;
}
if (Object.keys(counts).length === 0) {
  console.error("no cases: pipe the output of `differential SEED COUNT` into this program");
  process.exit(1);
}
const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
const list = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
console.log(`TypeScript: ${total} cases agree (${list.join(", ")})`);
