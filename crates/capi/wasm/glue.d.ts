/** A text: its bytes, or a string, which is encoded as UTF-8. */
export type Text = string | Uint8Array;

/** A key. It is secret: erase it with `erase` when it is no longer needed. A new `Key` is empty. */
export class Key {
  /** Without a private field, TypeScript would accept any object as a key. */
  #view;
}

/** The fields of a record, as a database holds them. Times are seconds since 1970. */
export interface Row {
  id: string;
  /** 32 bytes. */
  digest: Uint8Array;
  scopes: number;
  notBefore?: bigint | null;
  expiresAt?: bigint | null;
  retiresAt?: bigint | null;
  revokedAt?: bigint | null;
}

/**
 * Returns the `ctx_key_record` of a row, of 120 bytes. It throws a RangeError if a time is not from 0 to 2^64 - 1, or `scopes`
 * is not from 0 to 2^32 - 1.
 */
export function record(row: Row): DataView;

/** Returns the row of a `ctx_key_record`. */
export function row(record: DataView): Required<Row>;

/**
 * The functions of ctx_key.h, which describes each of them. A result of 0 is success, a positive one is a refusal, and a
 * negative one is an error of the caller. Outputs are arguments: a Uint8Array of the size of the buffer, or a DataView of the
 * size of the structure: 4 bytes for a `size_t` or a `uint32_t`, 8 for a `ctx_key_range`, 24 for a `ctx_key_grant`, 120 for a
 * `ctx_key_record`. All numbers are little-endian. Where C accepts NULL, `null` is allowed. A number outside the
 * range of its type in C causes a RangeError, and a value of another type may cause a TypeError.
 */
export interface CtxKey {
  label(result: number): string;
  status(result: number): number;
  message(result: number): string;
  challengeError(result: number): string | null;

  parse(text: Text, key: Key, detail: DataView | null): number;
  parsePasted(text: Text, key: Key, detail: DataView | null): number;
  /** `values` are all values of a request's `Authorization` header. */
  bearer(values: Text[], key: Key): number;
  generate(key: Key): number;
  id(key: Key, id: Uint8Array): number;
  digest(key: Key, digest: Uint8Array): number;
  digestText(key: Key, text: Uint8Array): number;
  exposeSecret(key: Key, text: Uint8Array): number;
  erase(key: Key): void;
  eraseBytes(bytes: Uint8Array): number;

  scopesParse(text: Text, scopes: DataView, unknown: DataView | null): number;
  scopesParseList(text: Text, scopes: DataView, unknown: DataView | null): number;
  scopesNames(scopes: number, text: Uint8Array): number;
  scopesGrant(granted: number, required: number): boolean;
  scopesMissing(granted: number, required: number): number;

  recordNew(key: Key, scopes: number, record: DataView): number;
  verify(record: DataView, key: Key, now: bigint, grant: DataView): number;
  require(grant: DataView, required: number, missing: DataView | null): number;
  state(record: DataView, now: bigint): number;
  retireAt(record: DataView, time: bigint): number;
  revoke(record: DataView, time: bigint): number;
  rotate(record: DataView, newKey: Key, now: bigint, overlapSecs: bigint, newRecord: DataView): number;

  /** `found` has room for `capacity` ranges of 8 bytes each. */
  find(text: Text, found: DataView | null, capacity: number, count: DataView): number;
  redact(text: Text, redacted: Uint8Array, redactedLength: DataView): number;
}

/**
 * Returns the functions of a compiled module. `fillRandom` fills bytes for `generate`, by default with
 * `crypto.getRandomValues`; if it throws, `generate` returns `CTX_KEY_ERROR_RANDOM`.
 */
export function instantiate(module: WebAssembly.Module, fillRandom?: (bytes: Uint8Array) => void): CtxKey;
