import assert from "node:assert/strict";
import { test } from "node:test";
import util from "node:util";
import v8 from "node:v8";
import { runInNewContext } from "node:vm";

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

/** A text with a key, and the same text after redaction. */
const TEXT = `key=${KEY};`;
const REDACTED = "key=ctx_8aspm4G7VmSU***;";

/** Returns what a logger can print of a value. */
const printed = (value) => util.inspect(value, { showHidden: true, depth: null, getters: true }) + JSON.stringify(value);

test("redactDeep redacts and keeps fields whose key is a symbol", () => {
  const [message, splat] = [Symbol.for("message"), Symbol.for("splat")];
  const info = redactDeep({ level: "info", [message]: TEXT, [splat]: [{ text: TEXT }, 5] });
  assert.deepEqual(info, { level: "info", [message]: REDACTED, [splat]: [{ text: REDACTED }, 5] });
  assert.deepEqual(redactDeep({ text: TEXT, [splat]: [5] }), { text: REDACTED, [splat]: [5] });
});

test("redactDeep redacts fields that were added to arrays, maps, sets, dates and boxed strings", () => {
  for (const value of [[1, , 3], /./.exec("x"), new Map([[1, 2]]), new Set([1]), new Date(5), new String("x"), new Error("x")]) {
    const copy = redactDeep(Object.assign(value, { text: TEXT }));
    assert.notEqual(copy, value);
    assert.equal(value.text, TEXT, "the original is unchanged");
    assert.deepEqual(copy, Object.assign(value, { text: REDACTED }));
  }
  assert.deepEqual(redactDeep(new String(TEXT)), new String(REDACTED));
  assert(!shows(Object.values(redactDeep(new String(TEXT))).join(""), KEY), "a character is a field");
});

test("redactDeep keeps classes, and redacts the names in maps and sets", () => {
  class Names extends Map {}
  class Tags extends Set {}
  class List extends Array {}
  const values = [[new Names([[TEXT, { [KEY]: 1 }]]), new Names([[REDACTED, { "ctx_8aspm4G7VmSU***": 1 }]])], [new Tags([TEXT]), new Tags([REDACTED])], [List.of(TEXT), List.of(REDACTED)]];
  for (const [value, expected] of values) assert.deepEqual(redactDeep(value), expected);
  const foreign = runInNewContext("({ map: new Map([['a', [text]]]), set: new Set([text]), error: new TypeError(text), date: Object.assign(new Date(5), { text }), buffer: Uint8Array.from(bytes).buffer })", { text: TEXT, bytes: [...Buffer.from(TEXT)] });
  const copy = redactDeep(foreign);
  assert(!shows(printed(copy), KEY));
  assert.deepEqual([copy.map.get("a")[0], copy.set.size, copy.error.message, +copy.date], [REDACTED, 1, REDACTED, 5]);
  assert.equal(Buffer.from(copy.buffer).toString(), REDACTED);
});

test("redactDeep redacts bytes of each kind", () => {
  const bytes = new TextEncoder().encode(TEXT);
  const values = [bytes, Buffer.from(TEXT), Buffer.from(`xx${TEXT}`).subarray(2), new Int8Array(bytes), new Uint8ClampedArray(bytes), new DataView(bytes.buffer), bytes.buffer];
  for (const value of values) {
    const copy = redactDeep({ value }).value;
    assert.equal(Object.getPrototypeOf(copy), Object.getPrototypeOf(value));
    assert.equal(Buffer.from(copy.buffer ?? copy).toString(), REDACTED);
  }
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  assert.equal(Buffer.from(redactDeep(shared)).toString(), REDACTED);
  for (const value of [new Uint8Array(60), new ArrayBuffer(60), new DataView(new ArrayBuffer(60)), new Float64Array(3)]) assert.equal(redactDeep(value), value);
});

test("redactDeep redacts URLs, headers and forms", () => {
  const url = new URL(`https://example.com/?${TEXT}`);
  assert.equal(redactDeep({ url }).url.href, `https://example.com/?${REDACTED}`);
  assert(redactDeep(url) instanceof URL);
  const headers = new Headers({ Authorization: `Bearer ${KEY}`, Accept: "text/plain" });
  assert.deepEqual([...redactDeep({ headers }).headers], [["accept", "text/plain"], ["authorization", "Bearer ctx_8aspm4G7VmSU***"]]);
  const form = new FormData();
  form.append("key", KEY);
  form.append("key", "x");
  assert.deepEqual(redactDeep(form).getAll("key"), ["ctx_8aspm4G7VmSU***", "x"]);
  assert.deepEqual([...redactDeep(new URLSearchParams([[KEY, "a"], ["key", KEY]]))], [["ctx_8aspm4G7VmSU***", "a"], ["key", "ctx_8aspm4G7VmSU***"]]);
  assert.equal(redactDeep(new RegExp(KEY)), "/ctx_8aspm4G7VmSU***/");
  for (const value of [new URL("https://example.com"), new Headers({ Accept: "x" }), new URLSearchParams("a=b"), new FormData(), /x/]) assert.equal(redactDeep(value), value);
});

test("redactDeep redacts each part of an error, and keeps it an error", () => {
  class Computed extends Error {
    #text = TEXT;
    get message() {
      return this.#text;
    }
  }
  const aggregate = new AggregateError([new Error(TEXT), TEXT], TEXT, { cause: new RangeError(TEXT) });
  const lazyStack = Object.defineProperty(new Error("x"), "stack", { get: () => TEXT, configurable: true });
  const errors = [aggregate, new Computed(), new DOMException(TEXT, "AbortError"), lazyStack, Object.assign(new Error("x"), { response: { headers: [TEXT] } })];
  for (const error of errors) {
    const copy = redactDeep({ error }).error;
    assert(util.types.isNativeError(copy) && copy instanceof error.constructor);
    assert.equal(copy.name, error.name);
    assert(!shows([printed(copy), copy.message, copy.stack, String(copy)].join(), KEY));
  }
  const copy = redactDeep(aggregate);
  assert.deepEqual([copy.message, copy.errors[0].message, copy.errors[1], copy.cause.message], Array(4).fill(REDACTED));
  assert(copy.stack.startsWith(`AggregateError: ${REDACTED}\n    at `), copy.stack);
  assert.equal(redactDeep(lazyStack).stack, REDACTED);
  for (const error of [new Error("x"), new InvalidKeyError("prefix"), new DOMException("x")]) assert.equal(redactDeep(error), error);
});

test("redactDeep runs a getter on the original, once, when the copy is read", () => {
  let calls = 0;
  class Request {
    #text = TEXT;
    constructor() {
      Object.defineProperty(this, "text", { get: () => ((calls += 1), this.#text), enumerable: true });
      Object.defineProperty(this, "own", { get() { return this.#text; }, enumerable: true });
      Object.defineProperty(this, "broken", { get: () => { throw new TypeError(TEXT); }, enumerable: true });
      Object.defineProperty(this, "written", { set: () => assert.fail("a setter is called"), enumerable: true });
    }
  }
  const copy = redactDeep(new Request());
  assert.equal(calls, 0);
  assert(copy instanceof Request);
  assert.deepEqual([copy.text, copy.text, copy.own, copy.written, calls], [REDACTED, REDACTED, REDACTED, undefined, 1]);
  assert(copy.broken instanceof TypeError && copy.broken.message === REDACTED);
  assert(!shows(printed(copy), KEY));
});

test("redactDeep lets a copy print itself as the original does", () => {
  class Session {
    #token = TEXT;
    text = TEXT;
    toJSON(name) {
      return { [name]: this.#token };
    }
    [util.inspect.custom](_, options) {
      return `Session(${options.stylize(this.#token, "string")})`;
    }
  }
  const copy = redactDeep([new Session()])[0];
  assert.equal(JSON.stringify({ session: copy }), JSON.stringify({ session: { session: REDACTED } }));
  assert.equal(util.inspect(copy), `Session(${REDACTED})`);
});

test("redactDeep never throws, and ends for cycles and deep values", () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  let deep = [TEXT];
  for (let depth = 0; depth < 100_000; depth += 1) deep = [deep];
  const traps = new Proxy({}, { ownKeys: () => { throw new Error(TEXT); } });
  assert.deepEqual(redactDeep([proxy, traps, TEXT]), ["[unreadable]", "[unreadable]", REDACTED]);
  assert.notEqual(redactDeep(deep), deep);
  const frozen = Object.freeze({ [KEY]: 1, [KEY.slice(0, 40)]: 2, text: TEXT, list: Object.freeze([TEXT]) });
  assert.deepEqual(redactDeep(frozen), { "ctx_8aspm4G7VmSU***": 2, text: REDACTED, list: [REDACTED] });
  const error = new Error(TEXT);
  error.cause = new Map([[error, [error]]]);
  const copy = redactDeep(error);
  assert.equal(copy.cause.get(copy)[0], copy);
  const bare = Object.assign(Object.create(null), { text: TEXT });
  assert.deepEqual(redactDeep(bare), Object.assign(Object.create(null), { text: REDACTED }));
  assert.deepEqual(redactDeep({ [Symbol.toStringTag]: "Map", text: TEXT }), { [Symbol.toStringTag]: "Map", text: REDACTED });
  assert.deepEqual([TEXT, [TEXT]].map(redactDeep), [REDACTED, [REDACTED]]);
});

test("redactDeep returns a value without a key as it is", () => {
  const values = [[1, [undefined, NaN]], { number: NaN, [Symbol("x")]: 1 }, new Map([[{}, NaN]]), new Set([[]]), new String("x"), Object.freeze([Symbol("x"), 5n, null])];
  for (const value of values) assert.equal(redactDeep(value), value);
});
