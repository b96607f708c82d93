/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * MemoryKit API keys. README.md has examples, and describes how to build and link.
 *
 * Ownership: the caller owns all memory. No function allocates, and none keeps a pointer after it returns. The texts that some
 * functions return are static.
 *
 * Lengths: an input text is given by its bytes and their number, and needs no NUL. An output text ends in NUL, which its SIZE
 * includes.
 *
 * Pointers: memory that a function writes must overlap with no other argument. NULL and misaligned addresses are errors. No
 * function can detect other wrong pointers.
 *
 * Threads: the library has no state. Any number of threads may call any functions, if no thread writes to memory that another
 * one uses.
 *
 * Errors: on any result but CTX_KEY_OK, a key that is an output is erased, a grant or a record that is an output is zeros, a
 * number is 0, and buffers for texts, digests and ranges are not written. Only the outputs detail, unknown and missing may have
 * other values, which describe the error. A function that changes a record changes it only if the result is CTX_KEY_OK. An
 * output whose pointer is wrong is not written, and the other outputs are as on any other error.
 *
 * Secrets: erase every ctx_key with ctx_key_erase, and the text of a key with ctx_key_erase_bytes, when they are no longer
 * needed. No other output is secret. The running time of reading, comparing and verifying does not depend on the secret.
 */


#ifndef CTX_KEY_H
#define CTX_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define CTX_KEY_MUST_USE __attribute__((warn_unused_result))
#else
#define CTX_KEY_MUST_USE
#endif


/**
 * Size of a buffer for the text of a key and a NUL.
 */
#define CTX_KEY_SIZE 53

/**
 * Size of a buffer for an id and a NUL.
 */
#define CTX_KEY_ID_SIZE 13

/**
 * Length of a digest in bytes.
 */
#define CTX_KEY_DIGEST_LEN 32

/**
 * Size of a buffer for the text of a digest and a NUL.
 */
#define CTX_KEY_DIGEST_TEXT_SIZE 65

/**
 * Read and search memories: `memories:read`.
 */
#define CTX_KEY_MEMORIES_READ 1

/**
 * Create, update and delete memories: `memories:write`.
 */
#define CTX_KEY_MEMORIES_WRITE 2

/**
 * Read chat sessions and history: `chats:read`.
 */
#define CTX_KEY_CHATS_READ 4

/**
 * Create chats and send messages: `chats:write`.
 */
#define CTX_KEY_CHATS_WRITE 8

/**
 * Read user data: `users:read`.
 */
#define CTX_KEY_USERS_READ 16

/**
 * Create and update users: `users:write`.
 */
#define CTX_KEY_USERS_WRITE 32

/**
 * The three read scopes.
 */
#define CTX_KEY_READ 21

/**
 * The three write scopes. A write scope does not imply the read scope.
 */
#define CTX_KEY_WRITE 42

/**
 * Size of a buffer for the names of any set of scopes and a NUL.
 */
#define CTX_KEY_SCOPES_SIZE 75

/**
 * Result of a function. 0 is success, a positive value is a refusal of a request or of a rotation, and a negative
 * value is an error of the caller or of the machine. The values never change. Later versions may add values, so treat
 * every value that you don't know as a refusal.
 */
enum ctx_key_result
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * Success.
   */
  CTX_KEY_OK = 0,
  /**
   * The request has no `Authorization` header, or an empty one, or one with a scheme other than `Bearer`.
   */
  CTX_KEY_MISSING_CREDENTIALS = 1,
  /**
   * The request has several `Authorization` headers, or one that does not consist of a scheme and one token.
   */
  CTX_KEY_MALFORMED_HEADER = 2,
  /**
   * The text does not start with `ctx_`.
   */
  CTX_KEY_KEY_PREFIX = 3,
  /**
   * The text is not 52 bytes long: it was cut off, is a placeholder, or has something around it.
   */
  CTX_KEY_KEY_LENGTH = 4,
  /**
   * A byte after the prefix is not one of 0-9, A-Z and a-z.
   */
  CTX_KEY_KEY_CHARACTER = 5,
  /**
   * The checksum is wrong: a character was changed.
   */
  CTX_KEY_KEY_CHECKSUM = 6,
  /**
   * No record has the key's id. No function returns this value: it is for the caller, which looks up the records.
   */
  CTX_KEY_UNKNOWN_KEY = 7,
  /**
   * The record has the digest of another key.
   */
  CTX_KEY_DIGEST_MISMATCH = 8,
  /**
   * The record's `revoked_at` is set, whatever its value.
   */
  CTX_KEY_REVOKED = 9,
  /**
   * The key has expired: the time is at or after the record's `expires_at`.
   */
  CTX_KEY_EXPIRED = 10,
  /**
   * The overlap after a rotation has ended: the time is at or after the record's `retires_at`.
   */
  CTX_KEY_RETIRED = 11,
  /**
   * The time is before the record's `not_before`, or the time is unknown and `not_before` is set.
   */
  CTX_KEY_NOT_YET_VALID = 12,
  /**
   * The key is valid, but lacks a required scope, or the caller required no scope.
   */
  CTX_KEY_MISSING_SCOPE = 13,
  /**
   * The new key has the id of the old one; generate another key.
   */
  CTX_KEY_SAME_KEY = 14,
  /**
   * The time is `UINT64_MAX`, which stands for an unknown time, so the overlap would never end.
   */
  CTX_KEY_UNKNOWN_TIME = 15,
  /**
   * A pointer is NULL or not aligned, or a length is larger than half the address space.
   */
  CTX_KEY_ERROR_POINTER = -1,
  /**
   * The output buffer is too short, or does not have the required length.
   */
  CTX_KEY_ERROR_BUFFER = -2,
  /**
   * The `ctx_key` holds no key: it was never filled, filling it failed, or it was erased.
   */
  CTX_KEY_ERROR_NO_KEY = -3,
  /**
   * The text is not UTF-8.
   */
  CTX_KEY_ERROR_UTF8 = -4,
  /**
   * A scope name is unknown or missing.
   */
  CTX_KEY_ERROR_SCOPE = -5,
  /**
   * The record is corrupt: `id` is not 12 letters and digits and a NUL, or `scopes` has a bit that no scope has.
   */
  CTX_KEY_ERROR_RECORD = -6,
  /**
   * The operating system, or the host of the WebAssembly module, supplied no random bytes.
   */
  CTX_KEY_ERROR_RANDOM = -7,
  /**
   * The buffers overlap.
   */
  CTX_KEY_ERROR_OVERLAP = -8,
  /**
   * A refusal for which this version of the header has no value.
   */
  CTX_KEY_ERROR_OTHER = -9,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum ctx_key_result ctx_key_result;
#else
typedef int32_t ctx_key_result;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * A key. It is secret: erase it with `ctx_key_erase` when it is no longer needed.
 *
 * The fields are private. The caller owns the memory, on the stack or elsewhere. Before a function fills it, its
 * content does not matter, but only a `ctx_key` of zeros is sure to hold no key. A copy by assignment is a key, too,
 * and must also be erased.
 */
typedef struct ctx_key {
  uint64_t opaque[12];
} ctx_key;

/**
 * Value of a header: `len` bytes, which need no NUL.
 */
typedef struct ctx_key_value {
  /**
   * First byte. It may be NULL if `len` is 0.
   */
  const char *text;
  /**
   * Number of bytes.
   */
  size_t len;
} ctx_key_value;

/**
 * Range of bytes from `start` up to, but not including, `end`.
 */
typedef struct ctx_key_range {
  /**
   * Index of the first byte.
   */
  size_t start;
  /**
   * Index after the last byte.
   */
  size_t end;
} ctx_key_range;

/**
 * A time that may be absent. A `ctx_key_time` that is all zeros is absent.
 *
 * If a database holds a negative time, refuse the row as corrupt: converted to `uint64_t`, -1 is the latest time.
 */
typedef struct ctx_key_time {
  /**
   * Seconds since 1970. Not used if the time is absent.
   */
  uint64_t secs;
  /**
   * 0 if the time is absent; any other value if it is set.
   */
  uint64_t is_set;
} ctx_key_time;

/**
 * The record that a server stores for a key. It holds a digest of the key, not the key itself, and it is not secret.
 *
 * To fill it from a row of a database, begin with zeros, and set every field.
 */
typedef struct ctx_key_record {
  /**
   * Digest of the key.
   */
  uint8_t digest[32];
  /**
   * Time from which the key is valid.
   */
  struct ctx_key_time not_before;
  /**
   * Expiry that the owner set. The key is valid before this time, but not at it.
   */
  struct ctx_key_time expires_at;
  /**
   * End of the overlap after a rotation. The key is valid before this time, but not at it.
   */
  struct ctx_key_time retires_at;
  /**
   * Time of the revocation, for the audit. If it is set, the key is always refused, whatever the time.
   */
  struct ctx_key_time revoked_at;
  /**
   * Scopes of the key: the bits `CTX_KEY_MEMORIES_READ` and so on, and no others.
   */
  uint32_t scopes;
  /**
   * Public part of the key, by which the server finds the record: 12 characters and a NUL.
   */
  char id[CTX_KEY_ID_SIZE];
} ctx_key_record;

/**
 * The grant of a verified key.
 */
typedef struct ctx_key_grant {
  /**
   * The earlier of the record's `expires_at` and `retires_at`. If you keep a grant, do not use it from then on.
   */
  struct ctx_key_time expires_at;
  /**
   * Scopes that the key has.
   */
  uint32_t scopes;
} ctx_key_grant;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Returns the stable label of a result, for logs and metrics, for example `revoked`. Do not show it to the client.
 *
 * The text is static, ends in NUL and is never NULL. Any number is allowed.
 */
CTX_KEY_MUST_USE
const char *ctx_key_label(int32_t result);

/**
 * Returns the status code of the response for a result: 200 for `CTX_KEY_OK`; 400, 401 or 403 for the refusal
 * of a request; 500 for every other value, also for `CTX_KEY_SAME_KEY` and `CTX_KEY_UNKNOWN_TIME`, which only
 * `ctx_key_rotate` returns.
 */
CTX_KEY_MUST_USE uint16_t ctx_key_status(int32_t result);

/**
 * Returns the public message of a result, which may be shown to the client. It is the same for an unknown, wrong,
 * revoked, expired, retired or not yet valid key, so that a stranger learns nothing from it.
 *
 * The text is static, ends in NUL and is never NULL. Any number is allowed.
 */
CTX_KEY_MUST_USE
const char *ctx_key_message(int32_t result);

/**
 * Returns the error code of a result for the response's `WWW-Authenticate` header (RFC 6750 §3.1), or NULL if the
 * header has none. The header is `Bearer realm="MemoryKit", error="invalid_token"` or `Bearer realm="MemoryKit"`.
 *
 * The text is static and ends in NUL. Any number is allowed.
 */
CTX_KEY_MUST_USE
const char *ctx_key_challenge_error(int32_t result);

/**
 * Reads a key strictly: the text must be exactly the 52 bytes of a key.
 *
 * The running time depends on the length, the prefix and the kind of error, but not on the secret.
 *
 * `text` has `text_len` bytes and needs no NUL. `key` receives the key; on an error it is erased. `detail` may be
 * NULL; it receives the length of the text (`CTX_KEY_KEY_LENGTH`), the index of the wrong byte
 * (`CTX_KEY_KEY_CHARACTER`), or 0.
 *
 * Errors: `CTX_KEY_KEY_PREFIX`, `CTX_KEY_KEY_LENGTH`, `CTX_KEY_KEY_CHARACTER` or `CTX_KEY_KEY_CHECKSUM`, the first
 * that applies; `CTX_KEY_ERROR_POINTER`.
 */
CTX_KEY_MUST_USE
ctx_key_result ctx_key_parse(const char *text,
                             size_t text_len,
                             struct ctx_key *key,
                             size_t *detail);

/**
 * Reads a key that a person typed or pasted. First, it removes what people copy along with a key: quotes, white
 * space, the name of a variable or header. It does not run in constant time.
 *
 * The arguments are those of `ctx_key_parse`, but `text` must be UTF-8. `detail` refers to the text that remains.
 *
 * Errors: those of `ctx_key_parse`; `CTX_KEY_ERROR_UTF8`.
 */
CTX_KEY_MUST_USE
ctx_key_result ctx_key_parse_pasted(const char *text,
                                    size_t text_len,
                                    struct ctx_key *key,
                                    size_t *detail);

/**
 * Reads the key from all values of a request's `Authorization` header.
 *
 * Pass all values, even if there are none or several, because the result depends on their number. Do not pass a key
 * from a query string, a form or a cookie.
 *
 * `values` has `count` values; it may be NULL if `count` is 0. Several values are refused unread. `key` receives the
 * key; on an error it is erased.
 *
 * Errors: `CTX_KEY_MISSING_CREDENTIALS`, `CTX_KEY_MALFORMED_HEADER`; those of `ctx_key_parse`.
 */
CTX_KEY_MUST_USE
ctx_key_result ctx_key_bearer(const struct ctx_key_value *values,
                              size_t count,
                              struct ctx_key *key);

/**
 * Makes a key from random bytes of the operating system, or of the host of a WebAssembly module.
 *
 * `key` receives the key; on an error it is erased.
 *
 * Errors: `CTX_KEY_ERROR_RANDOM`, `CTX_KEY_ERROR_POINTER`.
 */
CTX_KEY_MUST_USE ctx_key_result ctx_key_generate(struct ctx_key *key);

/**
 * Writes the id, which is the public part of the key. A server finds the record by it.
 *
 * `id` has `id_size` bytes, at least `CTX_KEY_ID_SIZE`, and receives 12 characters and a NUL.
 *
 * Errors: `CTX_KEY_ERROR_NO_KEY`, `CTX_KEY_ERROR_BUFFER`, `CTX_KEY_ERROR_POINTER`.
 */
CTX_KEY_MUST_USE ctx_key_result ctx_key_id(const struct ctx_key *key, char *id, size_t id_size);

/**
 * Writes the digest, which a server stores in place of the key. It is not secret.
 *
 * `digest` has `digest_len` bytes, exactly `CTX_KEY_DIGEST_LEN`.
 *
 * Errors: `CTX_KEY_ERROR_NO_KEY`, `CTX_KEY_ERROR_BUFFER`, `CTX_KEY_ERROR_POINTER`.
 */
CTX_KEY_MUST_USE ctx_key_result ctx_key_digest(const struct ctx_key *key, uint8_t *digest, size_t digest_len);

/**
 * Writes the digest as 64 hexadecimal digits in lower case.
 *
 * `text` has `text_size` bytes, at least `CTX_KEY_DIGEST_TEXT_SIZE`, and receives 64 characters and a NUL.
 *
 * Errors: `CTX_KEY_ERROR_NO_KEY`, `CTX_KEY_ERROR_BUFFER`, `CTX_KEY_ERROR_POINTER`.
 */
CTX_KEY_MUST_USE ctx_key_result ctx_key_digest_text(const struct ctx_key *key, char *text, size_t text_size);

/**
 * Writes the whole key, to show it once or to send it. No other function writes it.
 *
 * `text` has `text_size` bytes, at least `CTX_KEY_SIZE`, and receives 52 characters and a NUL. It is secret: keep it
 * out of logs and URLs, and erase it with `ctx_key_erase_bytes`.
 *
 * Errors: `CTX_KEY_ERROR_NO_KEY`, `CTX_KEY_ERROR_BUFFER`, `CTX_KEY_ERROR_POINTER`.
 */
CTX_KEY_MUST_USE
ctx_key_result ctx_key_expose_secret(const struct ctx_key *key,
                                     char *text,
                                     size_t text_size);

/**
 * Erases a key, so that `key` holds none. NULL is allowed. Call it for every `ctx_key` that a function has filled,
 * and for every copy, when it is no longer needed.
 *
 * Only `key` itself is erased. Copies in registers, swap space and core dumps remain, and so does the text that the
 * key was read from. `ctx_key_erase_bytes` erases that text.
 */
void ctx_key_erase(struct ctx_key *key);

/**
 * Erases bytes that hold a secret, for example the text of a key: overwrites them with zeros. A compiler may remove
 * a call of `memset` for this purpose, but not a call of this function. `bytes` has `len` bytes; it may be NULL if
 * `len` is 0.
 *
 * Errors: `CTX_KEY_ERROR_POINTER`.
 */
ctx_key_result ctx_key_erase_bytes(void *bytes,
                                   size_t len);

/**
 * Finds keys in any bytes. Only the checksum decides, not the characters around a key. The running time is linear in
 * the length, and not constant in the content.
 *
 * `text` has `text_len` bytes. `found` has room for `capacity` ranges, and receives the first keys, in order; it may
 * be NULL if `capacity` is 0. `count` receives the number of all keys in the text, or 0 on an error. If it is larger
 * than `capacity`, call the function again with more room. The id of a key is the 12 bytes from
 * `text + found[i].start + 4`.
 *
 * Errors: `CTX_KEY_ERROR_POINTER`.
 */
CTX_KEY_MUST_USE
ctx_key_result ctx_key_find(const char *text,
                            size_t text_len,
                            struct ctx_key_range *found,
                            size_t capacity,
                            size_t *count);

/**
 * Copies bytes without the secrets of keys: if 30 or more letters and digits follow `ctx_`, the first 12 of them are
 * kept, and `***` replaces the others. This also hides a key with a changed character or without its end.
 *
 * `text` has `text_len` bytes. `redacted` has `capacity` bytes, at least `text_len`, because the result is never
 * longer than the text. It must not overlap `text`. `redacted_len` receives the number of bytes written, or 0 on an
 * error. No NUL is written.
 *
 * Errors: `CTX_KEY_ERROR_BUFFER`, `CTX_KEY_ERROR_OVERLAP`, `CTX_KEY_ERROR_POINTER`.
 */
CTX_KEY_MUST_USE
ctx_key_result ctx_key_redact(const char *text,
                              size_t text_len,
                              char *redacted,
                              size_t capacity,
                              size_t *redacted_len);

/**
 * Reads names of scopes, which are separated by exactly one space. The empty text is the empty set.
 *
 * `text` has `text_len` bytes and needs no NUL. `scopes` receives the bits, or 0 on an error. `unknown` may be NULL;
 * it receives the range of the first unknown name, which is empty if a name is missing, or 0 and 0 if there is no
 * such error.
 *
 * Errors: `CTX_KEY_ERROR_SCOPE`, `CTX_KEY_ERROR_UTF8`, `CTX_KEY_ERROR_POINTER`.
 */
CTX_KEY_MUST_USE
ctx_key_result ctx_key_scopes_parse(const char *text,
                                    size_t text_len,
                                    uint32_t *scopes,
                                    struct ctx_key_range *unknown);

/**
 * Reads a list that a person typed: names of scopes, separated by any number of commas and white space.
 *
 * The arguments and errors are those of `ctx_key_scopes_parse`.
 */
CTX_KEY_MUST_USE
ctx_key_result ctx_key_scopes_parse_list(const char *text,
                                         size_t text_len,
                                         uint32_t *scopes,
                                         struct ctx_key_range *unknown);

/**
 * Writes the names of the scopes in a set, in the order of their bits, with one space between them. Bits that no
 * scope has are left out.
 *
 * `text` has `text_size` bytes, at least `CTX_KEY_SCOPES_SIZE`, and receives the names and a NUL.
 *
 * Errors: `CTX_KEY_ERROR_BUFFER`, `CTX_KEY_ERROR_POINTER`.
 */
CTX_KEY_MUST_USE
ctx_key_result ctx_key_scopes_names(uint32_t scopes,
                                    char *text,
                                    size_t text_size);

/**
 * Returns whether a set of granted scopes has all required ones. If none is required, the result is false.
 *
 * Use it in place of `(granted & required) == required`, which is true if nothing is required.
 */
CTX_KEY_MUST_USE bool ctx_key_scopes_grant(uint32_t granted, uint32_t required);

/**
 * Returns the required scopes that are not in the set of granted ones.
 */
CTX_KEY_MUST_USE uint32_t ctx_key_scopes_missing(uint32_t granted, uint32_t required);

/**
 * Writes the record of a new key with these scopes. The key is always valid, unless the caller sets times in the
 * record. On an error, `record` is zeros.
 *
 * Errors: `CTX_KEY_ERROR_NO_KEY`; `CTX_KEY_ERROR_RECORD` if `scopes` has a bit that no scope has; `CTX_KEY_ERROR_POINTER`.
 */
CTX_KEY_MUST_USE
ctx_key_result ctx_key_record_new(const struct ctx_key *key,
                                  uint32_t scopes,
                                  struct ctx_key_record *record);

/**
 * Checks that a record belongs to a key, and that the key is valid at `now`. A corrupt record is an error, whatever
 * the key. The digests are compared next, in constant time, and only then the times.
 *
 * `now` is in seconds since 1970. `UINT64_MAX` stands for an unknown time, at which only keys without times are
 * valid. If there is no clock, `(uint64_t) time(NULL)` has this value. `grant` receives what the key may do, or on
 * an error no scope and no end.
 *
 * Errors: `CTX_KEY_DIGEST_MISMATCH`, `CTX_KEY_REVOKED`, `CTX_KEY_EXPIRED`, `CTX_KEY_RETIRED` or `CTX_KEY_NOT_YET_VALID`, the
 * first that applies; `CTX_KEY_ERROR_RECORD`, `CTX_KEY_ERROR_NO_KEY`, `CTX_KEY_ERROR_POINTER`.
 */
CTX_KEY_MUST_USE
ctx_key_result ctx_key_verify(const struct ctx_key_record *record,
                              const struct ctx_key *key,
                              uint64_t now,
                              struct ctx_key_grant *grant);

/**
 * Checks that a grant has all required scopes. At least one must be required.
 *
 * `missing` may be NULL; it receives the required scopes that the grant lacks. If `grant` is NULL or misaligned, these
 * are all of them.
 *
 * Errors: `CTX_KEY_MISSING_SCOPE`, even if `required` is 0; `CTX_KEY_ERROR_POINTER`.
 */
CTX_KEY_MUST_USE
ctx_key_result ctx_key_require(const struct ctx_key_grant *grant,
                               uint32_t required,
                               uint32_t *missing);

/**
 * Returns the state of a record at `now`, for lists and dashboards: `CTX_KEY_OK` if its key is valid, or else the
 * result that `ctx_key_verify` would return for its key.
 *
 * Errors: `CTX_KEY_REVOKED`, `CTX_KEY_EXPIRED`, `CTX_KEY_RETIRED`, `CTX_KEY_NOT_YET_VALID`; `CTX_KEY_ERROR_RECORD`,
 * `CTX_KEY_ERROR_POINTER`.
 */
CTX_KEY_MUST_USE
ctx_key_result ctx_key_state(const struct ctx_key_record *record,
                             uint64_t now);

/**
 * Schedules the end of a record's overlap at `time`. An earlier end is kept.
 *
 * Errors: `CTX_KEY_ERROR_RECORD`, `CTX_KEY_ERROR_POINTER`. On an error, nothing is changed.
 */
CTX_KEY_MUST_USE ctx_key_result ctx_key_retire_at(struct ctx_key_record *record, uint64_t time);

/**
 * Revokes a record's key, at once and permanently. For the audit, the record keeps the earliest time of several
 * calls.
 *
 * Errors: `CTX_KEY_ERROR_RECORD`, `CTX_KEY_ERROR_POINTER`. On an error, nothing is changed.
 */
CTX_KEY_MUST_USE
ctx_key_result ctx_key_revoke(struct ctx_key_record *record,
                              uint64_t time);

/**
 * Replaces a record's key with an overlap: writes the record of the new key, and retires the old key `overlap_secs`
 * seconds after `now`. An earlier end of the overlap is kept.
 *
 * The new record has the scopes, `not_before` and `expires_at` of the old one. Store both in one transaction.
 *
 * Errors: `CTX_KEY_SAME_KEY`, `CTX_KEY_REVOKED`, `CTX_KEY_EXPIRED`, `CTX_KEY_RETIRED` or `CTX_KEY_UNKNOWN_TIME`, the first that
 * applies; `CTX_KEY_ERROR_RECORD`, `CTX_KEY_ERROR_NO_KEY`, `CTX_KEY_ERROR_POINTER`. On an error, `record` is not
 * changed, and `new_record` is zeros.
 */
CTX_KEY_MUST_USE
ctx_key_result ctx_key_rotate(struct ctx_key_record *record,
                              const struct ctx_key *new_key,
                              uint64_t now,
                              uint64_t overlap_secs,
                              struct ctx_key_record *new_record);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* CTX_KEY_H */
