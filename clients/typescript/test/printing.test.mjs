import assert from "node:assert/strict";
import { test } from "node:test";
import util from "node:util";
import v8 from "node:v8";

import { AnyKey, ApiKey, InvalidKeyError, bearer, redactDeep } from "../dist/index.js";
import { KEY, shows } from "./keys.mjs";

const masked = { ApiKey: "ApiKey(ctx_8aspm4G7VmSU***)", AnyKey: "AnyKey(ctx_***)" };

/** The ways to print a value. */
const PRINTERS = {
  String,
  template: (value) => `${value}`,
  concatenation: (value) => "" + value,
  locale: (value) => value.toLocaleString(),
  join: (value) => [value].join(),
  json: (value) => JSON.stringify({ value }, null, 1),
  inspect: util.inspect,
  "inspect at each depth": (value) => [-1, 0, 1, 2, 3, 4, null].map((depth) => util.inspect([[[[value]]]], { depth })).join(),
  "inspect hidden": (value) => util.inspect({ value }, { showHidden: true, depth: null, getters: true }),
  "inspect without custom functions": (value) =>
    util.inspect(value, { showHidden: true, customInspect: false, getters: true, depth: null, showProxy: true }),
  format: (value) => util.format("%s %d %i %f %j %o %O %c", ...Array(8).fill(value), value),
  "assertion error": (value) => {
    try {
      assert.deepEqual(value, 1);
    } catch (error) {
      return util.inspect(error, { showHidden: true, depth: null });
    }
  },
  "error's cause": (value) => util.inspect(new Error("refused", { cause: value }), { showHidden: true }),
  names: (value) => Reflect.ownKeys(value).map(String).join(),
  entries: (value) => Object.entries(value).flat().map(String).join(),
  spread: (value) => JSON.stringify({ ...value }),
  assign: (value) => JSON.stringify(Object.assign({}, value)),
  clone: (value) => util.inspect(structuredClone(value), { showHidden: true }),
  "v8.serialize": (value) => v8.serialize(value).toString("latin1"),
  query: (value) => new URLSearchParams({ value }).toString(),
};

for (const kind of [ApiKey, AnyKey]) {
  for (const [name, print] of Object.entries(PRINTERS)) {
    test(`${kind.name}: ${name} shows no secret`, () => {
      const text = print(kind.parse(KEY));
      assert.equal(typeof text, "string");
      assert(!shows(text, KEY), text);
    });
  }
  test(`${kind.name} prints its masked form`, () => {
    const key = kind.parse(KEY);
    for (const print of [String, util.inspect, (value) => `${value}`]) assert.equal(print(key), masked[kind.name]);
    assert.equal(JSON.stringify([key]), JSON.stringify([key.toJSON()]));
    assert.equal(`${kind.name}(${key.toJSON()})`, masked[kind.name]);
    assert.deepEqual(structuredClone(key), {});
  });
}

test("no error contains a part of its input", () => {
  const inputs = [KEY.slice(1), KEY.slice(0, 51), `${KEY}é`, KEY.replace("f", "_"), KEY.replace("f", "g")];
  for (const input of inputs) {
    const calls = [
      () => ApiKey.parse(input),
      () => ApiKey.parse(Buffer.from(input)),
      () => ApiKey.parsePasted(`"${input}"`),
      () => AnyKey.parse(KEY.replace("f", "_")),
      () => ApiKey.fromEnv({ MEMORYKIT_API_KEY: input }),
      () => bearer([`Bearer ${input}`]),
    ];
    for (const call of calls) {
      assert.throws(call, (error) => {
        assert(!shows(util.inspect(error, { showHidden: true, depth: null }).replace(/^.*test\.mjs.*$/gm, ""), KEY));
        return true;
      });
    }
  }
});

test("errors are of their class and have a name", () => {
  assert.throws(
    () => ApiKey.parse("ctx_"),
    (error) => error instanceof InvalidKeyError && error instanceof Error && error.name === "InvalidKeyError",
  );
  assert.match(new InvalidKeyError("prefix").stack, /InvalidKeyError|Error/);
});

test("redactDeep redacts every string in a value, and keeps the rest", () => {
  const text = `key=${KEY};`;
  const redacted = "key=ctx_8aspm4G7VmSU***;";
  class Headers {
    constructor(text) {
      this.authorization = text;
    }
    get first() {
      return this.authorization;
    }
  }
  const kept = { own: new Headers("x"), date: new Date(5), key: ApiKey.parse(KEY), floats: new Float64Array(3), bytes: Buffer.from("x") };
  const lazy = Object.defineProperty({ text }, "now", { get: () => assert.fail("a getter is called"), enumerable: true });
  const error = Object.assign(new TypeError(text, { cause: text }), { request: { text } });
  const value = { text, [KEY]: 1, list: [text, 5, null, 5n], map: new Map([[text, { text }]]), set: new Set([text]), bytes: Buffer.from(text), headers: new Headers(text), kept, lazy, error };
  value.self = value;
  const copy = redactDeep(value);
  assert.equal(copy.text, redacted);
  assert.equal(copy["ctx_8aspm4G7VmSU***"], 1);
  assert.deepEqual(copy.list, [redacted, 5, null, 5n]);
  assert.deepEqual(copy.map, new Map([[redacted, { text: redacted }]]));
  assert.deepEqual(copy.set, new Set([redacted]));
  assert.equal(Buffer.from(copy.bytes).toString(), redacted);
  assert.equal(copy.kept, kept);
  assert(copy.headers instanceof Headers);
  assert.equal(copy.headers.first, redacted);
  assert.equal(copy.lazy.text, redacted);
  assert.equal(typeof Object.getOwnPropertyDescriptor(copy.lazy, "now").get, "function");
  assert.equal(copy.self, copy);
  assert(copy.error instanceof TypeError);
  assert.deepEqual([copy.error.message, copy.error.cause, copy.error.request], [redacted, redacted, { text: redacted }]);
  assert(!shows(util.inspect(copy, { showHidden: true, depth: null }), KEY));
  assert.equal(value.text, text, "the original is unchanged");
  const twice = redactDeep({ one: value.list, two: value.list });
  assert.equal(twice.one, twice.two, "one copy of each value");
  // This value contains itself.
  const [map, set, list] = [new Map([["text", text]]), new Set([text]), [text]];
  map.set("self", map);
  set.add(set);
  list.push(list);
  const copies = { map: redactDeep(map), set: redactDeep(set), list: redactDeep(list) };
  assert.deepEqual([...copies.map.keys(), copies.map.get("text"), copies.map.get("self") === copies.map], ["text", "self", redacted, true]);
  assert.deepEqual([...copies.set].map((item) => (item === copies.set ? "self" : item)), [redacted, "self"]);
  assert.deepEqual(copies.list.map((item) => (item === copies.list ? "self" : item)), [redacted, "self"]);
  // A key in any single part is enough for a copy.
  for (const part of [{ [KEY]: 1 }, { text, last: 1 }, { first: 1, text }, { deep: [{ text }] }, Object.defineProperty({}, "hidden", { value: text })]) {
    assert(!shows(util.inspect(redactDeep(part), { showHidden: true, depth: null }), KEY));
  }
  for (const part of [{ [`${redacted}`]: 1 }, new Headers("x"), new Date(5), Object.freeze({ key: ApiKey.parse(KEY) })]) assert.equal(redactDeep(part), part);
});
