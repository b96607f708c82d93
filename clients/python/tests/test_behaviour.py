from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest
from keys import KEY, OTHER, with_checksum

import memorykit_key
from memorykit_key import (
    MAX_TIME,
    AnyKey,
    ApiKey,
    Denied,
    EnvKeyError,
    Grant,
    InvalidKey,
    InvalidScope,
    KeyRecord,
    KeyState,
    RotateError,
    Scope,
    bearer,
    find,
    redact,
    redact_str,
    unix_now,
)

OWN = ApiKey.parse(KEY)


def record(**times: Any) -> KeyRecord[str]:
    return KeyRecord(OWN.id, OWN.digest, "demo", Scope.READ, **times)


def test_the_package_exports_exactly_this() -> None:
    assert " ".join(memorykit_key.__all__) == (
        "MAX_TIME AnyKey ApiKey Denied EnvKeyError Grant InvalidKey InvalidScope KeyRecord KeyState RedactingFilter "
        "RotateError Scope bearer find redact redact_str unix_now"
    )
    for name in memorykit_key.__all__:
        assert hasattr(memorykit_key, name)


def test_a_value_that_is_not_a_text_is_a_type_error() -> None:
    for value, name in [
        (None, "NoneType"),
        (5, "int"),
        (bytearray(KEY, "ascii"), "bytearray"),
        ([KEY], "list"),
        (memoryview(KEY.encode()), "memoryview"),
    ]:
        calls: list[Callable[[Any], object]] = [ApiKey.parse, AnyKey.parse, lambda value: bearer([value])]
        for call in calls:
            with pytest.raises(TypeError) as caught:
                call(value)
            assert str(caught.value) == f"expected bytes or str, not {name}"
    for values in [f"Bearer {KEY}", f"Bearer {KEY}".encode()]:
        with pytest.raises(TypeError, match="a list of all values"):
            bearer(values)  # type: ignore[arg-type]


def test_error_kinds_are_value_errors() -> None:
    for kind in [InvalidKey, InvalidScope, EnvKeyError, RotateError]:
        assert issubclass(kind, ValueError)
    assert issubclass(Denied, Exception) and not issubclass(Denied, ValueError)


def test_each_error_of_a_key_says_what_to_do() -> None:
    too_long = "something was added, or a character is not plain ASCII; copy the key again, without anything around it"
    texts = {
        KEY[1:]: "an API key starts with `ctx_`: copy the whole key, without anything around it",
        KEY[:51]: "an API key is 52 bytes long, not 51: it was cut off or is a placeholder; copy the whole key",
        KEY + "x": f"an API key is 52 bytes long, not 53: {too_long}",
        KEY.replace("f", "_"): "the byte at index 16 of the API key is not one of 0-9, A-Z and a-z; copy the key again",
        KEY.replace("n9", "n8"): "the checksum of the API key is wrong: a character was changed; copy the key again",
    }
    for text, message in texts.items():
        with pytest.raises(InvalidKey) as caught:
            ApiKey.parse(text)
        assert str(caught.value) == message
    assert str(InvalidKey("length", 52)).endswith(too_long)


def test_each_reason_has_a_public_message() -> None:
    not_valid = "the API key is not valid: it is unknown, revoked or outside its validity period"
    not_well_formed = "the API key is not well-formed: copy the whole key, and nothing else"
    messages = {
        "missing_credentials": "an API key is required: send it as `Authorization: Bearer <key>`",
        "malformed_header": "the Authorization header is malformed: send one, as `Bearer <key>`",
        "missing_scope": "the API key lacks a scope that this request requires",
        **dict.fromkeys(["key_prefix", "key_length", "key_character", "key_checksum"], not_well_formed),
        **dict.fromkeys(["unknown_key", "digest_mismatch", "revoked", "expired", "retired", "not_yet_valid"], not_valid),
    }
    for reason, message in messages.items():
        assert str(Denied(reason)) == Denied(reason).message == message


def test_each_refused_argument_is_explained() -> None:
    refusals: list[tuple[Callable[[], object], str]] = [
        (lambda: Scope(-1), "the bits of a scope are from 0 to 2^32 - 1"),
        (lambda: Scope.from_bits(64), "unknown scope bits: deploy the readers of a new scope before its writers"),
        (lambda: record(expires_at=-1), "a time is from 0 to 2^64 - 1 seconds since 1970"),
        (lambda: record(expires_at=1.5), "expected an int, not float"),
        (lambda: record(expires_at=KEY), "expected an int, not str"),
        (lambda: Scope(KEY), "expected an int, not str"),  # type: ignore[arg-type]
        (lambda: KeyRecord(KEY, OWN.digest, 1, Scope.READ), "a key id is 12 letters and digits"),
        (lambda: KeyRecord(OWN.id, KEY, 1, Scope.READ), "a digest is 64 hexadecimal digits"),
        (lambda: setattr(OWN, "id", "x"), "a key cannot be changed"),
        (lambda: delattr(OWN, "id"), "a key cannot be changed"),
        (lambda: setattr(Scope.READ, "bits", 63), "a scope cannot be changed"),
        (lambda: delattr(Scope.READ, "bits"), "a scope cannot be changed"),
        (lambda: ApiKey(), "a key comes from parse, parse_pasted or from_env"),
    ]
    for call, text in refusals:
        with pytest.raises((ValueError, TypeError, AttributeError)) as caught:
            call()
        assert str(caught.value) == text


MISSING = "MEMORYKIT_API_KEY is not set or empty; create a key in the dashboard under API Keys, and set the variable to it"
NOT_A_KEY = (
    "MEMORYKIT_API_KEY does not hold an API key: "
    "an API key starts with `ctx_`: copy the whole key, without anything around it"
)
NOT_UNICODE = "MEMORYKIT_API_KEY is not Unicode text; set it to a key from the dashboard"


@pytest.mark.parametrize("kind", [ApiKey, AnyKey])
@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (None, "missing", MISSING),
        ("", "missing", MISSING),
        (" \u200b\r\n", "missing", MISSING),
        ("ctx_\udcff", "not_unicode", NOT_UNICODE),
        (KEY + "\udc80", "not_unicode", NOT_UNICODE),
        ("''", "invalid", NOT_A_KEY),  # a value that is empty only after the repair counts as set
        ("MEMORYKIT_API_KEY=", "invalid", NOT_A_KEY),
        (
            "ctx_your_api_key_here",
            "invalid",
            "MEMORYKIT_API_KEY does not hold an API key: an API key is 52 bytes long, not 21: "
            "it was cut off or is a placeholder; copy the whole key",
        ),
    ],
)
def test_each_mistake_in_the_environment_is_explained(
    monkeypatch: pytest.MonkeyPatch, kind: type[ApiKey], value: str | None, error: str, text: str
) -> None:
    monkeypatch.delenv("MEMORYKIT_API_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("MEMORYKIT_API_KEY", value)
    with pytest.raises(EnvKeyError) as caught:
        kind.from_env()
    assert (caught.value.kind, str(caught.value)) == (error, text)
    reason = caught.value.reason
    expected = ("prefix", None) if text == NOT_A_KEY else ("length", 21)
    assert (reason and (reason.kind, reason.detail)) == (expected if error == "invalid" else None)


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMORYKIT_API_KEY", f"export MEMORYKIT_API_KEY='{KEY}'\n")
    assert ApiKey.from_env() == OWN
    assert AnyKey.from_env() == AnyKey.parse(KEY)
    later = KEY[:46] + "5z2n9x"
    monkeypatch.setenv("MEMORYKIT_API_KEY", f" {later}\n")
    assert AnyKey.from_env().expose_secret() == later
    with pytest.raises(EnvKeyError) as caught:
        ApiKey.from_env()
    assert caught.value.kind == "invalid"


def test_the_lenient_reading_refuses_a_text_that_is_not_a_key_of_any_version() -> None:
    refusals: list[tuple[str, str, int | None]] = [
        ("CTX_", "prefix", None),
        ("ctx_", "length", 4),
        ("ctx_" + "a" * 29, "length", 33),
        ("ctx__" + KEY[5:], "character", 4),
        (KEY.replace("f", "_"), "character", 16),
        (KEY + " x", "character", 52),
        (KEY.replace("n9", "n8"), "checksum", None),
    ]
    for text, kind, detail in refusals:
        with pytest.raises(InvalidKey) as caught:
            AnyKey.parse(text)
        assert (caught.value.kind, caught.value.detail) == (kind, detail)
    for text in ["ctx_" + "a" * 30, KEY[:51], KEY + "0", KEY[:46] + "5z2n9x"]:
        assert AnyKey.parse_pasted(f'"{text}"').expose_secret() == text


def test_a_lone_surrogate_is_three_bytes() -> None:
    high, low = "\ud83d", "\ude00"
    for end, length in [(f"a{low}b", 9), (high + low, 10), (low + high, 10), ("\U0001f600", 8), ("\u07ff\u0800", 9)]:
        with pytest.raises(InvalidKey) as caught:
            ApiKey.parse(f"ctx_{end}")
        assert caught.value.detail == length
    with pytest.raises(InvalidScope) as unknown:
        Scope.parse("users:read \ud800")
    assert (unknown.value.start, unknown.value.end) == (11, 14)
    assert redact_str(f"\ud800{KEY}\udc00") == "\ud800ctx_8aspm4G7VmSU***\udc00"
    assert Denied.unknown_key().challenge("a\udc00\U0001f600\ud83db") == 'Bearer realm="a???b", error="invalid_token"'


def test_a_misspelt_scope_gets_a_suggestion() -> None:
    suggestions = {
        "memory:read": "memories:read",
        "Memories.Read": "memories:read",
        "memor:read": "memories:read",
        "xxxxries:read": "None",  # four edits from memories:read, and more from the others
        "chat:redd": "chats:read",
        "chats:we": "None",  # as near to chats:read as to chats:write
        "memoriesxxx:read": "memories:read",
        "memoriesxxxx:read": "None",  # four more letters
        "memories:writexxx": "memories:write",  # the longest
        "chats:writexxxx": "None",
        "MEMORIES_READ": "memories:read",
        "admin": "None",
    }
    for typed, name in suggestions.items():
        with pytest.raises(InvalidScope) as caught:
            Scope.parse(typed)
        assert str(caught.value.suggestion) == name
    with pytest.raises(InvalidScope) as caught:
        Scope.parse_list("chats:read,\u3000memory:read")
    assert (caught.value.start, caught.value.end) == (14, 25)
    assert str(caught.value) == "unknown scope at bytes 14..25; did you mean `memories:read`?"
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    with pytest.raises(InvalidScope) as caught:
        Scope.parse("chats:read x users:rea")
    assert (caught.value.start, caught.value.end, caught.value.suggestion) == (11, 12, None)
    assert str(caught.value) == (
        "unknown scope at bytes 11..12; the scopes are: "
        "memories:read memories:write chats:read chats:write users:read users:write"
    )
    with pytest.raises(InvalidScope) as caught:
        Scope.parse("chats:read ")
    assert str(caught.value) == (
        "a scope name is missing at byte 11; separate names by one space, without spaces at the ends"
    )


def test_stored_bits_are_read_strictly_and_unknown_ones_never_granted() -> None:
    assert str(Scope.from_bits(63)) == "memories:read memories:write chats:read chats:write users:read users:write"
    sets = {name: scope.bits for name, scope in vars(Scope).items() if isinstance(scope, Scope)}
    assert sets == {
        "MEMORIES_READ": 1,
        "MEMORIES_WRITE": 2,
        "CHATS_READ": 4,
        "CHATS_WRITE": 8,
        "USERS_READ": 16,
        "USERS_WRITE": 32,
        "READ": 21,
        "WRITE": 42,
    }
    for bits in [64, 65, 2**31, 2**32 - 1, -1, 2**32]:
        with pytest.raises(ValueError):
            Scope.from_bits(bits)
    for bits in [-1, 2**32]:
        with pytest.raises(ValueError):
            Scope(bits)
    for wrong in ["5", 5.0, None, True]:
        with pytest.raises(TypeError):
            Scope(wrong)  # type: ignore[arg-type]
    high = Scope(2**31 + 1)
    assert not high.grants(Scope(2**31))
    assert Scope(0).missing(high) == high
    assert KeyRecord(OWN.id, OWN.digest, 1, high).verify(OWN, 0).scopes == Scope(1)
    assert {Scope(5): 1}[Scope(5)] == 1 and not Scope(0) and Scope(64) and Scope(5) != 5
    assert [repr(Scope(bits)) for bits in [0, 9, 64, 2**31 + 1]] == [
        "Scope()",
        "Scope(memories:read chats:write)",
        "Scope(0x40)",
        "Scope(memories:read, 0x80000000)",
    ]
    assert pickle.loads(pickle.dumps(high)) == high
    with pytest.raises(AttributeError):
        high.bits = 1


def test_a_refusal_has_its_fields_and_its_challenge_is_one_value() -> None:
    # The grant has the id of the key, even if the record has another one.
    grant = KeyRecord("000000000000", OWN.digest, "demo", Scope.READ, expires_at=20, retires_at=10).verify(OWN, 5)
    assert grant == Grant(OWN.id, "demo", Scope.READ, 10)
    with pytest.raises(AttributeError):
        grant.scopes = Scope(63)  # type: ignore[misc]
    grant.require(Scope.CHATS_READ)
    with pytest.raises(Denied) as caught:
        grant.require(Scope.parse("chats:read chats:write"))
    denied = caught.value
    assert (denied.required, denied.missing) == (Scope.parse("chats:read chats:write"), Scope.CHATS_WRITE)
    assert (denied.status, denied.error, denied.reason) == (403, "insufficient_scope", "missing_scope")
    challenge = 'Bearer realm="a\\"\\\\???", error="insufficient_scope", scope="chats:read chats:write"'
    assert caught.value.challenge('a"\\é\U0001f600\n') == challenge
    with pytest.raises(Denied) as caught:
        grant.require(Scope(0))
    assert caught.value.challenge("x") == 'Bearer realm="x", error="insufficient_scope"'
    assert Denied("missing_scope", Scope(64)).challenge("x") == 'Bearer realm="x", error="insufficient_scope"'
    unknown = Denied.unknown_key()
    assert (unknown.status, unknown.error, unknown.reason) == (401, "invalid_token", "unknown_key")
    assert (unknown.required, unknown.missing) == (Scope(0), Scope(0))
    with pytest.raises(Denied) as caught:
        bearer([])
    assert (caught.value.status, caught.value.error, caught.value.challenge("x")) == (401, None, 'Bearer realm="x"')


def test_a_realm_keeps_the_printable_characters_of_ascii() -> None:
    for character in map(chr, range(256)):
        quoted = f"\\{character}" if character in '"\\' else character if " " <= character <= "~" else "?"
        challenge = f'Bearer realm="{quoted}{quoted}", error="invalid_token"'
        assert Denied.unknown_key().challenge(character * 2) == challenge


def test_the_reason_of_a_refusal_is_exact_byte_by_byte() -> None:
    start = KEY[:51].encode()
    reasons: list[tuple[list[bytes | str], str]] = [
        ([], "missing_credentials"),
        ([b" \t"], "missing_credentials"),
        ([b"B\xe9arer " + KEY.encode()], "missing_credentials"),
        ([f"Bearer {KEY}", ""], "malformed_header"),
        ([b"Bearer \t"], "malformed_header"),
        ([b"Bearer \xa0"], "key_prefix"),
        ([b"Bearer " + start + b"\xff"], "key_character"),
        ([f"Bearer {KEY[:51]}\xff"], "key_length"),
        ([f"Bearer {KEY[:50]}\xff"], "key_character"),
        ([f"Bearer {KEY}\0"], "key_length"),
        ([f"Bearer {KEY[:51]}8"], "key_checksum"),
        ([b"Bearer " + b"\xff" * 8185], "key_prefix"),
        ([b"Bearer " + b"\xff" * 8186], "malformed_header"),
        (["Bearer " + "\xff" * 4093], "malformed_header"),
    ]
    for values, reason in reasons:
        with pytest.raises(Denied) as caught:
            bearer(values)
        assert caught.value.reason == reason


def test_hostile_texts_take_linear_time() -> None:
    spaces = " " * 1_000_000
    for value, status in [(f"Bearer x{spaces}x", 400), (f"{spaces}x{spaces}x", 401)]:
        with pytest.raises(Denied) as denied:
            bearer([value])
        assert denied.value.status == status
    with pytest.raises(InvalidKey):
        ApiKey.parse_pasted(f"x{spaces}x")
    assert len(redact(b"ctx_" * 250_000)) == 1_000_000
    assert find(b"ctx_" * 250_000) == []


def test_times_are_64_bit_integers() -> None:
    wrong: list[tuple[Any, type[Exception]]] = [(1.0, TypeError), ("5", TypeError), (True, TypeError), (-1, ValueError), (MAX_TIME + 1, ValueError)]
    for value, error in wrong:
        calls: list[Callable[[], object]] = [
            lambda: record(expires_at=value),
            lambda: record().state(value),
            lambda: record().verify(OWN, value),
            lambda: record().retire_at(value),
            lambda: record().revoke(value),
            lambda: record().rotate(ApiKey.parse(OTHER), 0, value),
            lambda: setattr(record(), "revoked_at", value),
        ]
        for call in calls:
            with pytest.raises(error):
                call()
    for name in ["not_before", "expires_at", "retires_at", "revoked_at"]:
        with pytest.raises(ValueError):
            record(**{name: -1})
    changed = record()
    changed.expires_at = 9
    assert changed == record(expires_at=9) != record()
    assert 1_700_000_000 < unix_now() < 1 << 40


def test_each_digit_of_a_digest_counts() -> None:
    for index, digit in enumerate(OWN.digest):
        digest = OWN.digest[:index] + ("0" if digit != "0" else "1") + OWN.digest[index + 1 :]
        with pytest.raises(Denied) as caught:
            KeyRecord(OWN.id, digest, 1, Scope.READ).verify(OWN, 0)
        assert caught.value.reason == "digest_mismatch"


def test_a_clock_before_1970_gives_an_unknown_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: -0.5)
    assert unix_now() == MAX_TIME
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert unix_now() == 0
    monkeypatch.setattr("time.time", lambda: 1.9)
    assert unix_now() == 1


def test_states_have_the_names_of_the_library() -> None:
    assert [state.name for state in KeyState] == ["Active", "NotYetValid", "Retired", "Expired", "Revoked"]
    assert [str(state) for state in KeyState] == [state.value for state in KeyState] == [state.name for state in KeyState]


def test_a_record_refuses_an_invalid_id_or_digest() -> None:
    for id, digest in [(KEY, OWN.digest), (OWN.id + "\n", OWN.digest), (OWN.id, KEY), (OWN.id, OWN.digest[1:]), (OWN.id, OWN.digest + "\n")]:
        with pytest.raises(ValueError) as caught:
            KeyRecord(id, digest, 1, Scope.READ)
        assert "ctx_" not in str(caught.value)
    assert KeyRecord(OWN.id, OWN.digest.upper(), 1, Scope.READ).digest == OWN.digest
    for id in ["000000000000", "999999999999", "AZAZAZAZAZAZ", "azazazazazaz"]:
        assert KeyRecord(id, "0af9" * 16, 1, Scope.READ).id == id
    for id in ["/00000000000", ":00000000000", "@00000000000", "[00000000000", "`00000000000", "{00000000000"]:
        with pytest.raises(ValueError):
            KeyRecord(id, OWN.digest, 1, Scope.READ)
    with pytest.raises(TypeError):
        hash(record())


def test_at_an_unknown_time_a_key_with_a_start_is_not_yet_valid() -> None:
    for not_before in [0, 1, MAX_TIME]:
        assert record(not_before=not_before).state(MAX_TIME) is KeyState.NotYetValid


def test_a_refused_rotation_says_why() -> None:
    other = ApiKey.parse(OTHER)
    refusals: list[tuple[KeyRecord[str], ApiKey, int, str, str]] = [
        (record(), OWN, 0, "SameKey", "the new key has the id of the old one; generate another key"),
        (record(revoked_at=9), other, 0, "Revoked", "a revoked key cannot be rotated; create a new key"),
        (record(expires_at=9), other, 9, "Expired", "an expired key cannot be rotated; create a new key"),
        (record(retires_at=9), other, 9, "Retired", "a retired key cannot be rotated; rotate its successor"),
        (record(), other, MAX_TIME, "UnknownTime", "the time is unknown, so the overlap would never end; check the system clock"),
    ]
    for old, new, now, kind, text in refusals:
        with pytest.raises(RotateError) as caught:
            old.rotate(new, now, 5)
        assert (caught.value.kind, str(caught.value)) == (kind, text)


def test_keys_are_equal_by_their_digest() -> None:
    assert ApiKey.parse_pasted(f" {KEY}") == OWN != ApiKey.parse(OTHER)
    for index in range(4, 46):
        part = KEY[4:index] + ("0" if KEY[index] != "0" else "1") + KEY[index + 1 : 46]
        another = with_checksum(part)
        assert OWN != ApiKey.parse(another), index
        assert AnyKey.parse(KEY) != AnyKey.parse(another), index
    assert len({OWN, ApiKey.parse(KEY), AnyKey.parse(KEY), AnyKey.parse(KEY)}) == 2
    assert OWN != KEY and OWN != AnyKey.parse(KEY) and AnyKey.parse(KEY) != OWN and AnyKey.parse(KEY) != KEY


def test_exactly_the_white_space_and_format_characters_are_removed() -> None:
    ranges = [(9, 13), (0x2000, 0x200F), (0x2028, 0x202F), (0x205F, 0x2064), (0x2066, 0x206F)]
    removed = {code for first, last in ranges for code in range(first, last + 1)}
    removed |= {0x20, 0x85, 0xA0, 0xAD, 0x061C, 0x1680, 0x180E, 0x3000, 0xFEFF}
    found = set()
    for code in range(0x10000):
        try:
            ApiKey.parse_pasted(chr(code) + KEY)
        except InvalidKey:
            continue
        found.add(code)
    assert found == removed


def test_a_name_is_removed_only_as_a_whole() -> None:
    for name in ["export ", "export Authorization: ", "export Bearer ", "set MEMORYKIT_API_KEY=", "Proxy-Authorization: "]:
        with pytest.raises(InvalidKey) as caught:
            ApiKey.parse_pasted(name + KEY)
        assert caught.value.kind == "prefix"


def test_only_letters_of_ascii_count_in_any_letter_case() -> None:
    for name in ["Author\u0131zation: ", "AUTHOR\u0130ZATION: ", "memorykit_api_key=", "MEMORY\u212aIT_API_KEY=", "Authorization="]:
        with pytest.raises(InvalidKey) as caught:
            ApiKey.parse_pasted(name + KEY)
        assert caught.value.kind == "prefix"
    assert ApiKey.parse_pasted(f"aUTHORIZATION: bEARER {KEY}") == OWN


def test_a_comparison_of_no_cases_fails() -> None:
    command = [sys.executable, str(Path(__file__).with_name("compare.py"))]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    message = "no cases: pipe the output of `differential SEED COUNT` into this program\n"
    assert (result.returncode, result.stdout, result.stderr) == (1, "", message)
