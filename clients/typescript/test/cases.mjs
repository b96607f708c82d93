// The cases of tests/vectors, in any runtime: `run` takes the package and the texts of the files, and returns the number of
// cases. It uses no API of a runtime, so that it also runs in Hermes and workerd.

export const FILES = ["keys", "pasted", "scopes", "records", "bearer", "leaks"];

/** Parses JSON, with integers of 16 digits and more as bigint: times go up to 2^64 - 1. */
export function parse(text) {
  const marked = text.replace(/"(?:[^"\\]|\\.)*"|\d{16,}/g, (token) => (token[0] === '"' ? token : `"${token}n"`));
  return JSON.parse(marked, (_, value) => (/^\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value));
}

/** Returns one byte for each character of a text, up to U+00FF. */
export function bytes(text) {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Strings that are not Unicode text: a lone surrogate is three bytes. */
function checkSurrogates({ ApiKey, Denied, InvalidKeyError }) {
  const [high, low] = ["\ud83d", "\ude00"];
  const texts = [[`a${low}b`, 9], [high + low, 8], [low + high, 10], [high + high + low, 11], ["\u07ff\u0800", 9]];
  for (const [end, length] of texts) {
    const text = `ctx_${end}`;
    const found = outcome(() => ApiKey.parse(text), InvalidKeyError, (error) => [error.kind, error.detail]);
    if (show(found) !== show(["length", length])) throw new Error(`${show(text)} is ${show(found)}`);
  }
  const challenge = Denied.unknownKey().challenge("a\udc00\ud83d\ude00\ud83db");
  if (challenge !== 'Bearer realm="a???b", error="invalid_token"') throw new Error(challenge);
}

export function run(key, texts) {
  checkSurrogates(key);
  const counts = FILES.map((file) => {
    const cases = parse(texts[file]);
    for (const test of cases) {
      const found = CHECKS[file](key, test);
      for (const [what, [is, expected]] of Object.entries(found)) {
        if (show(is) !== show(expected)) {
          throw new Error(`${file}: ${what} is ${show(is)}, not ${show(expected)}: ${show(test)}`);
        }
      }
    }
    return cases.length;
  });
  return counts.reduce((sum, count) => sum + count);
}

const show = (value) => JSON.stringify(value, (_, part) => (typeof part === "bigint" ? `${part}` : part)) ?? "undefined";

/** Returns what a call returns, or what `describe` returns for the error of this class that it throws. */
export function outcome(call, errorClass, describe) {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof errorClass)) throw error;
    return describe(error);
  }
}

function checkKey(key, test, parse) {
  const found = outcome(
    () => {
      const parsed = parse();
      return { id: parsed.id, digest: parsed.digest };
    },
    key.InvalidKeyError,
    (error) => [error.kind, error.detail],
  );
  return { outcome: [found, test.ok ?? [test.error, test.detail]] };
}

const CHECKS = {
  keys: (key, test) => checkKey(key, test, () => key.ApiKey.parse(bytes(test.input))),
  pasted: (key, test) => checkKey(key, test, () => key.ApiKey.parsePasted(test.input)),

  scopes({ Scope, InvalidScopeError }, test) {
    const bits = (read) => outcome(() => read().bits, InvalidScopeError, () => null);
    if ("text" in test) {
      return {
        text: [`${Scope.fromBits(test.bits)}`, test.text],
        bits: [Scope.parse(test.text).bits, test.bits],
      };
    }
    if ("input" in test) return { bits: [bits(() => Scope.parse(test.input)), test.bits] };
    if ("list" in test) return { bits: [bits(() => Scope.parseList(test.list)), test.bits] };
    const [granted, required] = [new Scope(test.granted), new Scope(test.required)];
    return { grants: [granted.grants(required), test.grants], missing: [granted.missing(required).bits, test.missing] };
  },

  records({ ApiKey, Denied, KeyRecord, RotateError, Scope }, test) {
    const own = ApiKey.parse("ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9");
    const other = ApiKey.parse("ctx_hNRO46HtK22RXWXHlNkAHVt4fGut2pK3PYaw6kr2092lOxsW");
    const secs = (value) => (value === null ? null : BigInt(value));
    const times = ({ not_before, expires_at, retires_at, revoked_at }) =>
      [not_before, expires_at, retires_at, revoked_at].map(secs);
    const timesOf = ({ notBefore, expiresAt, retiresAt, revokedAt }) => [notBefore, expiresAt, retiresAt, revokedAt];
    const record = new KeyRecord(own.id, own.digest, "project", Scope.READ, ...times(test.record));
    const presented = test.same_key ? own : other;
    if ("state" in test) {
      const label = (name) => name.replace(/(?!^)[A-Z]/g, "_$&").toLowerCase();
      const verified = outcome(
        () => ["granted", record.verify(presented, BigInt(test.now)).expiresAt],
        Denied,
        (denied) => [denied.reason, denied.status, denied.error],
      );
      const expected =
        test.reason === null
          ? ["granted", secs(test.grant_ends)]
          : [label(test.reason), 401, "invalid_token"];
      return { verified: [verified, expected], state: [record.state(BigInt(test.now)), test.state] };
    }
    if ("ops" in test) {
      for (const [operation, time] of test.ops) {
        if (operation === "retire_at") record.retireAt(BigInt(time));
        else record.revoke(BigInt(time));
      }
      return { after: [timesOf(record), times(test.after)] };
    }
    const rotated = outcome(
      () => record.rotate(presented, BigInt(test.now), BigInt(test.overlap)),
      RotateError,
      (error) => error.kind,
    );
    if ("rotate_error" in test) {
      return { error: [rotated, test.rotate_error], unchanged: [timesOf(record), times(test.record)] };
    }
    return {
      old: [timesOf(record), times(test.old)],
      new: [timesOf(rotated), times(test.new)],
      of: [
        [rotated.id, rotated.digest, rotated.project, rotated.scopes.bits],
        [other.id, other.digest, "project", Scope.READ.bits],
      ],
    };
  },

  bearer({ bearer, Denied }, test) {
    const found = outcome(
      () => [200, bearer(test.values.map(bytes)).id],
      Denied,
      (denied) => [denied.status, denied.error],
    );
    return { answer: [found, [test.status, test.status === 200 ? test.id : test.error]] };
  },

  leaks({ find, redact, redactStr }, test) {
    const redacted = redact(bytes(test.text));
    return {
      finds: [find(bytes(test.text)), test.finds],
      redacted: [[...redacted], [...bytes(test.redacted)]],
      again: [[...redact(redacted)], [...redacted]],
      string: [redactStr(test.text), test.redacted],
    };
  },
};
