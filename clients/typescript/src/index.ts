/**
 * MemoryKit API keys: read, verify and redact them.
 *
 * The whole package is this file. It has no dependencies, is synchronous and needs no API of the runtime. The contract is
 * docs/key-format.md of the repository; a § in a comment refers to a section of it.
 */

/** Bytes, or a string, which is encoded as UTF-8. */
export type Bytes = Uint8Array | string;

/**
 * Environment variables by name. In Workers, this is the `env` that a handler receives. Any object is accepted, because an
 * interface has no index signature.
 */
export type Environment = object;

/** Error for a text that is not a key. It holds a length or an index, and never a character. */
export class InvalidKeyError extends Error {
  readonly kind: "prefix" | "length" | "character" | "checksum";
  /** The length or the index in bytes, or null for the other kinds. */
  readonly detail: number | null;

  constructor(kind: InvalidKeyError["kind"], detail: number | null = null) {
    super(keyMessage(kind, detail));
    this.kind = kind;
    this.detail = detail;
  }

  override get name(): string {
    return "InvalidKeyError";
  }
}

/** Error of `fromEnv`. Its message says what to do, and never repeats the value. */
export class EnvKeyError extends Error {
  readonly kind: "missing" | "not_unicode" | "invalid";
  /** The reason why the value is not a key, or null for the other kinds. */
  override readonly cause: InvalidKeyError | null;

  constructor(kind: EnvKeyError["kind"], cause: InvalidKeyError | null = null) {
    super(
      VARIABLE +
        (kind === "missing"
          ? " is not set or empty; create a key in the dashboard under API Keys, and set the variable to it"
          : cause
            ? ` does not hold an API key: ${cause.message}`
            : " is not Unicode text; set it to a key from the dashboard"),
    );
    this.kind = kind;
    this.cause = cause;
  }

  override get name(): string {
    return "EnvKeyError";
  }
}

/** A secret text, which printing and serialization do not show. */
abstract class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** Returns the whole key, to send it. The caller keeps it out of logs and URLs. */
  exposeSecret(): string {
    return this.#text;
  }

  /** Returns the part that may be shown. */
  abstract toJSON(): string;

  abstract toString(): string;

  /** Returns the text that Node.js, Deno and Bun print in place of the fields. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/** A well-formed key of version 1. Only a server's record shows that it was issued. */
export class ApiKey extends Secret {
  /** The digest, which a server stores in place of the key: 64 hexadecimal digits. */
  readonly #digest: string;

  /** Does the same as {@link ApiKey.parse}. */
  constructor(text: Bytes) {
    const bytes = byteString(text);
    const digest = digestOf(bytes);
    super(bytes);
    this.#digest = digest;
  }

  /** Reads a key strictly: the text must be its 52 bytes (§6). Throws an {@link InvalidKeyError}. */
  static parse(text: Bytes): ApiKey {
    return new ApiKey(text);
  }

  /**
   * Reads a key that a person pasted, without the quotes, names and white space around it (§7). Throws an
   * {@link InvalidKeyError}.
   */
  static parsePasted(text: string): ApiKey {
    return new ApiKey(repair(text));
  }

  /** Reads `MEMORYKIT_API_KEY`, as `parsePasted` does. Throws an {@link EnvKeyError}. */
  static fromEnv(environment?: Environment): ApiKey {
    return readVariable(ApiKey.parsePasted, environment);
  }

  /** The public part of the key, by which a server finds the record. */
  get id(): string {
    return this.exposeSecret().slice(4, 16);
  }

  /** The digest, which a server stores in place of the key: 64 hexadecimal digits. */
  get digest(): string {
    return this.#digest;
  }

  /** Compares in constant time, as far as the language allows. */
  equals(other: ApiKey): boolean {
    return areEqual(this.#digest, other.#digest);
  }

  toJSON(): string {
    return `ctx_${this.id}***`;
  }

  toString(): string {
    return `ApiKey(${this.toJSON()})`;
  }
}

/**
 * A key of this version or of a later one, for clients that outlive the format (§17). If the version is later, only the
 * prefix, the alphabet and a minimum length are checked.
 */
export class AnyKey extends Secret {
  /** Does the same as {@link AnyKey.parse}. */
  constructor(text: Bytes) {
    const bytes = byteString(text);
    if (!bytes.startsWith(PREFIX)) throw new InvalidKeyError("prefix");
    if (bytes.length < MIN_LENGTH) throw new InvalidKeyError("length", bytes.length);
    const index = bytes.slice(4).search(/[^0-9A-Za-z]/);
    if (index >= 0) throw new InvalidKeyError("character", index + 4);
    if (bytes.length === LENGTH && bytes[HASHED_LENGTH]! < "5") digestOf(bytes);
    super(bytes);
  }

  /** Reads a key leniently (§17). Throws an {@link InvalidKeyError}. */
  static parse(text: Bytes): AnyKey {
    return new AnyKey(text);
  }

  /** Repairs a text as {@link ApiKey.parsePasted} does, and then reads a key leniently. */
  static parsePasted(text: string): AnyKey {
    return new AnyKey(repair(text));
  }

  /** Reads `MEMORYKIT_API_KEY`, as `parsePasted` does. Throws an {@link EnvKeyError}. */
  static fromEnv(environment?: Environment): AnyKey {
    return readVariable(AnyKey.parsePasted, environment);
  }

  /** Compares in constant time, as far as the language allows. The time depends on the lengths. */
  equals(other: AnyKey): boolean {
    return areEqual(this.exposeSecret(), other.exposeSecret());
  }

  toJSON(): string {
    return "ctx_***";
  }

  toString(): string {
    return "AnyKey(ctx_***)";
  }
}

/** Error for a text with the name of a scope that does not exist. */
export class InvalidScopeError extends Error {
  /** Range of the unknown name, in bytes. It is empty if a name is missing. */
  readonly start: number;
  readonly end: number;
  /** The scope that was probably meant. */
  readonly suggestion: Scope | null;

  constructor(start: number, end: number, suggestion: Scope | null) {
    super(
      start === end
        ? `a scope name is missing at byte ${start}; separate names by one space, without spaces at the ends`
        : `unknown scope at bytes ${start}..${end}; ` +
            (suggestion ? `did you mean \`${suggestion}\`?` : `the scopes are: ${NAMES.join(" ")}`),
    );
    this.start = start;
    this.end = end;
    this.suggestion = suggestion;
  }

  override get name(): string {
    return "InvalidScopeError";
  }
}

/** A set of scopes (§13). A write scope does not imply the read scope. */
export class Scope {
  static readonly MEMORIES_READ: Scope = /* @__PURE__ */ new Scope(1);
  static readonly MEMORIES_WRITE: Scope = /* @__PURE__ */ new Scope(2);
  static readonly CHATS_READ: Scope = /* @__PURE__ */ new Scope(4);
  static readonly CHATS_WRITE: Scope = /* @__PURE__ */ new Scope(8);
  static readonly USERS_READ: Scope = /* @__PURE__ */ new Scope(16);
  static readonly USERS_WRITE: Scope = /* @__PURE__ */ new Scope(32);
  static readonly READ: Scope = /* @__PURE__ */ new Scope(21);
  static readonly WRITE: Scope = /* @__PURE__ */ new Scope(42);

  /** The bits that a database stores. */
  readonly bits: number;

  /** Creates a set from bits. Unknown bits are kept, but never granted. For stored bits, use `fromBits`. */
  constructor(bits: number) {
    if (bits !== bits >>> 0) throw new RangeError("the bits of a scope are a whole number from 0 to 2^32 - 1");
    this.bits = bits;
  }

  /** Reads stored bits. An unknown bit is a RangeError. */
  static fromBits(bits: number): Scope {
    const scope = new Scope(bits);
    if (bits > KNOWN_BITS) throw new RangeError("unknown scope bits: deploy the readers of a new scope before its writers");
    return scope;
  }

  /** Reads names that are separated by exactly one space. Throws an {@link InvalidScopeError}. */
  static parse(text: string): Scope {
    return text === "" ? new Scope(0) : union(text, " ", false);
  }

  /** Reads a list that a person typed: names that are separated by any number of commas and white space. */
  static parseList(text: string): Scope {
    return union(text, new RegExp(`[,${SPACE}]`), true);
  }

  /** The names in the set, in the order of their bits. */
  get names(): string[] {
    return NAMES.filter((_, bit) => (this.bits >> bit) & 1);
  }

  /** Returns whether this set has all required scopes. At least one must be required. */
  grants(required: Scope): boolean {
    return required.bits !== 0 && this.missing(required).bits === 0;
  }

  /** Returns the required scopes that this set lacks. */
  missing(required: Scope): Scope {
    return new Scope((required.bits & ~(this.bits & KNOWN_BITS)) >>> 0);
  }

  toString(): string {
    return this.names.join(" ");
  }

  toJSON(): string[] {
    return this.names;
  }
}

/** Stable label of the reason for a refusal. It is for logs and metrics, not for the client. */
export type Reason =
  | "missing_credentials"
  | "malformed_header"
  | `key_${InvalidKeyError["kind"]}`
  | "unknown_key"
  | "digest_mismatch"
  | "revoked"
  | "expired"
  | "retired"
  | "not_yet_valid"
  | "missing_scope";

/** The refusal of a request (§14). Its message is public, and is the same for every key that is not valid. */
export class Denied extends Error {
  readonly reason: Reason;
  /** Status code of the response. */
  readonly status: 400 | 401 | 403;
  /** Error code of the challenge, or null for a request without credentials. */
  readonly error: "invalid_request" | "invalid_token" | "insufficient_scope" | null;
  readonly required: Scope;
  /** The required scopes that the key lacks. The set is empty for any other reason. */
  readonly missing: Scope;

  constructor(reason: Reason, required: Scope = new Scope(0), missing: Scope = new Scope(0)) {
    const [status, error, message] = answerTo(reason);
    super(message);
    this.reason = reason;
    this.status = status;
    this.error = error;
    this.required = required;
    this.missing = missing;
  }

  /** Creates the refusal for a key whose id is in no record. */
  static unknownKey(): Denied {
    return new Denied("unknown_key");
  }

  /** Returns the value of the response's `WWW-Authenticate` header. */
  challenge(realm: string): string {
    const quoted = realm.replace(/[\ud800-\udbff][\udc00-\udfff]|[^ -~]/g, "?").replace(/["\\]/g, "\\$&");
    const scope = `${this.required}`;
    return (
      `Bearer realm="${quoted}"` + (this.error ? `, error="${this.error}"` : "") + (scope && `, scope="${scope}"`)
    );
  }

  override get name(): string {
    return "Denied";
  }
}

function answerTo(reason: Reason): [Denied["status"], Denied["error"], string] {
  switch (reason) {
    case "missing_credentials":
      return [401, null, "an API key is required: send it as `Authorization: Bearer <key>`"];
    case "malformed_header":
      return [400, "invalid_request", "the Authorization header is malformed: send one, as `Bearer <key>`"];
    case "missing_scope":
      return [403, "insufficient_scope", "the API key lacks a scope that this request requires"];
  }
  const message = reason.startsWith("key_")
    ? "the API key is not well-formed: copy the whole key, and nothing else"
    : "the API key is not valid: it is unknown, revoked or outside its validity period";
  return [401, "invalid_token", message];
}

/**
 * Reads the key from all `Authorization` values of a request (§14). Throws a {@link Denied}.
 *
 * Pass every value: `headers.authorization` of Node.js and `headers.get` of the Fetch API hide that there were several.
 */
export function bearer(values: Iterable<Bytes>): ApiKey {
  if (typeof values === "string") throw new TypeError("expected a list of all values of the header");
  const [first, ...others] = values;
  if (first === undefined) throw new Denied("missing_credentials");
  if (others.length) throw new Denied("malformed_header");
  const value = trim(byteString(first), /[ \t]/);
  if (!/^bearer(?![^ \t,])/i.test(value)) throw new Denied("missing_credentials");
  let start = 6;
  while (value[start] === " ") start += 1;
  const token = value.slice(start);
  if (value.length > 8192 || !token || /[ \t,]/.test(token)) throw new Denied("malformed_header");
  try {
    return new ApiKey(token);
  } catch (error) {
    throw new Denied(`key_${(error as InvalidKeyError).kind}`);
  }
}

/** State of a record at a time, for lists and dashboards. */
export const KeyState = {
  Active: "Active",
  NotYetValid: "NotYetValid",
  Retired: "Retired",
  Expired: "Expired",
  Revoked: "Revoked",
} as const;
export type KeyState = (typeof KeyState)[keyof typeof KeyState];

/** The latest time, 2^64 - 1. It also stands for an unknown time. */
export const MAX_TIME: bigint = /* @__PURE__ */ BigInt("0xffffffffffffffff");

/** Returns the time in seconds since 1970, or {@link MAX_TIME} if the clock is before 1970. */
export function unixNow(): bigint {
  const now = Date.now();
  return now < 0 ? MAX_TIME : BigInt(Math.floor(now / 1000));
}

/** Error of {@link KeyRecord.rotate}. */
export class RotateError extends Error {
  readonly kind: "SameKey" | "Revoked" | "Expired" | "Retired" | "UnknownTime";

  constructor(kind: RotateError["kind"]) {
    super(
      {
        SameKey: "the new key has the id of the old one; generate another key",
        Revoked: "a revoked key cannot be rotated; create a new key",
        Expired: "an expired key cannot be rotated; create a new key",
        Retired: "a retired key cannot be rotated; rotate its successor",
        UnknownTime: "the time is unknown, so the overlap would never end; check the system clock",
      }[kind],
    );
    this.kind = kind;
  }

  override get name(): string {
    return "RotateError";
  }
}

/** The project and the scopes of a verified key. */
export class Grant<P> {
  constructor(
    readonly keyId: string,
    readonly project: P,
    readonly scopes: Scope,
    /** The earlier of the record's `expiresAt` and `retiresAt`. If you keep a grant, do not use it after this time. */
    readonly expiresAt: bigint | null,
  ) {}

  /** Throws a {@link Denied} unless the key has all required scopes. At least one must be required. */
  require(required: Scope): void {
    if (!this.scopes.grants(required)) throw new Denied("missing_scope", required, this.scopes.missing(required));
  }
}

/** The times of a record, in seconds since 1970. */
export interface KeyTimes {
  notBefore?: bigint | null;
  expiresAt?: bigint | null;
  retiresAt?: bigint | null;
  revokedAt?: bigint | null;
}

/** The record that a server stores for a key (§15). It holds no secret. */
export class KeyRecord<P> implements Required<KeyTimes> {
  readonly id: string;
  readonly digest: string;
  project: P;
  scopes: Scope;
  /** Time from which the key is valid. */
  notBefore: bigint | null;
  /** Expiry that the owner set. The key is not valid from this time on. */
  expiresAt: bigint | null;
  /** End of the overlap after a rotation. The key is not valid from this time on. */
  retiresAt: bigint | null;
  /** Time of the revocation, for the audit. If it is set, the key is always refused. */
  revokedAt: bigint | null;

  /** The times are given by position, or by name in one object. */
  constructor(
    id: string,
    digest: string,
    project: P,
    scopes: Scope,
    notBefore: bigint | null | KeyTimes = null,
    expiresAt: bigint | null = null,
    retiresAt: bigint | null = null,
    revokedAt: bigint | null = null,
  ) {
    if (!/^[0-9A-Za-z]{12}$/.test(id)) throw new TypeError("a key id is 12 letters and digits");
    if (!/^[0-9A-Fa-f]{64}$/.test(digest)) throw new TypeError("a digest is 64 hexadecimal digits");
    const isByName = typeof notBefore === "object" && notBefore !== null;
    const times = isByName ? notBefore : { notBefore, expiresAt, retiresAt, revokedAt };
    this.id = id;
    this.digest = digest.toLowerCase();
    this.project = project;
    this.scopes = scopes;
    this.notBefore = times.notBefore ?? null;
    this.expiresAt = times.expiresAt ?? null;
    this.retiresAt = times.retiresAt ?? null;
    this.revokedAt = times.revokedAt ?? null;
    this.state(MAX_TIME);
  }

  /** Checks that `key` is the key of this record, and that it is valid at `now`. Throws a {@link Denied}. */
  verify(key: ApiKey, now: bigint): Grant<P> {
    if (!areEqual(this.digest, key.digest)) throw new Denied("digest_mismatch");
    const state = this.state(now);
    if (state === "Active") {
      const known = new Scope(this.scopes.bits & KNOWN_BITS);
      return new Grant(key.id, this.project, known, earlier(this.expiresAt, this.retiresAt));
    }
    throw new Denied(state === "NotYetValid" ? "not_yet_valid" : (state.toLowerCase() as Reason));
  }

  /** Returns the state of the key at `now`. */
  state(now: bigint): KeyState {
    time(now);
    const { notBefore, expiresAt, retiresAt, revokedAt } = this;
    for (const set of [notBefore, expiresAt, retiresAt, revokedAt]) {
      if (set !== null) time(set);
    }
    if (revokedAt !== null) return "Revoked";
    if (expiresAt !== null && expiresAt <= now) return "Expired";
    if (retiresAt !== null && retiresAt <= now) return "Retired";
    if (notBefore !== null && (now < notBefore || now === MAX_TIME)) return "NotYetValid";
    return "Active";
  }

  /** Schedules the end of the overlap. An earlier end is kept. */
  retireAt(at: bigint): void {
    this.retiresAt = earlier(this.retiresAt, time(at));
  }

  /** Revokes the key, at once and permanently. An earlier time is kept. */
  revoke(at: bigint): void {
    this.revokedAt = earlier(this.revokedAt, time(at));
  }

  /**
   * Returns the record of the `next` key, and retires this key `overlapSecs` seconds after `now`. Store both records in one
   * transaction. If it throws a {@link RotateError}, nothing changes.
   */
  rotate(next: ApiKey, now: bigint, overlapSecs: bigint | number): KeyRecord<P> {
    const overlap = time(typeof overlapSecs === "number" ? BigInt(overlapSecs) : overlapSecs);
    if (next.id === this.id) throw new RotateError("SameKey");
    const state = this.state(now);
    if (state === "Revoked" || state === "Expired" || state === "Retired") throw new RotateError(state);
    if (now === MAX_TIME) throw new RotateError("UnknownTime");
    const { notBefore, expiresAt } = this;
    const successor = new KeyRecord(next.id, next.digest, this.project, this.scopes, { notBefore, expiresAt });
    this.retireAt(earlier(now + overlap, MAX_TIME)!);
    return successor;
  }
}

/** Returns the byte ranges of the keys in a text. Keys are recognised by their checksums (§16). */
export function find(text: Bytes): [start: number, end: number][] {
  const bytes = byteString(text);
  const found: [number, number][] = [];
  for (let start = bytes.indexOf(PREFIX); start >= 0; start = bytes.indexOf(PREFIX, start + 1)) {
    try {
      digestOf(bytes.slice(start, start + LENGTH));
      found.push([start, start + LENGTH]);
    } catch {
      // This is another text that begins with the prefix.
    }
  }
  return found;
}

/** Redacts the keys in a text, and parts that may be keys (§16). Every other byte stays as it is. */
export function redact(text: Uint8Array): Uint8Array;
export function redact(text: string): string;
export function redact(text: Bytes): Bytes {
  if (typeof text === "string") return redactStr(text);
  const bytes = redactStr(latin1(text));
  return Uint8Array.from(bytes as Iterable<never>, (byte: string) => byte.charCodeAt(0));
}

/** Redacts the keys in a string, as {@link redact} does. */
export function redactStr(text: string): string {
  return text.includes(PREFIX) ? text.replace(/(?<=ctx_[0-9A-Za-z]{12})[0-9A-Za-z]{18,}/g, "***") : text;
}

/**
 * Redacts every string in a value for a logger: in arrays, maps, sets, bytes, errors, URLs, headers, and the fields of other
 * objects. Returns a copy of whatever it changes, and never throws.
 *
 * It calls no getter, except those of errors. A getter of a copy runs on the original, when it is first read.
 */
export function redactDeep(value: unknown): unknown {
  return redactAny(value, new Map());
}

/** Maps each object to its copy, or to itself, so that cycles end. */
type Copies = Map<unknown, unknown>;

/** The parts of Headers, URLSearchParams and FormData that redaction needs. */
interface Pairs {
  append(name: string, item: unknown): void;
  forEach(call: (item: unknown, name: string) => void): void;
}

function redactAny(value: unknown, copies: Copies): unknown {
  if (typeof value === "string") return redactStr(value);
  if (typeof value !== "object" || value === null) return value;
  if (!copies.has(value)) {
    try {
      copies.set(value, redactObject(value, copies));
    } catch {
      // For example, the value is a revoked proxy, or is nested too deeply.
      copies.set(value, "[unreadable]");
    }
  }
  return copies.get(value);
}

function redactObject(value: object, copies: Copies): unknown {
  if (value instanceof Secret) return value;
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  const kinds = globalThis as unknown as { [name: string]: new (input?: unknown) => object };
  // `instanceof` is false for a value of another realm, and a class may set another tag.
  const prototype = Object.getPrototypeOf(value) as object | null;
  const is = (name: string): boolean =>
    prototype !== Object.prototype && (tag === name || (!!kinds[name] && value instanceof kinds[name]));
  const withPrototype = (copy: object): unknown => Object.setPrototypeOf(copy, prototype);
  if (ArrayBuffer.isView(value) || /^(Shared)?ArrayBuffer$/.test(tag)) {
    const { buffer, byteOffset, byteLength, BYTES_PER_ELEMENT } = value as Uint8Array;
    // Longer elements are numbers.
    if (BYTES_PER_ELEMENT > 1) return value;
    const bytes = redact(new Uint8Array(buffer ?? value, byteOffset, byteLength));
    // Redaction makes a text shorter.
    if (bytes.length === byteLength) return value;
    return buffer ? withPrototype(new kinds[tag]!(bytes.buffer)) : bytes.buffer;
  }
  const isUrl = is("URL");
  if (isUrl || is("RegExp")) {
    const text = redactStr(String(value));
    if (text !== String(value)) return isUrl ? new kinds["URL"]!(text) : text;
    if (isUrl) return value;
  }

  let changed = false;
  const deep = <T>(item: T): T => {
    const redacted = redactAny(item, copies) as T;
    changed ||= !Object.is(redacted, item);
    return redacted;
  };
  const pairs = ["Headers", "URLSearchParams", "FormData"].find(is);
  if (pairs) {
    const copy = new kinds[pairs]!() as Pairs;
    (value as Pairs).forEach((item, name) => copy.append(deep(name), deep(item)));
    return changed ? copy : value;
  }

  const isArray = Array.isArray(value);
  const isError = is("Error");
  const isText = is("String");
  const kind = isArray ? "Array" : ["Date", "Error", "Map", "RegExp", "Set"].find(is);
  const input = isArray ? value.length : kind === "Date" || kind === "RegExp" ? value : undefined;
  const copy = isText ? (Object(deep(String(value))) as object) : new kinds[kind ?? "Object"]!(input);
  copies.set(value, copy);
  if (copy instanceof Map) (value as typeof copy).forEach((item, name) => copy.set(deep(name), deep(item)));
  if (copy instanceof Set) (value as typeof copy).forEach((item) => copy.add(deep(item)));
  const keys = Reflect.ownKeys(value);
  // The class of an error may compute these fields from others that a copy lacks.
  if (isError) keys.push(...["name", "message", "stack"].filter((name) => !keys.includes(name)));
  for (const key of keys) {
    // These are the length of an array or a string, and the characters of a string.
    if (Object.getOwnPropertyDescriptor(copy, key)?.configurable === false) continue;
    if (isText && /^\d+$/.test(String(key))) continue;
    const property = Object.getOwnPropertyDescriptor(value, key) ?? { writable: true };
    if ("value" in property) {
      property.value = deep(property.value);
    } else if (isError) {
      delete property.get;
      delete property.set;
      property.value = deep((value as never)[key]);
    } else if (property.get) {
      property.get = readOnce(property.get.bind(value), copies);
      changed = true;
    }
    // Names can be equal after redaction.
    property.configurable = true;
    Object.defineProperty(copy, deep(key), property);
  }
  if (!changed) return value;
  // These methods may need private fields, which a copy lacks.
  for (const name of ["toJSON", Symbol.for("nodejs.util.inspect.custom")]) {
    const method = (value as { [name: string | symbol]: unknown })[name];
    if (typeof method !== "function") continue;
    const redacted = (...input: unknown[]): unknown => redactAny(method.apply(value, input), copies);
    Object.defineProperty(copy, name, { value: redacted, configurable: true });
  }
  return withPrototype(copy);
}

/** Returns a getter that calls `get` at most once, and returns the error if that throws. */
function readOnce(get: () => unknown, copies: Copies): () => unknown {
  let result: { value: unknown } | undefined;
  const read = (): unknown => {
    try {
      return get();
    } catch (error) {
      return error;
    }
  };
  return () => (result ??= { value: redactAny(read(), copies) }).value;
}

const VARIABLE = "MEMORYKIT_API_KEY";
const PREFIX = "ctx_";
const LENGTH = 52;
/** Length of the part that is hashed: prefix, id and secret. */
const HASHED_LENGTH = 46;
/** Length of the shortest text that is redacted. */
const MIN_LENGTH = 34;
const NAMES = ["memories:read", "memories:write", "chats:read", "chats:write", "users:read", "users:write"];
const KNOWN_BITS = 63;

function keyMessage(kind: InvalidKeyError["kind"], detail: number | null): string {
  switch (kind) {
    case "prefix":
      return "an API key starts with `ctx_`: copy the whole key, without anything around it";
    case "length":
      return (
        `an API key is 52 bytes long, not ${detail}: ` +
        (detail! < LENGTH
          ? "it was cut off or is a placeholder; copy the whole key"
          : "something was added, or a character is not plain ASCII; copy the key again, without anything around it")
      );
    case "character":
      return `the byte at index ${detail} of the API key is not one of 0-9, A-Z and a-z; copy the key again`;
    case "checksum":
      return "the checksum of the API key is wrong: a character was changed; copy the key again";
  }
}

/** Returns a string with one character for each byte. */
function latin1(bytes: Uint8Array): string {
  // `instanceof` is false for an array of another realm.
  if (Object.prototype.toString.call(bytes) !== "[object Uint8Array]") {
    throw new TypeError("expected a string or a Uint8Array");
  }
  let text = "";
  // A call takes a limited number of arguments.
  for (let start = 0; start < bytes.length; start += 4096) {
    text += String.fromCharCode.apply(null, bytes.subarray(start, start + 4096) as never);
  }
  return text;
}

/**
 * Returns a string with one ASCII character for each byte. Bytes beyond ASCII become `?`, because only their number matters
 * here. A lone surrogate is three bytes, as for TextEncoder.
 *
 * No pattern of this file has the flag `u`, because React Native's compiler removes it, and then a lone surrogate matches
 * together with the character before it.
 */
function byteString(input: Bytes): string {
  return typeof input === "string"
    ? input.replace(/[\ud800-\udbff][\udc00-\udfff]|[^\0-\x7f]/g, (character) =>
        "?".repeat(character.length > 1 ? 4 : character < "\u0800" ? 2 : 3),
      )
    : latin1(input).replace(/[^\0-\x7f]/g, "?");
}

/**
 * Checks a key, and returns its digest (§4 and §6).
 *
 * No branch and no index of a table depends on a character of the secret before a result is known. An engine may still add
 * branches.
 */
function digestOf(text: string): string {
  if (!text.startsWith(PREFIX)) throw new InvalidKeyError("prefix");
  if (text.length !== LENGTH) throw new InvalidKeyError("length", text.length);
  let invalid = LENGTH;
  for (let index = LENGTH - 1; index >= PREFIX.length; index -= 1) {
    const code = text.charCodeAt(index);
    const letter = code | 32;
    // The mask is -1 unless the code is a digit or a letter.
    const mask = (((code - 48) | (57 - code)) & ((letter - 97) | (122 - letter))) >> 31;
    invalid = (index & mask) | (invalid & ~mask);
  }
  if (invalid < LENGTH) throw new InvalidKeyError("character", invalid);
  const words = sha256(text.slice(0, HASHED_LENGTH));
  let number = words[0]! >>> 0;
  let difference = 0;
  for (let index = LENGTH - 1; index >= HASHED_LENGTH; index -= 1) {
    const value = number % 62;
    number = (number - value) / 62;
    const digit = value + 48 + ((9 - value) >>> 31) * 7 + ((35 - value) >>> 31) * 6;
    difference |= text.charCodeAt(index) ^ digit;
  }
  if (difference) throw new InvalidKeyError("checksum");
  // This is four times as fast as `toString(16)` of each word.
  const digits: number[] = [];
  for (let index = 0; index < 64; index += 1) {
    const value = (words[index >> 3]! >>> (28 - (index & 7) * 4)) & 15;
    digits.push(value + 48 + ((9 - value) >>> 31) * 39);
  }
  return String.fromCharCode(...digits);
}

/** The constants of SHA-256 are fractions of the roots of primes (FIPS 180-4 §4.2.2 and §5.3.3). */
const [INITIAL_HASH, ROUND_CONSTANTS] = /* @__PURE__ */ (() => {
  const square = new Int32Array(64);
  const cube = new Int32Array(64);
  for (let candidate = 2, count = 0; count < 64; candidate += 1) {
    let divisor = 2;
    while (candidate % divisor) divisor += 1;
    if (divisor === candidate) {
      square[count] = (Math.sqrt(candidate) % 1) * 2 ** 32;
      cube[count] = (Math.cbrt(candidate) % 1) * 2 ** 32;
      count += 1;
    }
  }
  return [square.subarray(0, 8), cube];
})();

/** Returns the hash of at most 55 ASCII characters, which fit one block, as eight words. */
function sha256(text: string): Int32Array {
  const words = new Int32Array(64);
  const { length } = text;
  for (let index = 0; index < length; index += 1) {
    words[index >> 2]! |= text.charCodeAt(index) << (24 - (index & 3) * 8);
  }
  words[length >> 2]! |= 0x80 << (24 - (length & 3) * 8);
  words[15] = length * 8;
  const hash = INITIAL_HASH.slice();
  let [a, b, c, d, e, f, g, h] = hash as unknown as [number, number, number, number, number, number, number, number];
  for (let round = 0; round < 64; round += 1) {
    if (round > 15) {
      const x = words[round - 15]!;
      const y = words[round - 2]!;
      words[round] =
        words[round - 16]! +
        words[round - 7]! +
        (rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3)) +
        (rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10));
    }
    const one =
      (h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + ROUND_CONSTANTS[round]! + words[round]!) | 0;
    const two = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = (d + one) | 0;
    d = c;
    c = b;
    b = a;
    a = (one + two) | 0;
  }
  [a, b, c, d, e, f, g, h].forEach((word, index) => (hash[index]! += word));
  return hash;
}

function rotate(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}

/** Compares two strings. It looks at all characters, wherever the first difference is. */
function areEqual(one: string, two: string): boolean {
  let difference = one.length ^ two.length;
  for (let index = 0; index < one.length; index += 1) {
    difference |= one.charCodeAt(index) ^ two.charCodeAt(index);
  }
  return difference === 0;
}

/** White space (the Unicode property) and format characters, for use in a class of a regular expression. */
const SPACE = "\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const FORMAT = "\\xad\\u061c\\u180e\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2064\\u2066-\\u206f\\ufeff";

/** Removes all characters that match from both ends, in linear time. */
function trim(text: string, removed: RegExp): string {
  let start = 0;
  let end = text.length;
  while (start < end && removed.test(text[start]!)) start += 1;
  while (start < end && removed.test(text[end - 1]!)) end -= 1;
  return text.slice(start, end);
}

/** Repairs a pasted text (§7). */
function repair(text: string): string {
  const rules = [
    (): string => (/^(""|''|``|“”|‘’|<>)$/.test(text.slice(0, 1) + text.slice(1).slice(-1)) ? text.slice(1, -1) : text),
    (): string => text.replace(/[,;]$/, ""),
    (): string =>
      text.replace(
        new RegExp(
          `^((export[${SPACE}]+)?${VARIABLE}[${SPACE}]*[=:]|[Aa][Uu][Tt][Hh][Oo][Rr][Ii][Zz][Aa][Tt][Ii][Oo][Nn][${SPACE}]*:)`,
        ),
        "",
      ),
    // Without the flag `u`, the flag `i` matches no other character with an ASCII letter.
    (): string => text.replace(new RegExp(`^bearer(?=[${SPACE}])`, "i"), ""),
  ];
  for (;;) {
    text = trim(text, new RegExp(`[${SPACE}${FORMAT}]`));
    const index = rules.findIndex((rule) => rule() !== text);
    if (index < 0) return text;
    text = rules.splice(index, 1)[0]!();
  }
}

function readVariable<T>(parse: (text: string) => T, environment?: { [VARIABLE]?: unknown }): T {
  const program = (globalThis as { process?: { env?: typeof environment } }).process;
  const value = (environment ?? program?.env)?.[VARIABLE];
  if (typeof value !== "string" || !trim(value, new RegExp(`[${SPACE}${FORMAT}]`))) throw new EnvKeyError("missing");
  // Node.js reads bytes that are not UTF-8 as U+FFFD.
  if (/[\ud800-\udfff\ufffd]/.test(value.replace(/[\ud800-\udbff][\udc00-\udfff]/g, ""))) throw new EnvKeyError("not_unicode");
  try {
    return parse(value);
  } catch (error) {
    throw new EnvKeyError("invalid", error as InvalidKeyError);
  }
}

/** Returns the union of the scopes named in `text`. */
function union(text: string, separator: string | RegExp, skipEmpty: boolean): Scope {
  let bits = 0;
  let position = 0;
  for (const item of text.split(separator)) {
    const bit = NAMES.indexOf(item);
    if (bit >= 0) {
      bits |= 1 << bit;
    } else if (item || !skipEmpty) {
      const start = byteString(text.slice(0, position)).length;
      const typed = byteString(item);
      throw new InvalidScopeError(start, start + typed.length, suggest(typed));
    }
    position += item.length + 1;
  }
  return new Scope(bits);
}

/** Returns the scope that is nearest to `typed`, if it is at most three edits away and no other is as near. */
function suggest(typed: string): Scope | null {
  if (typed.length > 17) return null;
  const distances = NAMES.map((name) => distance(typed.toLowerCase(), name));
  const least = Math.min(...distances);
  const bit = distances.indexOf(least);
  return least <= 3 && bit === distances.lastIndexOf(least) ? new Scope(1 << bit) : null;
}

/** Returns the Levenshtein distance. */
function distance(one: string, two: string): number {
  let row = Array.from({ length: two.length + 1 }, (_, column) => column);
  for (let line = 0; line < one.length; line += 1) {
    const next = [line + 1];
    for (let column = 0; column < two.length; column += 1) {
      const changed = row[column]! + (one[line] === two[column] ? 0 : 1);
      next.push(Math.min(changed, row[column + 1]! + 1, next[column]! + 1));
    }
    row = next;
  }
  return row[two.length]!;
}

function time(value: bigint): bigint {
  if (typeof value !== "bigint") throw new TypeError("a time is a bigint: whole seconds since 1970");
  if (value < 0 || value > MAX_TIME) throw new RangeError("a time is from 0 to 2^64 - 1 seconds since 1970");
  return value;
}

/** Returns the earlier of two times. An absent time counts as later than any other. */
function earlier(one: bigint | null, two: bigint | null): bigint | null {
  return one === null || (two !== null && two < one) ? two : one;
}
