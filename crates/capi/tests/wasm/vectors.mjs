// The lines of examples/vector_lines.rs, in any runtime: `check` takes the package and the lines, and returns their number.

const KEY = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";
const OTHER = "ctx_hNRO46HtK22RXWXHlNkAHVt4fGut2pK3PYaw6kr2092lOxsW";
const READ = 21;

const decoder = new TextDecoder();
const view = (size) => new DataView(new ArrayBuffer(size));
const number = (view, index = 0) => view.getUint32(4 * index, true);

export function check({ default: ctx, Key, record, row }, lines) {
  let fields;
  const next = () => fields.shift();
  const bytes = () => Uint8Array.from(next().slice(1).match(/../g) ?? [], (digits) => parseInt(digits, 16));
  const time = () => ((text) => (text === "-" ? null : BigInt(text)))(next());

  function expect(found, expected) {
    const show = (value) => JSON.stringify(value, (_, part) => (typeof part === "bigint" ? `${part}` : part));
    if (show(found) !== show(expected)) throw new Error(`${show(found)}, not ${show(expected)}`);
  }
  /** Returns a text that a function writes, or "-" if there is no key. */
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

/** What lines do not have: random numbers, and what the glue does with memory. */
export function checkGlue({ default: ctx, Key, instantiate, module }) {
  const texts = [new Key(), new Key()].map((key) => {
    const text = new Uint8Array(53);
    if (ctx.generate(key) !== 0 || ctx.exposeSecret(key, text) !== 0) throw new Error("generate");
    return decoder.decode(text.subarray(0, 52));
  });
  if (texts[0] === texts[1] || texts.some((text) => ctx.parse(text, new Key(), null) !== 0)) throw new Error(`${texts}`);
  // larger than the memory at the start
  const large = `${" ".repeat(3_000_000)}${KEY}`;
  const [redacted, length] = [new Uint8Array(large.length), view(4)];
  if (ctx.redact(large, redacted, length) !== 0 || number(length) !== 3_000_019) throw new Error("redact");
  if (!module) return;

  const fails = instantiate(module, () => { throw new Error("no random numbers"); });
  if (fails.label(fails.generate(new Key())) !== "error_random") throw new Error("generate without random numbers");
  const zeros = instantiate(module, () => {});
  const keys = [new Key(), new Key()];
  if (keys.some((key) => zeros.generate(key) !== 0)) throw new Error("generate");
  // nothing of a key is left in the module's memory
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
  if (watched.parse(KEY, key, null) !== 0 || watched.exposeSecret(key, text) !== 0) throw new Error("parse");
  const memory = decoder.decode(memories[0].buffer);
  if (memory.includes(KEY.slice(16))) throw new Error("the secret is left in memory");
}
