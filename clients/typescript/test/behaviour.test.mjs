import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { runInNewContext } from "node:vm";

import * as key from "../dist/index.js";
import { KEY, OTHER, checksum } from "./keys.mjs";

const { AnyKey, ApiKey, Denied, EnvKeyError, InvalidKeyError, KeyRecord, MAX_TIME, RotateError, Scope, bearer, find, redact } = key;

test("the package exports exactly this", () => {
  assert.deepEqual(Object.keys(key).sort(), [
    "AnyKey", "ApiKey", "Denied", "EnvKeyError", "Grant", "InvalidKeyError", "InvalidScopeError", "KeyRecord", "KeyState",
    "MAX_TIME", "RotateError", "Scope", "bearer", "find", "redact", "redactDeep", "redactStr", "unixNow",
  ]);
});

test("a value that is not a text is a TypeError, without a conversion", () => {
  for (const value of [undefined, null, 5, {}, [], [99, 116, 120, 95], new Uint16Array(52), new ArrayBuffer(52), new String(KEY)]) {
    for (const call of [() => ApiKey.parse(value), () => AnyKey.parse(value), () => find(value), () => redact(value)]) {
      assert.throws(call, TypeError);
    }
  }
  assert.throws(() => bearer(`Bearer ${KEY}`), TypeError);
  assert.throws(() => bearer(undefined), TypeError);
});

test("each error of a key says what to do", () => {
  const tooLong = "something was added, or a character is not plain ASCII; copy the key again, without anything around it";
  const messages = [
    [KEY.slice(1), "an API key starts with `ctx_`: copy the whole key, without anything around it"],
    [KEY.slice(0, 51), "an API key is 52 bytes long, not 51: it was cut off or is a placeholder; copy the whole key"],
    [`${KEY}x`, `an API key is 52 bytes long, not 53: ${tooLong}`],
    [KEY.replace("f", "_"), "the byte at index 16 of the API key is not one of 0-9, A-Z and a-z; copy the key again"],
    [KEY.replace("n9", "n8"), "the checksum of the API key is wrong: a character was changed; copy the key again"],
  ];
  for (const [text, message] of messages) assert.throws(() => ApiKey.parse(text), { name: "InvalidKeyError", message });
  assert(new InvalidKeyError("length", 52).message.endsWith(tooLong));
});

test("each reason has a public message", () => {
  const notValid = "the API key is not valid: it is unknown, revoked or outside its validity period";
  const messages = {
    missing_credentials: "an API key is required: send it as `Authorization: Bearer <key>`",
    malformed_header: "the Authorization header is malformed: send one, as `Bearer <key>`",
    missing_scope: "the API key lacks a scope that this request requires",
  };
  const notWellFormed = "the API key is not well-formed: copy the whole key, and nothing else";
  for (const reason of ["key_prefix", "key_length", "key_character", "key_checksum"]) messages[reason] = notWellFormed;
  for (const reason of ["unknown_key", "digest_mismatch", "revoked", "expired", "retired", "not_yet_valid"]) messages[reason] = notValid;
  for (const [reason, message] of Object.entries(messages)) assert.equal(new Denied(reason).message, message);
});

test("each refused argument is explained", () => {
  const { id, digest } = ApiKey.parse(KEY);
  const refusals = [
    [() => ApiKey.parse(5), "expected a string or a Uint8Array"],
    [() => bearer(KEY), "expected a list of all values of the header"],
    [() => new Scope(-1), "the bits of a scope are a whole number from 0 to 2^32 - 1"],
    [() => Scope.fromBits(64), "unknown scope bits: deploy the readers of a new scope before its writers"],
    [() => new KeyRecord(id, digest, 1, Scope.READ, -1n), "a time is from 0 to 2^64 - 1 seconds since 1970"],
    [() => new KeyRecord(id, digest, 1, Scope.READ, 5), "a time is a bigint: whole seconds since 1970"],
    [() => new KeyRecord(KEY, digest, 1, Scope.READ), "a key id is 12 letters and digits"],
    [() => new KeyRecord(id, KEY, 1, Scope.READ), "a digest is 64 hexadecimal digits"],
  ];
  for (const [call, message] of refusals) assert.throws(call, { message });
});

test("bytes of another realm and of Node.js are bytes", () => {
  const foreign = runInNewContext(`Uint8Array.from(${JSON.stringify([...Buffer.from(KEY)])})`);
  for (const bytes of [foreign, Buffer.from(KEY), new TextEncoder().encode(KEY), Buffer.from(`x${KEY}`).subarray(1)]) {
    assert.equal(ApiKey.parse(bytes).exposeSecret(), KEY);
    assert.equal(bearer([Buffer.concat([Buffer.from("Bearer "), bytes])]).id, "8aspm4G7VmSU");
  }
});

test("the environment is read, and each mistake explained", () => {
  const read = (value, kind = ApiKey) => kind.fromEnv({ MEMORYKIT_API_KEY: value });
  assert.equal(read(`export MEMORYKIT_API_KEY='${KEY}'\n`).exposeSecret(), KEY);
  const missing =
    "MEMORYKIT_API_KEY is not set or empty; create a key in the dashboard under API Keys, and set the variable to it";
  const notUnicode = "MEMORYKIT_API_KEY is not Unicode text; set it to a key from the dashboard";
  const refusals = [
    [undefined, "missing", missing],
    ["", "missing", missing],
    [" \u200b\r\n", "missing", missing],
    // In a Worker, a binding need not be a string.
    [5, "missing", missing],
    [{ get: () => KEY }, "missing", missing],
    ...["\ud800", "\udc00", `${KEY}\udfff`, "\ude00\ud83d", "\ufffd", `${KEY}\ufffd`].map((value) => [value, "not_unicode", notUnicode]),
    // A value that is empty only after the repair counts as set. A pair of surrogates is Unicode.
    ...["''", "MEMORYKIT_API_KEY=", "\u{1f600}"].map((value) => [
      value,
      "invalid",
      "MEMORYKIT_API_KEY does not hold an API key: an API key starts with `ctx_`: copy the whole key, without anything around it",
      "prefix null",
    ]),
    [
      "ctx_your_api_key_here",
      "invalid",
      "MEMORYKIT_API_KEY does not hold an API key: an API key is 52 bytes long, not 21: it was cut off or is a placeholder; copy the whole key",
      "length 21",
    ],
  ];
  for (const [value, kind, message, cause = null] of refusals) {
    for (const type of [ApiKey, AnyKey]) {
      assert.throws(() => read(value, type), (error) => {
        assert(error instanceof EnvKeyError);
        assert.deepEqual([error.kind, error.message, error.name], [kind, message, "EnvKeyError"]);
        assert.equal(error.cause && `${error.cause.kind} ${error.cause.detail}`, cause);
        assert.equal(error.cause instanceof InvalidKeyError, kind === "invalid");
        return true;
      });
    }
  }
  const later = `${KEY.slice(0, 46)}5z2n9x`;
  assert.equal(read(` ${later}\n`, AnyKey).exposeSecret(), later);
  assert.throws(() => read(later), { kind: "invalid" });
  process.env.MEMORYKIT_API_KEY = KEY;
  assert.equal(ApiKey.fromEnv().id, "8aspm4G7VmSU");
  assert.throws(() => ApiKey.fromEnv({}), { kind: "missing" }, "an environment that is given is the only one");
  delete process.env.MEMORYKIT_API_KEY;
  assert.throws(() => ApiKey.fromEnv(), { kind: "missing" });
});

test("a byte in the environment that is not UTF-8 is reported", () => {
  const program = 'import("./dist/index.js").then(({ AnyKey }) => AnyKey.fromEnv()).catch(({ kind }) => console.log(kind))';
  const shell = `export MEMORYKIT_API_KEY="$(printf '${KEY}\\377')"; exec "$0" --eval "$1"`;
  const { stdout } = spawnSync("sh", ["-c", shell, process.execPath, program], { encoding: "utf8" });
  assert.equal(stdout, "not_unicode\n");
});

test("the environment may be an object of any type", () => {
  // The tests of faults build no types, so this program imports the source. The interface is as `wrangler types` writes it.
  const program = `
    import { AnyKey, ApiKey } from "../src/index.ts";
    interface Env { MEMORYKIT_API_KEY: string; BUCKET: { get(name: string): Promise<string> } }
    export const read = (env: Env) => [AnyKey.fromEnv(env), ApiKey.fromEnv(env)];
    export const others = [AnyKey.fromEnv(process.env), AnyKey.fromEnv({ MEMORYKIT_API_KEY: 5 }), AnyKey.fromEnv(undefined)];
    AnyKey.fromEnv("the variable, not the environment");
  `;
  writeFileSync("dist/environment.ts", program);
  const options = ["--noEmit", "--strict", "--ignoreConfig", "--allowImportingTsExtensions", "--module", "nodenext", "--target", "es2022"];
  const { stdout } = spawnSync("node_modules/.bin/tsc", [...options, "--types", "node", "dist/environment.ts"], { encoding: "utf8" });
  // Errors of the source do not count, because a fault that only the compiler notices must not be caught here.
  const errors = stdout.match(/^dist.*$/gm);
  assert.match(`${errors}`, /^dist\/environment.ts\(6,20\): error TS2345: [^\n,]*$/);
});

test("the lenient reading refuses a text that is not a key of any version", () => {
  const refusals = [
    ["CTX_", "prefix", null],
    ["ctx_", "length", 4],
    [`ctx_${"a".repeat(29)}`, "length", 33],
    [`ctx__${KEY.slice(5)}`, "character", 4],
    [KEY.replace("f", "_"), "character", 16],
    [`${KEY} x`, "character", 52],
    [KEY.replace("n9", "n8"), "checksum", null],
  ];
  for (const [text, kind, detail] of refusals) assert.throws(() => AnyKey.parse(text), { kind, detail });
  for (const text of [`ctx_${"a".repeat(30)}`, KEY.slice(0, 51), `${KEY}0`, `${KEY.slice(0, 46)}5z2n9x`]) {
    assert.equal(AnyKey.parsePasted(`"${text}"`).exposeSecret(), text);
  }
});

test("a misspelt scope gets a suggestion", () => {
  const suggestions = {
    "memory:read": "memories:read",
    "Memories.Read": "memories:read",
    "memor:read": "memories:read",
    "xxxxries:read": null, // four edits from memories:read, and more from the others
    "chat:redd": "chats:read",
    "chats:we": null, // as near to chats:read as to chats:write
    "memoriesxxx:read": "memories:read",
    "memoriesxxxx:read": null, // four more letters
    "memories:writexxx": "memories:write", // the longest
    "chats:writexxxx": null,
    MEMORIES_READ: "memories:read",
    admin: null,
  };
  for (const [typed, name] of Object.entries(suggestions)) {
    assert.throws(() => Scope.parse(typed), (error) => {
      assert.equal(error.suggestion && `${error.suggestion}`, name);
      return true;
    });
  }
  assert.throws(() => Scope.parseList("chats:read,\u3000memory:read"), {
    name: "InvalidScopeError",
    start: 14,
    end: 25,
    message: "unknown scope at bytes 14..25; did you mean `memories:read`?",
  });
  assert.throws(() => Scope.parse("chats:read x users:rea"), {
    start: 11,
    end: 12,
    message:
      "unknown scope at bytes 11..12; the scopes are: memories:read memories:write chats:read chats:write users:read users:write",
  });
  assert.throws(() => Scope.parse("chats:read "), {
    message: "a scope name is missing at byte 11; separate names by one space, without spaces at the ends",
  });
});

test("stored bits are read strictly, and unknown ones never granted", () => {
  assert.equal(`${Scope.fromBits(63)}`, "memories:read memories:write chats:read chats:write users:read users:write");
  assert.equal(JSON.stringify(Scope.READ), '["memories:read","chats:read","users:read"]');
  const sets = Object.entries(Scope).map(([name, scope]) => [name, scope.bits]);
  assert.deepEqual(Object.fromEntries(sets), {
    MEMORIES_READ: 1, MEMORIES_WRITE: 2, CHATS_READ: 4, CHATS_WRITE: 8, USERS_READ: 16, USERS_WRITE: 32, READ: 21, WRITE: 42,
  });
  for (const bits of [64, 2 ** 31, 2 ** 32 - 1, -1, 0.5, NaN, 2 ** 32, "5"]) assert.throws(() => Scope.fromBits(bits), RangeError);
  for (const bits of [-1, 0.5, NaN, 2 ** 32, "5", null, undefined]) assert.throws(() => new Scope(bits), RangeError);
  const high = new Scope(2 ** 31 + 1);
  assert.equal(high.grants(new Scope(2 ** 31)), false);
  assert.equal(new Scope(0).missing(high).bits, 2 ** 31 + 1);
  const own = ApiKey.parse(KEY);
  const grant = new KeyRecord(own.id, own.digest, 1, high).verify(own, 0n);
  assert.equal(grant.scopes.bits, 1);
});

test("a refusal has its fields, and its challenge is one value", () => {
  const own = ApiKey.parse(KEY);
  // The grant has the id of the key, even if the record has another one.
  const grant = new KeyRecord("000000000000", own.digest, "demo", Scope.READ, { expiresAt: 20n, retiresAt: 10n }).verify(own, 5n);
  assert.deepEqual({ ...grant }, { keyId: own.id, project: "demo", scopes: Scope.READ, expiresAt: 10n });
  assert.equal(grant.require(Scope.CHATS_READ), undefined);
  assert.throws(() => grant.require(Scope.parse("chats:read chats:write")), (denied) => {
    assert(denied instanceof Denied);
    assert.deepEqual([`${denied.required}`, `${denied.missing}`], ["chats:read chats:write", "chats:write"]);
    assert.deepEqual([denied.status, denied.error, denied.reason], [403, "insufficient_scope", "missing_scope"]);
    assert.equal(
      denied.challenge('a"\\é\u{1f600}\n'),
      'Bearer realm="a\\"\\\\???", error="insufficient_scope", scope="chats:read chats:write"',
    );
    return true;
  });
  assert.throws(() => grant.require(new Scope(0)), (denied) => {
    assert.equal(denied.challenge("x"), 'Bearer realm="x", error="insufficient_scope"');
    return true;
  });
  const unknown = Denied.unknownKey();
  assert.deepEqual([unknown.status, unknown.error, unknown.reason], [401, "invalid_token", "unknown_key"]);
  assert.deepEqual([unknown.required.bits, unknown.missing.bits], [0, 0]);
  assert.throws(() => bearer([]), { status: 401, error: null, reason: "missing_credentials" });
});

test("a realm keeps the printable characters of ASCII", () => {
  for (let code = 0; code < 256; code += 1) {
    const character = String.fromCharCode(code);
    const quoted = '"\\'.includes(character) ? `\\${character}` : code < 0x20 || code > 0x7e ? "?" : character;
    const realm = `Bearer realm="${quoted}${quoted}", error="invalid_token"`;
    assert.equal(Denied.unknownKey().challenge(character + character), realm);
  }
});

test("the reason of a refusal is exact, byte by byte", () => {
  const latin1 = (text) => Buffer.from(text, "latin1");
  const reasons = [
    [[], "missing_credentials"],
    [[latin1(" \t")], "missing_credentials"],
    [[latin1(`B\xe9arer ${KEY}`)], "missing_credentials"],
    [[`Bearer ${KEY}`, ""], "malformed_header"],
    [[latin1("Bearer \t")], "malformed_header"],
    [[latin1("Bearer \xa0")], "key_prefix"],
    [[latin1(`Bearer ${KEY.slice(0, 51)}\xff`)], "key_character"],
    [[`Bearer ${KEY.slice(0, 51)}\xff`], "key_length"],
    [[`Bearer ${KEY.slice(0, 50)}\xff`], "key_character"],
    [[`Bearer ${KEY}\0`], "key_length"],
    [[`Bearer ${KEY.slice(0, 51)}8`], "key_checksum"],
    [[latin1(`Bearer ${"\xff".repeat(8185)}`)], "key_prefix"],
    [[latin1(`Bearer ${"\xff".repeat(8186)}`)], "malformed_header"],
    [[`Bearer ${"\xff".repeat(4093)}`], "malformed_header"],
  ];
  for (const [values, reason] of reasons) assert.throws(() => bearer(values), { name: "Denied", reason }, reason);
});

test("hostile headers take linear time", () => {
  const spaces = " ".repeat(1_000_000);
  assert.throws(() => bearer([`Bearer x${spaces}x`]), { status: 400 });
  assert.throws(() => bearer([`${spaces}x${spaces}x`]), { status: 401 });
  assert.throws(() => ApiKey.parsePasted(`x${spaces}x`), { kind: "prefix" });
  assert.throws(() => ApiKey.parse("ctx_".repeat(500_000)), { detail: 2_000_000 });
  assert.equal(redact("ctx_".repeat(250_000)).length, 1_000_000);
  assert.deepEqual(find("ctx_".repeat(250_000)), []);
});

test("times are 64-bit bigints", () => {
  const own = ApiKey.parse(KEY);
  const make = (...times) => new KeyRecord(own.id, own.digest, null, Scope.READ, ...times);
  assert.deepEqual(make({ expiresAt: 5n }), make(null, 5n));
  assert.deepEqual(make({}), make());
  for (const bad of [5, "5", NaN]) {
    assert.throws(() => make(bad), TypeError);
    assert.throws(() => make(null, bad), TypeError);
    for (const name of ["notBefore", "expiresAt", "retiresAt", "revokedAt"]) {
      assert.throws(() => make({ [name]: bad }), TypeError);
    }
    assert.throws(() => make().state(bad), TypeError);
    const record = make();
    record.expiresAt = bad;
    assert.throws(() => record.verify(own, 0n), TypeError);
  }
  for (const bad of [-1n, MAX_TIME + 1n]) {
    assert.throws(() => make(bad), RangeError);
    assert.throws(() => make().retireAt(bad), RangeError);
    assert.throws(() => make().revoke(bad), RangeError);
    assert.throws(() => make().verify(own, bad), RangeError);
  }
  for (const bad of ["5", null, undefined]) assert.throws(() => make().rotate(ApiKey.parse(OTHER), 0n, bad), TypeError);
  for (const bad of [-1, 0.5, NaN, -1n, 2 ** 64]) assert.throws(() => make().rotate(ApiKey.parse(OTHER), 0n, bad), RangeError);
  for (const overlap of [60, 60n]) {
    const record = make();
    record.rotate(ApiKey.parse(OTHER), 5n, overlap);
    assert.equal(record.retiresAt, 65n);
  }
  assert.equal(MAX_TIME, 2n ** 64n - 1n);
  assert(key.unixNow() > 1_700_000_000n && key.unixNow() < 1n << 40n);
});

test("each digit of a digest counts", () => {
  const own = ApiKey.parse(KEY);
  [...own.digest].forEach((digit, index) => {
    const digest = own.digest.slice(0, index) + (digit === "0" ? "1" : "0") + own.digest.slice(index + 1);
    assert.throws(() => new KeyRecord(own.id, digest, 1, Scope.READ).verify(own, 0n), { reason: "digest_mismatch" });
  });
});

test("two keys can share three bytes", () => {
  const first = "ctx_8aspm4G7VmSU0000000000000000000000003128504YMctx";
  const text = `é${first}${KEY.slice(3)}`;
  for (const input of [text, Buffer.from(text)]) assert.deepEqual(find(input), [[2, 54], [51, 103]]);
  assert.equal(redact(text), "éctx_8aspm4G7VmSU***_8aspm4G7VmSU***");
  assert.equal(Buffer.from(redact(Buffer.from(text))).toString(), redact(text));
});

test("bytes may be long, and lie in a buffer with other text", () => {
  // Each key lies across a multiple of 4,096 bytes, the number that is read at once.
  const text = `é${"-".repeat(4070)}${KEY}${"-".repeat(4046)}${OTHER}\u{1f600}`;
  const { buffer } = Uint8Array.from(Buffer.from(`${KEY}${text}${KEY}`));
  const view = new Uint8Array(buffer, KEY.length, buffer.byteLength - 2 * KEY.length);
  const redacted = `é${"-".repeat(4070)}ctx_8aspm4G7VmSU***${"-".repeat(4046)}ctx_hNRO46HtK22R***\u{1f600}`;
  assert.deepEqual(find(view), [[4072, 4124], [8170, 8222]]);
  assert.equal(Buffer.from(redact(view)).toString(), redacted);
  assert.equal(Buffer.from(key.redactDeep(view)).toString(), redacted);
  assert.equal(Buffer.from(buffer).toString(), `${KEY}${text}${KEY}`, "the buffer is unchanged");
});

test("a clock before 1970 gives an unknown time", (context) => {
  for (const [shown, secs] of [[-1, MAX_TIME], [0, 0n], [999, 0n], [1999, 1n], [-0.5, MAX_TIME]]) {
    const { mock } = context.mock.method(Date, "now", () => shown);
    assert.equal(key.unixNow(), secs);
    mock.restore();
  }
});

test("a record refuses an invalid id or digest, without repeating it", () => {
  const own = ApiKey.parse(KEY);
  for (const [id, digest] of [[KEY, own.digest], [`${own.id}\n`, own.digest], [own.id, KEY], [own.id, own.digest.slice(1)], [own.id, `${own.digest}\n`]]) {
    assert.throws(() => new KeyRecord(id, digest, 1, Scope.READ), (error) => error instanceof TypeError && !error.message.includes("ctx_"));
  }
  assert.equal(new KeyRecord(own.id, own.digest.toUpperCase(), 1, Scope.READ).digest, own.digest);
  for (const id of ["000000000000", "999999999999", "AZAZAZAZAZAZ", "azazazazazaz"]) {
    assert.equal(new KeyRecord(id, "0af9".repeat(16), 1, Scope.READ).id, id);
  }
  for (const first of "/:@[`{") {
    assert.throws(() => new KeyRecord(`${first}00000000000`, own.digest, 1, Scope.READ), TypeError);
  }
});

test("at an unknown time, a key with a start is not yet valid", () => {
  const own = ApiKey.parse(KEY);
  for (const notBefore of [0n, 1n, MAX_TIME]) {
    assert.equal(new KeyRecord(own.id, own.digest, 1, Scope.READ, { notBefore }).state(MAX_TIME), "NotYetValid");
  }
});

test("a refused rotation says why", () => {
  const [own, other] = [ApiKey.parse(KEY), ApiKey.parse(OTHER)];
  const record = (times) => new KeyRecord(own.id, own.digest, 1, Scope.READ, times);
  const refusals = [
    [record({}), own, 0n, "SameKey", "the new key has the id of the old one; generate another key"],
    [record({ revokedAt: 9n }), other, 0n, "Revoked", "a revoked key cannot be rotated; create a new key"],
    [record({ expiresAt: 9n }), other, 9n, "Expired", "an expired key cannot be rotated; create a new key"],
    [record({ retiresAt: 9n }), other, 9n, "Retired", "a retired key cannot be rotated; rotate its successor"],
    [record({}), other, MAX_TIME, "UnknownTime", "the time is unknown, so the overlap would never end; check the system clock"],
  ];
  for (const [old, next, now, kind, message] of refusals) {
    assert.throws(() => old.rotate(next, now, 5n), (error) => {
      assert(error instanceof RotateError);
      assert.deepEqual([error.kind, error.message, error.name], [kind, message, "RotateError"]);
      return true;
    });
  }
});

test("keys are equal by their digest", () => {
  assert(ApiKey.parse(KEY).equals(ApiKey.parsePasted(` ${KEY}`)));
  assert(!ApiKey.parse(KEY).equals(ApiKey.parse(OTHER)));
  for (let index = 4; index < 46; index += 1) {
    const part = KEY.slice(0, index) + (KEY[index] === "0" ? "1" : "0") + KEY.slice(index + 1, 46);
    assert(!ApiKey.parse(KEY).equals(ApiKey.parse(part + checksum(part))), `a key with another character at ${index}`);
  }
});

test("lenient keys are equal by all their characters", () => {
  const later = `${KEY.slice(0, 46)}5z2n9x`;
  for (const text of [KEY, later, `${later}0`]) {
    assert(AnyKey.parse(text).equals(AnyKey.parsePasted(` ${text}`)));
    for (const other of [OTHER, `${text}x`, `${later}x`]) assert(!AnyKey.parse(text).equals(AnyKey.parse(other)));
    for (const other of [OTHER, `${text}x`, `${later}x`]) assert(!AnyKey.parse(other).equals(AnyKey.parse(text)));
  }
  for (let index = 4; index < later.length; index += 1) {
    const other = later.slice(0, index) + (later[index] === "6" ? "7" : "6") + later.slice(index + 1);
    assert(!AnyKey.parse(later).equals(AnyKey.parse(other)), `a key with another character at ${index}`);
  }
});

test("exactly the white space and the format characters are removed", () => {
  const ranges = [[9, 13], [0x20, 0x20], [0x85, 0x85], [0xa0, 0xa0], [0xad, 0xad], [0x61c, 0x61c], [0x1680, 0x1680], [0x180e, 0x180e],
    [0x2000, 0x200f], [0x2028, 0x202f], [0x205f, 0x2064], [0x2066, 0x206f], [0x3000, 0x3000], [0xfeff, 0xfeff]];
  for (let code = 0; code < 0x10000; code += 1) {
    let isRemoved = true;
    try {
      ApiKey.parsePasted(String.fromCharCode(code) + KEY);
    } catch {
      isRemoved = false;
    }
    assert.equal(isRemoved, ranges.some(([first, last]) => first <= code && code <= last), `U+${code.toString(16)}`);
  }
});

test("a name is removed only as a whole", () => {
  for (const name of ["export ", "export Authorization: ", "export Bearer ", "set MEMORYKIT_API_KEY=", "Proxy-Authorization: "]) {
    assert.throws(() => ApiKey.parsePasted(name + KEY), { kind: "prefix" }, name);
  }
});

test("only letters of ASCII count in any letter case", () => {
  for (const name of ["Author\u0131zation: ", "AUTHOR\u0130ZATION: ", "memorykit_api_key=", "MEMORY\u212aIT_API_KEY=", "Authorization="]) {
    assert.throws(() => ApiKey.parsePasted(name + KEY), { kind: "prefix" }, name);
  }
  assert.equal(ApiKey.parsePasted(`aUTHORIZATION: bEARER ${KEY}`).exposeSecret(), KEY);
});

test("a state equals its name", () => {
  for (const [name, state] of Object.entries(key.KeyState)) assert.equal(state, name);
  assert.deepEqual(Object.keys(key.KeyState), ["Active", "NotYetValid", "Retired", "Expired", "Revoked"]);
});

test("a comparison of no cases fails", () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["test/compare.mjs"], { encoding: "utf8", input: "" });
  const message = "no cases: pipe the output of `differential SEED COUNT` into this program\n";
  assert.deepEqual([status, stdout, stderr], [1, "", message]);
});
