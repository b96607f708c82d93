// The functions of ctx_key.h for JavaScript. README.md has examples, and glue.d.ts describes the types.

const [encoder, decoder] = [new TextEncoder(), new TextDecoder()];

let viewOf;
/** A `ctx_key`. Nothing prints it. */
export class Key {
  #view = new DataView(new ArrayBuffer(96));
  static { viewOf = (key) => key.#view; }
}

/** Returns the functions of a compiled module. Their names are those of C without `ctx_key_`, in camel case. */
export function instantiate(module, fillRandom = (bytes) => crypto.getRandomValues(bytes)) {
  const memory = (start, length) => new Uint8Array(c.memory.buffer, start, length);
  const random = (start, length) => { try { return fillRandom(memory(start, length)), 0; } catch { return 1; } };
  const { exports: c } = new WebAssembly.Instance(module, { ctx_key: { random } });
  const start = c.__heap_base.value;

  function call(run, args) {
    let end = start;
    const parts = []; // [address, bytes], which lie after the module's own data during the call
    const place = (bytes) => { const at = (end + 7) & ~7; end = at + bytes.length; parts.push([at, bytes]); return at; };
    const text = (bytes) => [place((bytes = typeof bytes === "string" ? encoder.encode(bytes) : bytes)), bytes.length];
    const words = args.flatMap((arg) => {
      if (Array.isArray(arg)) return [place(new Uint8Array(Uint32Array.from(arg.flatMap(text)).buffer)), arg.length];
      if (typeof arg === "string" || arg instanceof Uint8Array) return text(arg);
      const view = arg instanceof Key ? viewOf(arg) : arg;
      return view instanceof DataView ? place(new Uint8Array(view.buffer, view.byteOffset, view.byteLength)) : view;
    });
    if (end > memory().length) c.memory.grow(Math.ceil((end - memory().length) / 65536));
    for (const [at, bytes] of parts) memory(at, bytes.length).set(bytes);
    const result = run(...words);
    for (const [at, bytes] of parts) bytes.set(memory(at, bytes.length));
    memory(start, end - start).fill(0);
    return result;
  }

  const string = (at) => (at ? decoder.decode(memory(at, memory().indexOf(0, at) - at)) : null);
  const results = { label: string, message: string, challengeError: string, scopesGrant: Boolean, scopesMissing: (bits) => bits >>> 0 };
  const functions = Object.entries(c).filter(([name]) => name.startsWith("ctx_key_")).map(([name, run]) => {
    const camel = name.slice(8).replace(/_./g, ([, letter]) => letter.toUpperCase());
    const read = results[camel] ?? ((result) => result);
    return [camel, (...args) => read(call(run, args))];
  });
  return Object.fromEntries(functions);
}

const TIMES = ["notBefore", "expiresAt", "retiresAt", "revokedAt"];

/** Returns the `ctx_key_record` of a row. A time that is null or missing is absent. */
export function record({ id, digest, scopes, ...times }) {
  const view = new DataView(new ArrayBuffer(120));
  new Uint8Array(view.buffer).set(digest.subarray(0, 32));
  new Uint8Array(view.buffer).set(encoder.encode(id).subarray(0, 13), 100);
  view.setUint32(96, scopes, true);
  TIMES.forEach((name, index) => times[name] != null && (view.setBigUint64(32 + 16 * index, times[name], true), view.setBigUint64(40 + 16 * index, 1n, true)));
  return view;
}

/** Returns the row of a `ctx_key_record`. */
export function row(view) {
  const time = (offset) => (view.getBigUint64(offset + 8, true) ? view.getBigUint64(offset, true) : null);
  const times = TIMES.map((name, index) => [name, time(32 + 16 * index)]);
  const bytes = new Uint8Array(view.buffer, view.byteOffset, 120);
  return { id: decoder.decode(bytes.subarray(100, 112)), digest: bytes.slice(0, 32), scopes: view.getUint32(96, true), ...Object.fromEntries(times) };
}
