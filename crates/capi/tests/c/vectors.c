/* Runs the lines of examples/vector_lines.rs from the standard input, and prints the number that agree. It is C99 and C++.
 *
 * Every buffer is allocated with its exact length, so that AddressSanitizer and valgrind detect every access beyond it. */

#include <ctx_key.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char KEY[] = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";
static const char OTHER[] = "ctx_hNRO46HtK22RXWXHlNkAHVt4fGut2pK3PYaw6kr2092lOxsW";

static char line[1 << 17];
static char *rest;
static char copy[sizeof line];

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, copy);
    exit(1);
}

static void expect(bool agrees, const char *what)
{
    if (!agrees)
        fail(what);
}

/* Returns the next field. */
static char *field(void)
{
    char *start = rest;
    if (start == NULL)
        fail("too few fields");
    rest = strchr(start, ' ');
    if (rest != NULL)
        *rest++ = 0;
    return start;
}

static uint64_t number(void)
{
    return strtoull(field(), NULL, 10);
}

typedef struct {
    char *start;
    size_t len;
} Bytes;

static Bytes allocate(size_t len)
{
    Bytes bytes = {(char *)malloc(len), len};
    return bytes;
}

/* Returns bytes that the caller frees. */
static Bytes bytes(void)
{
    const char *digits = field() + 1;
    Bytes read = allocate(strlen(digits) / 2);
    size_t i;
    for (i = 0; i < read.len; i += 1) {
        unsigned byte = 0;
        sscanf(digits + 2 * i, "%2x", &byte);
        read.start[i] = (char)byte;
    }
    return read;
}

static ctx_key_time read_time(void)
{
    ctx_key_time time = {0, 0};
    const char *text = field();
    if (strcmp(text, "-") != 0) {
        time.secs = strtoull(text, NULL, 10);
        time.is_set = 1;
    }
    return time;
}

static ctx_key key_of(const char *text)
{
    ctx_key key;
    expect(ctx_key_parse(text, strlen(text), &key, NULL) == CTX_KEY_OK, "a key");
    return key;
}

static ctx_key presented(void)
{
    return key_of(strcmp(field(), "1") == 0 ? KEY : OTHER);
}

static ctx_key_record read_record(void)
{
    ctx_key key = key_of(KEY);
    ctx_key_record record;
    expect(ctx_key_record_new(&key, CTX_KEY_READ, &record) == CTX_KEY_OK, "a record");
    record.not_before = read_time();
    record.expires_at = read_time();
    record.retires_at = read_time();
    record.revoked_at = read_time();
    return record;
}

static bool same_time(ctx_key_time one, ctx_key_time other)
{
    return (one.is_set != 0) == (other.is_set != 0) && (!one.is_set || one.secs == other.secs);
}

static bool same_record(const ctx_key_record *one, const ctx_key_record *other)
{
    return memcmp(one->digest, other->digest, sizeof one->digest) == 0 && memcmp(one->id, other->id, sizeof one->id) == 0
        && one->scopes == other->scopes && same_time(one->not_before, other->not_before)
        && same_time(one->expires_at, other->expires_at) && same_time(one->retires_at, other->retires_at)
        && same_time(one->revoked_at, other->revoked_at);
}

static bool is(const char *found, const char *expected)
{
    return strcmp(found == NULL ? "-" : found, expected) == 0;
}

/* Compares a text from a function with the next field, which is `-` if there is no key. */
static void expect_text(ctx_key_result (*write)(const ctx_key *, char *, size_t), const ctx_key *key, size_t size)
{
    char *text = (char *)malloc(size);
    ctx_key_result result = write(key, text, size);
    expect(is(result == CTX_KEY_OK ? text : NULL, field()), "a text");
    expect(write(key, text, size - 1) != CTX_KEY_OK, "a short buffer");
    free(text);
}

static void check_parse(ctx_key_result (*parse)(const char *, size_t, ctx_key *, size_t *))
{
    ctx_key *key = (ctx_key *)malloc(sizeof *key);
    size_t detail;
    Bytes input = bytes();
    ctx_key_result result = parse(input.start, input.len, key, &detail);
    expect(is(ctx_key_label(result), field()), "result");
    expect(detail == number(), "detail");
    expect_text(ctx_key_id, key, CTX_KEY_ID_SIZE);
    expect_text(ctx_key_digest_text, key, CTX_KEY_DIGEST_TEXT_SIZE);
    if (result == CTX_KEY_OK) {
        Bytes secret = allocate(CTX_KEY_SIZE), digest = allocate(CTX_KEY_DIGEST_LEN);
        ctx_key again;
        char id[CTX_KEY_ID_SIZE];
        expect(ctx_key_expose_secret(key, secret.start, secret.len) == CTX_KEY_OK, "expose_secret");
        expect(ctx_key_parse(secret.start, 52, &again, NULL) == CTX_KEY_OK, "the same key");
        expect(ctx_key_id(&again, id, sizeof id) == CTX_KEY_OK, "the same key");
        expect(memcmp(id, secret.start + 4, sizeof id - 1) == 0, "the same key");
        expect(ctx_key_digest(key, (uint8_t *)digest.start, digest.len) == CTX_KEY_OK, "digest");
        expect(ctx_key_erase_bytes(secret.start, secret.len) == CTX_KEY_OK, "erase_bytes");
        free(secret.start);
        free(digest.start);
    }
    ctx_key_erase(key);
    free(key);
    free(input.start);
}

static void check_names(void)
{
    uint32_t bits = (uint32_t)number(), scopes = 99;
    Bytes expected = bytes(), found = allocate(CTX_KEY_SCOPES_SIZE);
    expect(ctx_key_scopes_names(bits, found.start, found.len) == CTX_KEY_OK, "names");
    expect(strlen(found.start) == expected.len && memcmp(found.start, expected.start, expected.len) == 0, "names");
    expect(ctx_key_scopes_parse(expected.start, expected.len, &scopes, NULL) == CTX_KEY_OK, "scopes");
    expect(scopes == bits, "scopes");
    free(expected.start);
    free(found.start);
}

static void check_scopes(ctx_key_result (*parse)(const char *, size_t, uint32_t *, ctx_key_range *))
{
    Bytes input = bytes();
    uint32_t scopes = 99;
    ctx_key_range range;
    expect(is(ctx_key_label(parse(input.start, input.len, &scopes, &range)), field()), "result");
    expect(scopes == number(), "scopes");
    expect(range.start <= range.end && range.end <= input.len, "range");
    free(input.start);
}

static void check_grants(void)
{
    uint32_t granted = (uint32_t)number(), required = (uint32_t)number();
    expect(ctx_key_scopes_grant(granted, required) == (number() == 1), "grants");
    expect(ctx_key_scopes_missing(granted, required) == number(), "missing");
}

static void check_bearer(void)
{
    uint64_t status = number();
    const char *error = field(), *id = field();
    size_t count = (size_t)number(), i;
    ctx_key_value *values = (ctx_key_value *)malloc(count * sizeof *values);
    ctx_key key;
    ctx_key_result result;
    char found[CTX_KEY_ID_SIZE];
    for (i = 0; i < count; i += 1) {
        Bytes value = bytes();
        values[i].text = value.start;
        values[i].len = value.len;
    }
    result = ctx_key_bearer(values, count, &key);
    expect(ctx_key_status(result) == status, "status");
    expect(is(ctx_key_challenge_error(result), error), "error");
    expect(is(ctx_key_id(&key, found, sizeof found) == CTX_KEY_OK ? found : NULL, id), "id");
    for (i = 0; i < count; i += 1)
        free((void *)values[i].text);
    free(values);
}

static void check_verify(void)
{
    ctx_key_record record = read_record();
    uint64_t now = number();
    ctx_key key = presented();
    ctx_key_grant grant;
    ctx_key_result result = ctx_key_verify(&record, &key, now, &grant);
    expect(is(ctx_key_label(result), field()), "result");
    expect(is(ctx_key_label(ctx_key_state(&record, now)), field()), "state");
    expect(same_time(grant.expires_at, read_time()), "end");
    expect(grant.scopes == (result == CTX_KEY_OK ? CTX_KEY_READ : 0), "scopes");
    expect((ctx_key_require(&grant, CTX_KEY_CHATS_READ, NULL) == CTX_KEY_OK) == (result == CTX_KEY_OK), "require");
}

static void check_changes(void)
{
    ctx_key_record record = read_record(), after = read_record();
    uint64_t count = number();
    for (; count > 0; count -= 1) {
        bool revokes = strcmp(field(), "revoke") == 0;
        uint64_t time = number();
        ctx_key_result result = revokes ? ctx_key_revoke(&record, time) : ctx_key_retire_at(&record, time);
        expect(result == CTX_KEY_OK, "change");
    }
    expect(same_record(&record, &after), "record");
}

static void check_rotate(void)
{
    ctx_key_record old = read_record(), made, expected;
    uint64_t now = number(), overlap = number();
    ctx_key key = presented();
    ctx_key_result result = ctx_key_rotate(&old, &key, now, overlap, &made);
    expect(is(ctx_key_label(result), field()), "result");
    expected = read_record();
    expect(same_record(&old, &expected), "old");
    expected = read_record();
    if (result == CTX_KEY_OK) {
        expect(ctx_key_id(&key, expected.id, sizeof expected.id) == CTX_KEY_OK, "id");
        expect(ctx_key_digest(&key, expected.digest, sizeof expected.digest) == CTX_KEY_OK, "digest");
    } else {
        memset(&expected, 0, sizeof expected);
    }
    expect(same_record(&made, &expected), "new");
}

static void check_leaks(void)
{
    Bytes text = bytes(), expected = bytes(), redacted = allocate(text.len);
    size_t expected_count = (size_t)number(), count, len, i;
    ctx_key_range *found = (ctx_key_range *)malloc(expected_count * sizeof *found);
    expect(ctx_key_redact(text.start, text.len, redacted.start, text.len, &len) == CTX_KEY_OK, "redact");
    expect(len == expected.len && memcmp(redacted.start, expected.start, len) == 0, "redacted");
    expect(ctx_key_find(text.start, text.len, found, expected_count, &count) == CTX_KEY_OK, "find");
    expect(count == expected_count, "count");
    for (i = 0; i < count; i += 1) {
        expect(found[i].start == number(), "start");
        expect(found[i].end == found[i].start + 52, "end");
    }
    free(text.start);
    free(expected.start);
    free(redacted.start);
    free(found);
}

static void check(const char *kind)
{
    if (is(kind, "key"))
        check_parse(ctx_key_parse);
    else if (is(kind, "pasted"))
        check_parse(ctx_key_parse_pasted);
    else if (is(kind, "names"))
        check_names();
    else if (is(kind, "scopes"))
        check_scopes(ctx_key_scopes_parse);
    else if (is(kind, "scopes_list"))
        check_scopes(ctx_key_scopes_parse_list);
    else if (is(kind, "grants"))
        check_grants();
    else if (is(kind, "bearer"))
        check_bearer();
    else if (is(kind, "verify"))
        check_verify();
    else if (is(kind, "changes"))
        check_changes();
    else if (is(kind, "rotate"))
        check_rotate();
    else if (is(kind, "leaks"))
        check_leaks();
    else
        fail("no such kind");
}

static void check_mistakes(void)
{
    ctx_key key;
    ctx_key_record record;
    ctx_key_grant grant;
    char text[CTX_KEY_SIZE], made[CTX_KEY_SIZE];
    size_t i;
    memset(text, 0, sizeof text);
    memset(&key, 0, sizeof key);
    memset(&record, 0, sizeof record);
    strcpy(copy, "mistakes");
    expect(ctx_key_id(&key, text, sizeof text) == CTX_KEY_ERROR_NO_KEY, "zeros hold no key");
    expect(ctx_key_verify(&record, &key, 1, &grant) == CTX_KEY_ERROR_NO_KEY, "zeros hold no key");
    expect(ctx_key_parse(NULL, 1, &key, NULL) == CTX_KEY_ERROR_POINTER, "NULL");
    expect(ctx_key_parse(KEY, 52, NULL, NULL) == CTX_KEY_ERROR_POINTER, "NULL");
    expect(ctx_key_bearer(NULL, 1, &key) == CTX_KEY_ERROR_POINTER, "NULL");
    expect(ctx_key_bearer(NULL, 0, &key) == CTX_KEY_MISSING_CREDENTIALS, "no values");
    expect(ctx_key_parse(KEY, (size_t)-1, &key, NULL) == CTX_KEY_ERROR_POINTER, "a huge length");
    key = key_of(KEY);
    expect(ctx_key_verify(&record, &key, 1, &grant) == CTX_KEY_ERROR_RECORD, "zeros are not a record");
    expect(ctx_key_verify(NULL, &key, 1, &grant) == CTX_KEY_ERROR_POINTER, "NULL");
    expect(ctx_key_expose_secret(&key, text, 52) == CTX_KEY_ERROR_BUFFER, "a short buffer");
    ctx_key_erase(NULL);
    ctx_key_erase(&key);
    expect(ctx_key_expose_secret(&key, text, sizeof text) == CTX_KEY_ERROR_NO_KEY, "erased");
    for (i = 0; i < 2; i += 1) {
        memcpy(made, text, sizeof made);
        expect(ctx_key_generate(&key) == CTX_KEY_OK, "generate");
        expect(ctx_key_expose_secret(&key, text, sizeof text) == CTX_KEY_OK, "generate");
        expect(strlen(text) == strlen(OTHER) && memcmp(text, "ctx_", 4) == 0, "generate");
    }
    expect(strcmp(made, text) != 0, "keys differ");
}

int main(void)
{
    unsigned count = 0;
    check_mistakes();
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = 0;
        strcpy(copy, line);
        rest = line;
        check(field());
        expect(rest == NULL || *rest == 0, "too many fields");
        count += 1;
    }
    printf("%u cases agree\n", count);
    return 0;
}
