// Runs the lines of examples/vector_lines.rs in any runtime. `check` takes the package and the lines, and returns their number.

const KEY = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";
const OTHER = "ctx_hNRO46HtK22RXWXHlNkAHVt4fGut2pK3PYaw6kr2092lOxsW";
const READ = 21;

const decoder = new TextDecoder();
const view = (size) => new DataView(new ArrayBuffer(size));
const number = (view, index = 0) => view.getUint32(4 * index, true);

function expect(found, expected) {
  const show = (value) => JSON.stringify(value, (_, part) => (typeof part === "bigint" ? `${part}` : part));
  if (show(found) !== show(expected)) throw new Error(`${show(found)}, not ${show(expected)}`);
}

export function check({ default: ctx, Key, record, row }, lines) {
  let fields;
  const next = () => fields.shift();
  const bytes = () => Uint8Array.from(next().slice(1).match(/../g) ?? [], (digits) => parseInt(digits, 16));
  const time = () => ((text) => (text === "-" ? null : BigInt(text)))(next());

  /** Returns the text that a function writes, or "-" if there is no key. */
  function text(name, size, key) {
    const buffer = new Uint8Array(size);
    expect(ctx[name](key, new Uint8Array(size - 1)) < 0, true);
    return ctx[name](key, buffer) === 0 ? decoder.decode(buffer).replace(/\0.*/s, "") : "-";
  }
  function parsed(input) {
    const key = new Key();
    expect(ctx.parse(input, key, null), 0);
    return key;
  }
  const presented = () => parsed(next() === "1" ? KEY : OTHER);
  function fields_of(key) {
    const [id, digest] = [new Uint8Array(13), new Uint8Array(32)];
    expect([ctx.id(key, id), ctx.digest(key, digest)], [0, 0]);
    return { id: decoder.decode(id.subarray(0, 12)), digest, scopes: READ };
  }
  const read = (key) => record({ ...fields_of(key), notBefore: time(), expiresAt: time(), retiresAt: time(), revokedAt: time() });
  const own = () => read(parsed(KEY));
  const same = (one, other) => expect(row(one), row(other));

  function checkParse(name) {
    const [key, detail] = [new Key(), view(4)];
    expect(ctx.label(ctx[name](bytes(), key, detail)), next());
    expect(number(detail), Number(next()));
    expect([text("id", 13, key), text("digestText", 65, key)], [next(), next()]);
    ctx.erase(key);
    expect(text("exposeSecret", 53, key), "-");
  }
  function checkScopes(name) {
    const bits = view(4);
    expect(ctx.label(ctx[name](bytes(), bits, null)), next());
    expect(number(bits), Number(next()));
  }
  const CHECKS = {
    key: () => checkParse("parse"),
    pasted: () => checkParse("parsePasted"),
    scopes: () => checkScopes("scopesParse"),
    scopes_list: () => checkScopes("scopesParseList"),
    names() {
      const [scopes, names, parsed] = [Number(next()), new Uint8Array(75), view(4)];
      const expected = bytes();
      expect(ctx.scopesNames(scopes, names), 0);
      expect(decoder.decode(names).replace(/\0+$/, ""), decoder.decode(expected));
      expect([ctx.scopesParse(expected, parsed, null), number(parsed)], [0, scopes]);
    },
    grants() {
      const [granted, required] = [Number(next()), Number(next())];
      expect([ctx.scopesGrant(granted, required), ctx.scopesMissing(granted, required)], [next() === "1", Number(next())]);
    },
    bearer() {
      const [key, status, error, id] = [new Key(), Number(next()), next(), next()];
      const values = Array.from({ length: Number(next()) }, bytes);
      const result = ctx.bearer(values, key);
      expect([ctx.status(result), ctx.challengeError(result) ?? "-", text("id", 13, key)], [status, error, id]);
    },
    verify() {
      const [stored, now, key, grant] = [own(), BigInt(next()), presented(), view(24)];
      const result = ctx.verify(stored, key, now, grant);
      expect([ctx.label(result), ctx.label(ctx.state(stored, now))], [next(), next()]);
      expect(grant.getBigUint64(8, true) ? grant.getBigUint64(0, true) : null, time());
      expect([number(grant, 4), ctx.require(grant, READ, null)], result === 0 ? [READ, 0] : [0, 13]);
    },
    changes() {
      const [stored, after] = [own(), own()];
      for (let count = Number(next()); count > 0; count -= 1) {
        expect(ctx[next() === "revoke" ? "revoke" : "retireAt"](stored, BigInt(next())), 0);
      }
      same(stored, after);
    },
    rotate() {
      const [old, now, overlap, key, made] = [own(), BigInt(next()), BigInt(next()), presented(), view(120)];
      const result = ctx.rotate(old, key, now, overlap, made);
      expect(ctx.label(result), next());
      same(old, own());
      const expected = read(key);
      same(made, result === 0 ? expected : view(120));
    },
    leaks() {
      const [input, expected, count, length] = [bytes(), bytes(), view(4), view(4)];
      const redacted = new Uint8Array(input.length);
      expect(ctx.redact(input, redacted, length), 0);
      expect([...redacted.subarray(0, number(length))], [...expected]);
      const starts = Array.from({ length: Number(next()) }, () => Number(next()));
      const found = view(8 * starts.length);
      expect([ctx.find(input, found, starts.length, count), number(count)], [0, starts.length]);
      expect(starts.map((_, index) => [number(found, 2 * index), number(found, 2 * index + 1)]), starts.map((start) => [start, start + 52]));
    },
  };
  for (const line of lines) {
    fields = line.split(" ");
    try {
      CHECKS[next()]();
      expect(fields.join(""), "");
    } catch (error) {
      throw new Error(`${error.message}: ${line}`);
    }
  }
  return lines.length;
}

/** Checks what the lines do not cover: random numbers, and how the glue handles arguments and memory. */
export function checkGlue({ default: ctx, Key, record, row, instantiate, module }) {
  checkTexts(ctx, Key);
  checkRecords(ctx, Key, record, row);
  checkNumbers(ctx, Key, record, row);
  const texts = [new Key(), new Key()].map((key) => {
    const text = new Uint8Array(53);
    if (ctx.generate(key) !== 0 || ctx.exposeSecret(key, text) !== 0) throw new Error("generate");
    return decoder.decode(text.subarray(0, 52));
  });
  if (texts[0] === texts[1] || texts.some((text) => ctx.parse(text, new Key(), null) !== 0)) throw new Error(`${texts}`);
  // The texts are a little larger than the free memory at the start, and much larger.
  for (const size of [60_000, 3_000_000]) {
    const large = `${" ".repeat(size)}${KEY}`;
    const [redacted, length] = [new Uint8Array(large.length), view(4)];
    expect([ctx.redact(large, redacted, length), number(length)], [0, size + 19]);
  }
  if (!module) return;

  const fails = instantiate(module, () => { throw new Error("no random numbers"); });
  if (fails.label(fails.generate(new Key())) !== "error_random") throw new Error("generate without random numbers");
  const zeros = instantiate(module, () => {});
  const keys = [new Key(), new Key()];
  if (keys.some((key) => zeros.generate(key) !== 0)) throw new Error("generate");
  const ones = instantiate(module, (bytes) => bytes.fill(255));
  const [greatest, shown] = [new Key(), new Uint8Array(53)];
  expect([ones.generate(greatest), ones.exposeSecret(greatest, shown)], [0, 0]);
  expect(decoder.decode(shown.subarray(4, 46)), "z".repeat(42));
  // Nothing of a key remains in the module's memory.
  const memories = [];
  const { Instance } = WebAssembly;
  WebAssembly.Instance = class extends Instance {
    constructor(...args) {
      super(...args);
      memories.push(this.exports.memory);
    }
  };
  const watched = instantiate(module);
  WebAssembly.Instance = Instance;
  const [key, text] = [new Key(), new Uint8Array(53)];
  let error;
  const calls = {
    parse: () => expect(watched.parse(KEY, key, null), 0),
    parsePasted: () => expect(watched.parsePasted(`"${KEY}"`, key, null), 0),
    exposeSecret: () => expect(watched.exposeSecret(key, text), 0),
    redact: () => expect(watched.redact(KEY, new Uint8Array(52), view(4)), 0),
    "verify with a number": () => {
      // A time must be a bigint.
      try {
        watched.verify(view(120), key, 1, view(24));
      } catch (thrown) {
        error = thrown;
      }
    },
  };
  for (const [name, call] of Object.entries(calls)) {
    call();
    const memory = decoder.decode(memories[0].buffer);
    for (let start = 0; start + 8 <= KEY.length; start += 1) {
      if (memory.includes(KEY.slice(start, start + 8))) throw new Error(`${name} leaves the key from byte ${start} in memory`);
    }
  }
  expect(error instanceof TypeError, true);
}

/** A string is encoded as UTF-8, and a number of 32 bits is unsigned. */
function checkTexts(ctx, Key) {
  const [found, count, end] = [view(8), view(4), KEY.slice(0, 51)];
  expect([ctx.find(`\u00e9\u{1f511}${KEY}`, found, 1, count), number(count), number(found), number(found, 1)], [0, 1, 6, 58]);
  for (const [values, label] of [
    [[`Bearer ${end}\u00ff`], "key_length"],
    [[Uint8Array.from(`Bearer ${end}\u00ff`, (character) => character.charCodeAt(0))], "key_character"],
    [[`Bearer ${KEY}`, new Uint8Array()], "malformed_header"],
    [[`Bearer ${KEY}`], "ok"],
  ]) {
    expect(ctx.label(ctx.bearer(values, new Key())), label);
  }
  for (const bits of [1, 64, 2 ** 31, 2 ** 32 - 1]) expect(ctx.scopesMissing(0, bits), bits);
}

/** A record may lie anywhere in a buffer, and the rest of the buffer does not change. */
function checkRecords(ctx, Key, record, row) {
  const [key, digest] = [new Key(), new Uint8Array(32)];
  expect([ctx.parse(KEY, key, null), ctx.digest(key, digest)], [0, 0]);
  const fields = { id: KEY.slice(4, 16), digest, scopes: READ, notBefore: undefined, expiresAt: 0n, retiresAt: null };
  const stored = record(fields);
  const buffer = new Uint8Array(200).fill(0x55);
  const inside = new DataView(buffer.buffer, 40, 120);
  buffer.set(new Uint8Array(stored.buffer), 40);
  expect([ctx.retireAt(stored, 2n ** 64n - 1n), ctx.retireAt(inside, 2n ** 64n - 1n)], [0, 0]);
  const rows = [row(stored), row(inside)];
  const expected = { ...fields, notBefore: null, retiresAt: 2n ** 64n - 1n, revokedAt: null };
  for (const found of rows) {
    expect(Object.entries(found).sort(), Object.entries(expected).sort());
  }
  expect([buffer.subarray(0, 40), buffer.subarray(160)].map((part) => part.every((byte) => byte === 0x55)), [true, true]);
  // A row is a copy of the record.
  new Uint8Array(stored.buffer).fill(0);
  expect(rows[0].digest, digest);

  const valid = { ...fields, expiresAt: null };
  const verified = (changes) => ctx.label(ctx.verify(record({ ...valid, ...changes }), key, 0n, view(24)));
  expect(verified({}), "ok");
  // Bytes after the first 32 do not become a time.
  expect(verified({ digest: Uint8Array.of(...digest, ...digest) }), "ok");
  for (const id of ["", KEY.slice(4, 15), KEY.slice(4, 17), `${KEY.slice(4, 15)}\u00e9`]) expect(verified({ id }), "error_record");
  for (const changes of [{ digest: digest.subarray(1) }, { digest: digest.map((byte) => byte ^ 1) }]) expect(verified(changes), "digest_mismatch");
}

/** A number throws if it would wrap: an expiry of -1 would be the latest time, so that the key never ends. */
function checkNumbers(ctx, Key, record, row) {
  const [own, other] = [new Key(), new Key()];
  expect([ctx.parse(KEY, own, null), ctx.parse(OTHER, other, null)], [0, 0]);
  const [id, digest, scopes, names] = [KEY.slice(4, 16), new Uint8Array(32), READ, ["notBefore", "expiresAt", "retiresAt", "revokedAt"]];
  expect(ctx.digest(own, digest), 0);
  const [stored, grant, made] = [record({ id, digest, scopes }), view(24), view(120)];
  expect(ctx.verify(stored, own, 0n, grant), 0);

  const bits = "scopes and a capacity must be whole numbers from 0 to 2^32 - 1";
  const time = "a time and an overlap must be from 0 to 2^64 - 1";
  const refusals = [
    ...names.flatMap((name) =>
      [-1n, 2n ** 64n, "5"].map((wrong) => [() => record({ id, digest, scopes, [name]: wrong }), `${name} must be a bigint from 0 to 2^64 - 1`]),
    ),
    ...[-1, 2 ** 32, 0.5, NaN, "5", null, undefined].map((wrong) => [
      () => record({ id, digest, scopes: wrong }),
      "scopes must be a whole number from 0 to 2^32 - 1",
    ]),
    ...[-1, 2 ** 32 + 1, 0.5, NaN].flatMap((wrong) => [
      [() => ctx.recordNew(own, wrong, made), bits],
      [() => ctx.require(grant, wrong, null), bits],
      [() => ctx.scopesGrant(wrong, 1), bits],
      [() => ctx.scopesMissing(0, wrong), bits],
      [() => ctx.scopesNames(wrong, new Uint8Array(75)), bits],
      [() => ctx.find(KEY, view(8), wrong, view(4)), bits],
    ]),
    ...[-1n, 2n ** 64n].flatMap((wrong) => [
      [() => ctx.verify(stored, own, wrong, grant), time],
      [() => ctx.state(stored, wrong), time],
      [() => ctx.retireAt(stored, wrong), time],
      [() => ctx.revoke(stored, wrong), time],
      [() => ctx.rotate(stored, other, wrong, 0n, made), time],
      [() => ctx.rotate(stored, other, 0n, wrong, made), time],
    ]),
    ...[-(2 ** 31) - 1, 2 ** 31, 0.5].flatMap((wrong) =>
      ["label", "status", "message", "challengeError"].map((name) => [() => ctx[name](wrong), "a result must be a whole number from -2^31 to 2^31 - 1"]),
    ),
  ];
  for (const [call, message] of refusals) {
    let error;
    try {
      call();
    } catch (thrown) {
      error = thrown;
    }
    expect(`${error}`, `RangeError: ${message}`);
  }
  const absent = Object.fromEntries(names.map((name) => [name, null]));
  expect([row(stored), row(made)], [{ id, digest, scopes, ...absent }, row(view(120))]);
  const greatest = { id, digest, scopes: 2 ** 32 - 1, ...Object.fromEntries(names.map((name) => [name, 2n ** 64n - 1n])) };
  expect(row(record(greatest)), greatest);
  expect([-(2 ** 31), 2 ** 31 - 1].map((result) => ctx.label(result)), ["error_other", "error_other"]);
}
