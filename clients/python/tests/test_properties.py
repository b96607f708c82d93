from __future__ import annotations

import functools
import hashlib
import re
from typing import Callable

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from keys import KEY, OTHER, checksum, digits, keys, texts

from memorykit_key import (
    MAX_TIME,
    AnyKey,
    ApiKey,
    Denied,
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
)

settings.register_profile("clients", max_examples=500, deadline=None, derandomize=True)
settings.load_profile("clients")


def model(text: bytes) -> list[str | int | None] | None:
    """The kind and the detail of the error for some bytes, or None: docs/key-format.md §6, word for word."""
    if text[:4] != b"ctx_":
        return ["prefix", None]
    if len(text) != 52:
        return ["length", len(text)]
    for index in range(4, 52):
        if not re.fullmatch(b"[0-9A-Za-z]", text[index : index + 1]):
            return ["character", index]
    return None if checksum(text[:46]) == text[46:] else ["checksum", None]


def error_of(parse: Callable[[], object]) -> list[str | int | None] | None:
    try:
        parse()
    except InvalidKey as error:
        return [error.kind, error.detail]
    return None


@st.composite
def changed(draw: st.DrawFn) -> str:
    """A key with a part replaced by another text."""
    key, start = draw(keys), draw(st.integers(0, 52))
    part = draw(st.one_of(texts, digits(1), digits(3), st.sampled_from(["\x80", "\xff", "_", "@"])))
    return key[:start] + part + key[start + draw(st.integers(0, 3)) :]


@given(keys)
def test_a_key_parses(text: str) -> None:
    key = ApiKey.parse(text)
    digest = hashlib.sha256(text[:46].encode()).hexdigest()
    assert (key.id, key.digest, key.expose_secret()) == (text[4:16], digest, text)
    assert AnyKey.parse(text).expose_secret() == text


@given(st.one_of(changed(), texts))
def test_a_str_parses_as_its_utf8_bytes(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    assert error_of(lambda: ApiKey.parse(text)) == model(data)
    assert error_of(lambda: ApiKey.parse(data)) == model(data)


@given(st.one_of(changed().map(lambda text: text.encode("latin-1", "replace")), st.binary()))
def test_bytes_parse_one_by_one(data: bytes) -> None:
    assert error_of(lambda: ApiKey.parse(data)) == model(data)


@given(digits(49))
def test_the_lenient_reading_accepts_later_versions(part: str) -> None:
    for later in [f"ctx_{part}", f"ctx_{part[:42]}5{part[:5]}"]:
        assert AnyKey.parse(later).expose_secret() == later
    typo = f"ctx_{part[:42]}0{part[:5]}"
    assert error_of(lambda: AnyKey.parse(typo)) == model(typo.encode())


blank = st.text("\t\n\r \x85\xa0\u1680\u2003\u2028\u3000\xad\u200b\u2064\ufeff", max_size=4)
wraps = st.sampled_from(
    ['"|"', "'|'", "“|”", "<|>", "|,", "|;", "export MEMORYKIT_API_KEY = |", "AUTHORIZATION:|", "bEARER\xa0|"]
)


@given(keys, blank, wraps, blank)
def test_a_pasted_key_is_read_without_the_text_around_it(key: str, before: str, wrap: str, after: str) -> None:
    start, end = wrap.split("|")
    assert ApiKey.parse_pasted(before + start + before + key + after + end + after).expose_secret() == key


@given(keys, st.integers(0, 63), st.integers(1, 9))
def test_a_header_yields_its_key(key: str, upper: int, spaces: int) -> None:
    scheme = "".join(letter.upper() if upper >> bit & 1 else letter for bit, letter in enumerate("bearer"))
    assert bearer([f"\t{scheme}{' ' * spaces}{key} \t"]).expose_secret() == key


@given(texts, keys, texts)
def test_redaction_hides_each_key_and_keeps_all_other_bytes(before: str, key: str, after: str) -> None:
    assume(not re.match("[0-9A-Za-z]", after) and not re.search("ctx_|[0-9A-Za-z]{18}", before + after))
    text, redacted = before + key + after, f"{before}{key[:16]}***{after}"
    assert redact_str(text) == redacted == redact_str(redacted)
    data = text.encode("utf-8", "surrogatepass")
    assert redact(data) == redacted.encode("utf-8", "surrogatepass")
    start = len(before.encode("utf-8", "surrogatepass"))
    assert find(data) == [(start, start + 52)]


@given(texts)
def test_redaction_returns_a_text_without_a_key_unchanged(text: str) -> None:
    assume("ctx_" not in text)
    assert redact_str(text) == text


@given(st.integers(0, 63), st.integers(0, 63))
def test_a_set_of_scopes_parses_from_its_text_and_grants_its_subsets(one: int, two: int) -> None:
    granted, required = Scope.from_bits(one), Scope.from_bits(two)
    assert Scope.parse(str(granted)) == granted
    assert Scope.parse_list(" , ".join(granted.names)) == granted
    assert granted.grants(required) is (two != 0 and one & two == two)
    assert granted.missing(required).bits == two & ~one


NAMES = ["memories:read", "memories:write", "chats:read", "chats:write", "users:read", "users:write"]


def edits(one: bytes, two: bytes) -> int:
    """The Levenshtein distance, computed by its definition."""

    @functools.lru_cache(maxsize=None)
    def rest(i: int, j: int) -> int:
        if i == len(one) or j == len(two):
            return len(one) - i + len(two) - j
        if one[i] == two[j]:
            return rest(i + 1, j + 1)
        return 1 + min(rest(i + 1, j + 1), rest(i + 1, j), rest(i, j + 1))

    return rest(0, 0)


@given(st.sampled_from(NAMES), st.lists(st.tuples(st.integers(0, 14), st.integers(0, 2), st.text("aers:é", max_size=2)), max_size=4))
def test_the_nearest_scope_is_suggested(name: str, changes: list[tuple[int, int, str]]) -> None:
    typed = name
    for place, removed, added in changes:
        typed = typed[:place] + added + typed[place + removed :]
    assume(typed not in NAMES and " " not in typed and typed)
    distances = [edits(typed.lower().encode(), other.encode()) for other in NAMES]
    nearest = [other for other, distance in zip(NAMES, distances) if distance == min(distances)]
    expected = nearest[0] if len(nearest) == 1 and min(distances) <= 3 and len(typed.encode()) <= 17 else None
    try:
        Scope.parse(typed)
    except InvalidScope as error:
        assert (error.suggestion and str(error.suggestion)) == expected
        assert (error.start, error.end) == (0, len(typed.encode()))


times = st.one_of(st.integers(0, 100), st.sampled_from([MAX_TIME, MAX_TIME - 1, 1 << 63]))
optional = st.one_of(st.none(), times)


@given(optional, optional, optional, optional, times, times)
def test_a_record_follows_the_rules_of_its_times(
    start: int | None, end: int | None, retires: int | None, revoked: int | None, now: int, overlap: int
) -> None:
    key, other = ApiKey.parse(KEY), ApiKey.parse(OTHER)
    record = KeyRecord(key.id, key.digest, 7, Scope.READ, start, end, retires, revoked)
    ended = None
    if revoked is not None:
        ended = KeyState.Revoked
    elif end is not None and end <= now:
        ended = KeyState.Expired
    elif retires is not None and retires <= now:
        ended = KeyState.Retired
    early = start is not None and (now < start or now == MAX_TIME)
    state = ended or (KeyState.NotYetValid if early else KeyState.Active)
    assert record.state(now) is state
    try:
        grant = record.verify(key, now)
    except Denied as denied:
        assert denied.reason == ("not_yet_valid" if state is KeyState.NotYetValid else state.name.lower())
    else:
        assert state is KeyState.Active
        assert grant.expires_at == min((at for at in (end, retires) if at is not None), default=None)
    kind = ended.name if ended else "UnknownTime" if now == MAX_TIME else None
    try:
        successor = record.rotate(other, now, overlap)
    except RotateError as error:
        assert error.kind == kind
        assert record == KeyRecord(key.id, key.digest, 7, Scope.READ, start, end, retires, revoked)
    else:
        assert kind is None
        assert record.retires_at == min(now + overlap, MAX_TIME, MAX_TIME if retires is None else retires)
        assert successor == KeyRecord(other.id, other.digest, 7, Scope.READ, start, end)
