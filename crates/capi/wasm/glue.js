// The functions of ctx_key.h for JavaScript. README.md has examples, and glue.d.ts describes the types.

const [encoder, decoder] = [new TextEncoder(), new TextDecoder()];

let viewOf;
/** A `ctx_key`. The field is private, so nothing prints the key. */
export class Key {
  #view = new DataView(new ArrayBuffer(96));
  static { viewOf = (key) => key.#view; }
}

/** The functions whose argument is a result, which may be negative. All other numbers are unsigned. */
const OF_RESULTS = ["label", "status", "message", "challengeError"];

/** Throws for an argument that would wrap: a call keeps only the lowest 64 bits of a bigint, and 32 of another number. */
function requireRange(argument, isResult) {
  if (typeof argument === "bigint" && argument !== BigInt.asUintN(64, argument)) {
    throw new RangeError("a time and an overlap must be from 0 to 2^64 - 1");
  }
  if (typeof argument !== "number" || argument === (isResult ? argument >> 0 : argument >>> 0)) return;
  if (isResult) throw new RangeError("a result must be a whole number from -2^31 to 2^31 - 1");
  throw new RangeError("scopes and a capacity must be whole numbers from 0 to 2^32 - 1");
}

/** Returns the functions of a compiled module. Their names are those of C without `ctx_key_`, in camel case. */
export function instantiate(module, fillRandom = (bytes) => crypto.getRandomValues(bytes)) {
  const random = (at, length) => { try { return fillRandom(memory().subarray(at, at + length)), 0; } catch { return 1; } };
  const { exports: c } = new WebAssembly.Instance(module, { ctx_key: { random } });
  const start = (c.__heap_base.value + 7) & ~7;
  let bytes = new Uint8Array(c.memory.buffer);
  const memory = () => (bytes.length === 0 ? (bytes = new Uint8Array(c.memory.buffer)) : bytes); // empty when the memory has grown

  // During a call, the arguments lie after the module's own data. They are copied there before the call, copied back after it,
  // and erased there.
  let end, places, words;
  function place(argument) {
    const at = end;
    end = (at + argument.length + 7) & ~7;
    places.push(at, argument);
    return at;
  }
  function text(argument, list) {
    const found = typeof argument === "string" ? encoder.encode(argument) : argument;
    list.push(place(found), found.length);
  }
  function push(argument) {
    if (argument instanceof Key) argument = viewOf(argument);
    if (typeof argument === "string" || argument instanceof Uint8Array) text(argument, words);
    else if (argument instanceof DataView) words.push(place(new Uint8Array(argument.buffer, argument.byteOffset, argument.byteLength)));
    else if (Array.isArray(argument)) {
      const values = [];
      for (const value of argument) text(value, values);
      words.push(place(new Uint8Array(Uint32Array.from(values).buffer)), argument.length);
    } else words.push(argument);
  }
  function call(run, args) {
    [end, places, words] = [start, [], []];
    args.forEach(push);
    if (end > memory().length) c.memory.grow(Math.ceil((end - memory().length) / 65536));
    try {
      for (let index = 0; index < places.length; index += 2) memory().set(places[index + 1], places[index]);
      const result = run(...words); // throws if a time is not a bigint
      for (let index = 0; index < places.length; index += 2) {
        const [at, argument] = [places[index], places[index + 1]];
        argument.set(memory().subarray(at, at + argument.length));
      }
      return result;
    } finally {
      memory().fill(0, start, end);
    }
  }

  const string = (at) => (at ? decoder.decode(memory().subarray(at, memory().indexOf(0, at))) : null);
  const results = { label: string, message: string, challengeError: string, scopesGrant: Boolean, scopesMissing: (bits) => bits >>> 0 };
  const functions = Object.entries(c).filter(([name]) => name.startsWith("ctx_key_")).map(([name, run]) => {
    const camel = name.slice(8).replace(/_./g, ([, letter]) => letter.toUpperCase());
    const read = results[camel] ?? ((result) => result);
    const isOfResult = OF_RESULTS.includes(camel);
    return [camel, (...args) => {
      for (const argument of args) requireRange(argument, isOfResult);
      return read(call(run, args));
    }];
  });
  return Object.fromEntries(functions);
}

const TIMES = ["notBefore", "expiresAt", "retiresAt", "revokedAt"];

/** Returns the `ctx_key_record` of a row. A time that is null or missing is absent. No number wraps: it throws instead. */
export function record({ id, digest, scopes, ...times }) {
  if (scopes !== scopes >>> 0) throw new RangeError("scopes must be a whole number from 0 to 2^32 - 1");
  const view = new DataView(new ArrayBuffer(120));
  new Uint8Array(view.buffer).set(digest.subarray(0, 32));
  new Uint8Array(view.buffer).set(encoder.encode(id).subarray(0, 13), 100);
  view.setUint32(96, scopes, true);
  TIMES.forEach((name, index) => {
    const time = times[name];
    if (time == null) return;
    if (time !== BigInt.asUintN(64, time)) throw new RangeError(`${name} must be a bigint from 0 to 2^64 - 1`);
    view.setBigUint64(32 + 16 * index, time, true);
    view.setBigUint64(40 + 16 * index, 1n, true);
  });
  return view;
}

/** Returns the row of a `ctx_key_record`. */
export function row(view) {
  const time = (offset) => (view.getBigUint64(offset + 8, true) ? view.getBigUint64(offset, true) : null);
  const times = TIMES.map((name, index) => [name, time(32 + 16 * index)]);
  const bytes = new Uint8Array(view.buffer, view.byteOffset, 120);
  return { id: decoder.decode(bytes.subarray(100, 112)), digest: bytes.slice(0, 32), scopes: view.getUint32(96, true), ...Object.fromEntries(times) };
}
