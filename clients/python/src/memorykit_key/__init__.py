"""MemoryKit API keys: read, verify and redact them.

The whole package is this file. It needs only the standard library. The contract is docs/key-format.md of the repository; a §
in a comment refers to a section of it.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import time
from collections import OrderedDict, UserDict, UserList, UserString, defaultdict, deque
from collections.abc import Callable, ItemsView, Iterable, KeysView, Mapping, ValuesView
from dataclasses import dataclass, is_dataclass
from dataclasses import fields as dataclass_fields
from enum import Enum
from functools import wraps
from traceback import clear_frames
from types import MappingProxyType, SimpleNamespace
from typing import Any, Generic, NoReturn, TypeVar, cast

__all__ = [
    "MAX_TIME",
    "AnyKey",
    "ApiKey",
    "Denied",
    "EnvKeyError",
    "Grant",
    "InvalidKey",
    "InvalidScope",
    "KeyRecord",
    "KeyState",
    "RedactingFilter",
    "RotateError",
    "Scope",
    "bearer",
    "find",
    "redact",
    "redact_str",
    "unix_now",
]

P = TypeVar("P")
K = TypeVar("K", bound="_Secret")
F = TypeVar("F", bound=Callable[..., Any])

#: The latest time in seconds since 1970. It also stands for an unknown time.
MAX_TIME = 2**64 - 1

_VARIABLE = "MEMORYKIT_API_KEY"
_LENGTH = 52
_HASHED_LENGTH = 46  # prefix, id and secret
_MIN_LENGTH = 34  # of the shortest text that is redacted
_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_NOT_A_DIGIT = re.compile(rb"[^0-9A-Za-z]")


def _forgetful(function: F) -> F:
    """Deletes the variables of a function that raises, because some error reports show the variables of each frame."""

    @wraps(function)
    def call(*values: Any, **named: Any) -> Any:
        try:
            return function(*values, **named)
        except BaseException as error:
            del values, named
            clear_frames(error.__traceback__)
            raise

    return cast(F, call)


class InvalidKey(ValueError):
    """The error for a text that is not a key. It holds a length or an index, and never a character."""

    def __init__(self, kind: str, detail: int | None = None) -> None:
        super().__init__(kind, detail)
        #: ``prefix``, ``length``, ``character`` or ``checksum``
        self.kind = kind
        #: The length or the index in bytes, or None for the other kinds.
        self.detail = detail

    def __str__(self) -> str:
        if self.kind == "prefix":
            return "an API key starts with `ctx_`: copy the whole key, without anything around it"
        if self.kind == "character":
            return f"the byte at index {self.detail} of the API key is not one of 0-9, A-Z and a-z; copy the key again"
        if self.kind == "checksum":
            return "the checksum of the API key is wrong: a character was changed; copy the key again"
        advice = (
            "it was cut off or is a placeholder; copy the whole key"
            if self.detail is not None and self.detail < _LENGTH
            else "something was added, or a character is not plain ASCII; copy the key again, without anything around it"
        )
        return f"an API key is {_LENGTH} bytes long, not {self.detail}: {advice}"


class EnvKeyError(ValueError):
    """The error of ``from_env``. Its text says what to do, and never repeats the value."""

    def __init__(self, kind: str, reason: InvalidKey | None = None) -> None:
        super().__init__(kind, reason)
        #: ``missing``, ``not_unicode`` or ``invalid``
        self.kind = kind
        #: The reason why the value is not a key, or None for the other kinds.
        self.reason = reason

    def __str__(self) -> str:
        if self.kind == "missing":
            advice = "is not set or empty; create a key in the dashboard under API Keys, and set the variable to it"
        elif self.kind == "not_unicode":
            advice = "is not Unicode text; set it to a key from the dashboard"
        else:
            advice = f"does not hold an API key: {self.reason}"
        return f"{_VARIABLE} {advice}"


class _Secret:
    """A secret text, which printing and serialization do not show.

    A function holds the text, so that tools that list attributes do not show it.
    """

    __slots__ = ("_digest", "_expose")
    _digest: str
    _expose: Callable[[], str]

    def __init__(self) -> None:
        raise TypeError("a key comes from parse, parse_pasted or from_env")

    @staticmethod
    def _check(text: bytes) -> str | InvalidKey:
        """Returns the digest, an empty text if the version is unknown, or an error."""
        raise NotImplementedError

    @classmethod
    def _read(cls: type[K], text: bytes) -> K | InvalidKey:
        digest = cls._check(text)
        if isinstance(digest, InvalidKey):
            return digest
        key = object.__new__(cls)
        exposed = text.decode("ascii")
        object.__setattr__(key, "_expose", lambda: exposed)
        object.__setattr__(key, "_digest", digest)
        return key

    @classmethod
    @_forgetful
    def parse(cls: type[K], text: bytes | str) -> K:
        """Reads a key, without repairing anything. Raises InvalidKey."""
        key = cls._read(_bytes(text))
        if isinstance(key, InvalidKey):
            raise key
        return key

    @classmethod
    @_forgetful
    def parse_pasted(cls: type[K], text: str) -> K:
        """Reads a key that a person pasted, without the quotes, names and white space around it (§7). Raises InvalidKey."""
        key = cls._read(_bytes(_repair(text)))
        if isinstance(key, InvalidKey):
            raise key
        return key

    @classmethod
    @_forgetful
    def from_env(cls: type[K]) -> K:
        """Reads ``MEMORYKIT_API_KEY``, as ``parse_pasted`` does. Raises EnvKeyError."""
        value = os.environ.get(_VARIABLE, "")
        if not value.strip(_SPACE + _FORMAT):
            raise EnvKeyError("missing")
        if re.search("[\ud800-\udfff]", value):
            raise EnvKeyError("not_unicode")
        key = cls._read(_bytes(_repair(value)))
        if isinstance(key, InvalidKey):
            raise EnvKeyError("invalid", key)
        return key

    def expose_secret(self) -> str:
        """Returns the whole key, to send it. The caller keeps it out of logs and URLs."""
        return self._expose()

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a key cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a key cannot be changed")

    def __copy__(self: K) -> K:
        return self

    def __deepcopy__(self: K, memo: object) -> K:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a key cannot be pickled: pass expose_secret() to where it is needed")

    def __getstate__(self) -> NoReturn:
        self.__reduce_ex__(0)


class ApiKey(_Secret):
    """A well-formed key of version 1. Only a server's record shows that it was issued."""

    __slots__ = ()

    @staticmethod
    def _check(text: bytes) -> str | InvalidKey:
        return _digest_of(text)

    @property
    def id(self) -> str:
        """The public part of the key, by which a server finds the record."""
        return self._expose()[4:16]

    @property
    def digest(self) -> str:
        """The digest, which a server stores in place of the key: 64 hexadecimal digits."""
        return self._digest

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ApiKey) and hmac.compare_digest(self._digest, other._digest)

    def __hash__(self) -> int:
        return hash(self._digest)

    def __repr__(self) -> str:
        return f"ApiKey(ctx_{self.id}***)"


class AnyKey(_Secret):
    """A key of this version or of a later one, for clients that outlive the format (§17).

    If the version is later, only the prefix, the alphabet and a minimum length are checked.
    """

    __slots__ = ()

    @staticmethod
    def _check(text: bytes) -> str | InvalidKey:
        if not text.startswith(b"ctx_"):
            return InvalidKey("prefix")
        if len(text) < _MIN_LENGTH:
            return InvalidKey("length", len(text))
        invalid = _NOT_A_DIGIT.search(text, 4)
        if invalid:
            return InvalidKey("character", invalid.start())
        is_version_1 = len(text) == _LENGTH and text[_HASHED_LENGTH] < ord("5")
        return _digest_of(text) if is_version_1 else ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AnyKey) and hmac.compare_digest(self._expose(), other._expose())

    def __hash__(self) -> int:
        return hash(self._expose())

    def __repr__(self) -> str:
        return "AnyKey(ctx_***)"


def _bytes(text: bytes | str) -> bytes:
    if isinstance(text, str):
        return text.encode("utf-8", "surrogatepass")
    if isinstance(text, bytes):
        return text
    raise TypeError(f"expected bytes or str, not {type(text).__name__}")


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"expected an int, not {type(value).__name__}")
    return value


def _time(value: object) -> int:
    secs = _integer(value)
    if not 0 <= secs <= MAX_TIME:
        raise ValueError("a time is from 0 to 2^64 - 1 seconds since 1970")
    return secs


def _digest_of(text: bytes) -> str | InvalidKey:
    """Checks a key, and returns its digest (§4 and §6)."""
    if not text.startswith(b"ctx_"):
        return InvalidKey("prefix")
    if len(text) != _LENGTH:
        return InvalidKey("length", len(text))
    invalid = _NOT_A_DIGIT.search(text, 4)
    if invalid:
        return InvalidKey("character", invalid.start())
    digest = hashlib.sha256(text[:_HASHED_LENGTH]).digest()
    number = int.from_bytes(digest[:4], "big")
    checksum = bytes(_ALPHABET[number // 62**place % 62] for place in (5, 4, 3, 2, 1, 0))
    if not hmac.compare_digest(text[_HASHED_LENGTH:], checksum):
        return InvalidKey("checksum")
    return digest.hex()


# White space (the Unicode property) and format characters. `str.isspace` and `\s` match other sets of characters.
_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
_FORMAT = "\xad\u061c\u180e\ufeff" + "".join(
    chr(code)
    for first, last in [(0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x2064), (0x2066, 0x206F)]
    for code in range(first, last + 1)
)
_PAIRS = ('""', "''", "``", "“”", "‘’", "<>")
_NAME = re.compile(
    f"(?:(?:export[{_SPACE}]+)?MEMORYKIT_API_KEY[{_SPACE}]*[=:]|(?ai:Authorization)[{_SPACE}]*:)",
)
_SCHEME = re.compile(f"(?ai:Bearer)(?=[{_SPACE}])")


def _repair(text: str) -> str:
    """Repairs a pasted text (§7)."""

    def without(pattern: re.Pattern[str], text: str) -> str:
        found = pattern.match(text)
        return text[found.end() :] if found else text

    rules: list[Callable[[str], str]] = [
        lambda text: text[1:-1] if len(text) > 1 and text[0] + text[-1] in _PAIRS else text,
        lambda text: text[:-1] if text[-1:] in (",", ";") else text,
        lambda text: without(_NAME, text),
        lambda text: without(_SCHEME, text),
    ]
    while True:
        text = text.strip(_SPACE + _FORMAT)
        rule = next((rule for rule in rules if rule(text) != text), None)
        if rule is None:
            return text
        text = rule(text)
        rules.remove(rule)


_NAMES = ("memories:read", "memories:write", "chats:read", "chats:write", "users:read", "users:write")
_KNOWN_BITS = 63


class Scope:
    """A set of scopes (§13). A write scope does not imply the read scope."""

    __slots__ = ("bits",)
    #: The bits that a database stores.
    bits: int

    MEMORIES_READ: Scope
    MEMORIES_WRITE: Scope
    CHATS_READ: Scope
    CHATS_WRITE: Scope
    USERS_READ: Scope
    USERS_WRITE: Scope
    READ: Scope
    WRITE: Scope

    @_forgetful
    def __init__(self, bits: int) -> None:
        """Creates a set from bits. Unknown bits are kept, but never granted. For stored bits, use ``from_bits``."""
        if not 0 <= _integer(bits) < 2**32:
            raise ValueError("the bits of a scope are from 0 to 2^32 - 1")
        object.__setattr__(self, "bits", bits)

    @classmethod
    @_forgetful
    def from_bits(cls, bits: int) -> Scope:
        """Reads stored bits. An unknown bit is a ValueError."""
        scope = cls(bits)
        if bits > _KNOWN_BITS:
            raise ValueError("unknown scope bits: deploy the readers of a new scope before its writers")
        return scope

    @classmethod
    @_forgetful
    def parse(cls, text: str) -> Scope:
        """Reads names that are separated by exactly one space. Raises InvalidScope."""
        return _union(text, " ", False) if text else cls(0)

    @classmethod
    @_forgetful
    def parse_list(cls, text: str) -> Scope:
        """Reads a list that a person typed: names separated by any number of commas and white space. Raises InvalidScope."""
        return _union(text, f"[,{_SPACE}]", True)

    @property
    def names(self) -> list[str]:
        """The names in the set, in the order of their bits."""
        return [name for bit, name in enumerate(_NAMES) if self.bits >> bit & 1]

    def grants(self, required: Scope) -> bool:
        """Returns whether this set has all required scopes. At least one must be required."""
        return required.bits != 0 and self.missing(required).bits == 0

    def missing(self, required: Scope) -> Scope:
        """Returns the required scopes that this set lacks."""
        return Scope(required.bits & ~(self.bits & _KNOWN_BITS))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a scope cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a scope cannot be changed")

    def __reduce__(self) -> tuple[type[Scope], tuple[int]]:
        return Scope, (self.bits,)

    def __bool__(self) -> bool:
        return self.bits != 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scope) and self.bits == other.bits

    def __hash__(self) -> int:
        return hash(self.bits)

    def __str__(self) -> str:
        return " ".join(self.names)

    def __repr__(self) -> str:
        unknown = self.bits & ~_KNOWN_BITS
        parts = [str(self)] if self.names or not unknown else []
        return f"Scope({', '.join(parts + [hex(unknown)] * (unknown != 0))})"


for _bit, _name in enumerate(_NAMES):
    setattr(Scope, _name.replace(":", "_").upper(), Scope(1 << _bit))
Scope.READ = Scope(21)
Scope.WRITE = Scope(42)


class InvalidScope(ValueError):
    """The error for a text with the name of a scope that does not exist."""

    def __init__(self, start: int, end: int, suggestion: Scope | None) -> None:
        super().__init__(start, end, suggestion)
        #: Range of the unknown name, in bytes. It is empty if a name is missing.
        self.start = start
        self.end = end
        #: The scope that was probably meant, or None.
        self.suggestion = suggestion

    def __str__(self) -> str:
        if self.start == self.end:
            return (
                f"a scope name is missing at byte {self.start}; "
                "separate names by one space, without spaces at the ends"
            )
        advice = f"did you mean `{self.suggestion}`?" if self.suggestion else f"the scopes are: {' '.join(_NAMES)}"
        return f"unknown scope at bytes {self.start}..{self.end}; {advice}"


def _union(text: str, separator: str, skip_empty: bool) -> Scope:
    """Returns the union of the scopes named in a text."""
    bits = position = 0
    for item in re.split(separator, text):
        if item in _NAMES:
            bits |= 1 << _NAMES.index(item)
        elif item or not skip_empty:
            start, typed = len(_bytes(text[:position])), _bytes(item)
            raise InvalidScope(start, start + len(typed), _suggest(typed))
        position += len(item) + 1
    return Scope(bits)


def _suggest(typed: bytes) -> Scope | None:
    """Returns the scope that is nearest to ``typed``, if it is at most three edits away and no other is as near."""
    if len(typed) > 17:
        return None
    distances = [_distance(typed.lower(), name.encode()) for name in _NAMES]
    least = min(distances)
    return Scope(1 << distances.index(least)) if least <= 3 and distances.count(least) == 1 else None


def _distance(one: bytes, two: bytes) -> int:
    """Returns the Levenshtein distance."""
    row = list(range(len(two) + 1))
    for line, typed in enumerate(one):
        above, row = row, [line + 1]
        for column, letter in enumerate(two):
            row.append(min(above[column] + (typed != letter), above[column + 1] + 1, row[column] + 1))
    return row[-1]


_ANSWERS = {
    "missing_credentials": (401, None, "an API key is required: send it as `Authorization: Bearer <key>`"),
    "malformed_header": (400, "invalid_request", "the Authorization header is malformed: send one, as `Bearer <key>`"),
    "missing_scope": (403, "insufficient_scope", "the API key lacks a scope that this request requires"),
}
_MALFORMED_KEY = (401, "invalid_token", "the API key is not well-formed: copy the whole key, and nothing else")
_NOT_VALID = (
    401,
    "invalid_token",
    "the API key is not valid: it is unknown, revoked or outside its validity period",
)


class Denied(Exception):
    """The refusal of a request (§14). Its text is public, and is the same for every key that is not valid."""

    def __init__(self, reason: str, required: Scope = Scope(0), missing: Scope = Scope(0)) -> None:  # noqa: B008
        super().__init__(reason, required, missing)
        #: Stable label for logs and metrics, such as ``expired``. It is not for the client.
        self.reason = reason
        self.required = required
        #: The required scopes that the key lacks. The set is empty for any other reason.
        self.missing = missing
        default = _MALFORMED_KEY if reason.startswith("key_") else _NOT_VALID
        #: Status code of the response, error code of the challenge (None for a request without credentials), and message.
        self.status, self.error, self.message = _ANSWERS.get(reason, default)

    @classmethod
    def unknown_key(cls) -> Denied:
        """Creates the refusal for a key whose id is in no record."""
        return cls("unknown_key")

    @_forgetful
    def challenge(self, realm: str) -> str:
        """Returns the value of the response's ``WWW-Authenticate`` header."""
        quoted = re.sub(r'(["\\])', r"\\\1", re.sub("[^ -~]", "?", realm))
        error = f', error="{self.error}"' if self.error else ""
        scope = f', scope="{self.required}"' if self.required.names else ""
        return f'Bearer realm="{quoted}"{error}{scope}'

    def __str__(self) -> str:
        return self.message


@_forgetful
def bearer(values: Iterable[bytes | str]) -> ApiKey:
    """Reads the key from all ``Authorization`` values of a request (§14). Raises Denied.

    Pass every value. Most frameworks have a function such as ``getlist``, and another one that returns only the first value.
    """
    if isinstance(values, (bytes, str)):
        raise TypeError("expected a list of all values of the header")
    found = _read_bearer([_bytes(value) for value in values])
    if isinstance(found, Denied):
        raise found
    return found


def _read_bearer(values: list[bytes]) -> ApiKey | Denied:
    if not values:
        return Denied("missing_credentials")
    if len(values) > 1:
        return Denied("malformed_header")
    value = values[0].strip(b" \t")
    if value[:6].lower() != b"bearer" or value[6:7] not in (b"", b" ", b"\t", b","):
        return Denied("missing_credentials")
    token = value[6:].lstrip(b" ")
    if len(value) > 8192 or not token or re.search(rb"[ \t,]", token):
        return Denied("malformed_header")
    key = ApiKey._read(token)
    return Denied(f"key_{key.kind}") if isinstance(key, InvalidKey) else key


class KeyState(str, Enum):
    """State of a record at a time, for lists and dashboards."""

    Active = "Active"
    NotYetValid = "NotYetValid"
    Retired = "Retired"
    Expired = "Expired"
    Revoked = "Revoked"

    def __str__(self) -> str:
        return self.value


def unix_now() -> int:
    """Returns the time in seconds since 1970, or MAX_TIME if the clock is before 1970."""
    now = time.time()
    return int(now) if now >= 0 else MAX_TIME


class RotateError(ValueError):
    """The error of ``KeyRecord.rotate``."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        #: ``SameKey``, ``Revoked``, ``Expired``, ``Retired`` or ``UnknownTime``
        self.kind = kind

    def __str__(self) -> str:
        return {
            "SameKey": "the new key has the id of the old one; generate another key",
            "Revoked": "a revoked key cannot be rotated; create a new key",
            "Expired": "an expired key cannot be rotated; create a new key",
            "Retired": "a retired key cannot be rotated; rotate its successor",
            "UnknownTime": "the time is unknown, so the overlap would never end; check the system clock",
        }[self.kind]


@dataclass(frozen=True)
class Grant(Generic[P]):
    """The project and the scopes of a verified key."""

    key_id: str
    project: P
    scopes: Scope
    #: The earlier of the record's ``expires_at`` and ``retires_at``. If you keep a grant, do not use it after this time.
    expires_at: int | None

    def require(self, required: Scope) -> None:
        """Raises Denied unless the key has all required scopes. At least one must be required."""
        if not self.scopes.grants(required):
            raise Denied("missing_scope", required, self.scopes.missing(required))


class KeyRecord(Generic[P]):
    """The record that a server stores for a key (§15). It holds no secret. Times are seconds since 1970."""

    @_forgetful
    def __init__(
        self,
        id: str,
        digest: str,
        project: P,
        scopes: Scope,
        not_before: int | None = None,
        expires_at: int | None = None,
        retires_at: int | None = None,
        revoked_at: int | None = None,
    ) -> None:
        if not re.fullmatch("[0-9A-Za-z]{12}", id):
            raise ValueError("a key id is 12 letters and digits")
        if not re.fullmatch("[0-9A-Fa-f]{64}", digest):
            raise ValueError("a digest is 64 hexadecimal digits")
        self.id = id
        self.digest = digest.lower()
        self.project = project
        self.scopes = scopes
        #: Time from which the key is valid.
        self.not_before = not_before
        #: Expiry that the owner set. The key is not valid from this time on.
        self.expires_at = expires_at
        #: End of the overlap after a rotation. The key is not valid from this time on.
        self.retires_at = retires_at
        #: Time of the revocation, for the audit. If it is set, the key is always refused.
        self.revoked_at = revoked_at

    @_forgetful
    def __setattr__(self, name: str, value: object) -> None:
        if name in ("not_before", "expires_at", "retires_at", "revoked_at") and value is not None:
            _time(value)
        object.__setattr__(self, name, value)

    @_forgetful
    def verify(self, key: ApiKey, now: int) -> Grant[P]:
        """Checks that ``key`` is the key of this record, and that it is valid at ``now``. Raises Denied."""
        if not hmac.compare_digest(self.digest, key.digest):
            raise Denied("digest_mismatch")
        state = self.state(now)
        if state is not KeyState.Active:
            raise Denied("not_yet_valid" if state is KeyState.NotYetValid else state.value.lower())
        known = Scope(self.scopes.bits & _KNOWN_BITS)
        return Grant(key.id, self.project, known, _earlier(self.expires_at, self.retires_at))

    @_forgetful
    def state(self, now: int) -> KeyState:
        """Returns the state of the key at ``now``."""
        _time(now)
        if self.revoked_at is not None:
            return KeyState.Revoked
        if self.expires_at is not None and self.expires_at <= now:
            return KeyState.Expired
        if self.retires_at is not None and self.retires_at <= now:
            return KeyState.Retired
        if self.not_before is not None and (now < self.not_before or now == MAX_TIME):
            return KeyState.NotYetValid
        return KeyState.Active

    @_forgetful
    def retire_at(self, time: int) -> None:
        """Schedules the end of the overlap. An earlier end is kept."""
        self.retires_at = _earlier(self.retires_at, _time(time))

    @_forgetful
    def revoke(self, time: int) -> None:
        """Revokes the key, at once and permanently. An earlier time is kept."""
        self.revoked_at = _earlier(self.revoked_at, _time(time))

    @_forgetful
    def rotate(self, new: ApiKey, now: int, overlap_secs: int) -> KeyRecord[P]:
        """Returns the record of the ``new`` key, and retires this key ``overlap_secs`` seconds after ``now``.

        Store both records in one transaction. If it raises RotateError, nothing changes.
        """
        _time(overlap_secs)
        if new.id == self.id:
            raise RotateError("SameKey")
        state = self.state(now)
        if state in (KeyState.Revoked, KeyState.Expired, KeyState.Retired):
            raise RotateError(state.value)
        if now == MAX_TIME:
            raise RotateError("UnknownTime")
        successor = KeyRecord(new.id, new.digest, self.project, self.scopes, self.not_before, self.expires_at)
        self.retire_at(min(now + overlap_secs, MAX_TIME))
        return successor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeyRecord) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"KeyRecord({fields})"


def _earlier(one: int | None, two: int | None) -> int | None:
    """Returns the earlier of two times. An absent time counts as later than any other."""
    return min((time for time in (one, two) if time is not None), default=None)


@_forgetful
def find(text: bytes) -> list[tuple[int, int]]:
    """Returns the byte ranges of the keys in a text. Keys are recognised by their checksums (§16)."""
    starts = (found.start() for found in re.finditer(b"ctx_", text))
    ends = ((start, start + _LENGTH) for start in starts)
    return [(start, end) for start, end in ends if isinstance(_digest_of(text[start:end]), str)]


@_forgetful
def redact(text: bytes) -> bytes:
    """Redacts the keys in a text, and parts that may be keys (§16). Every other byte stays as it is."""
    hidden = [found.span(1) for found in re.finditer(rb"ctx_(?=[0-9A-Za-z]{12}([0-9A-Za-z]{18,}))", text)]
    starts, ends = [0, *(end for _, end in hidden)], [*(start for start, _ in hidden), len(text)]
    return b"***".join(text[start:end] for start, end in zip(starts, ends))


@_forgetful
def redact_str(text: str) -> str:
    """Redacts the keys in a str, as ``redact`` does in bytes."""
    if "ctx_" not in text:
        return text
    return redact(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")


class RedactingFilter(logging.Filter):
    """Redacts the message, the extra fields and the traceback of each log record. It never raises.

    Add it to handlers, because a filter of a logger does not see the records of child loggers.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            message = record.getMessage()
        except Exception:
            # After this error, logging would print the arguments without redaction.
            message = _readable(lambda: f"{record.msg} {record.args!r}")
        exc_info = record.exc_info
        if exc_info and not record.exc_text:
            record.exc_text = _readable(lambda: logging.Formatter().formatException(exc_info))
        record.msg, record.args = message, None
        redaction = _Redaction()
        record.__dict__ = {redaction.of(name): redaction.of(value) for name, value in vars(record).items()}
        return True


def _readable(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Exception:
        return "[unreadable]"


class _Redaction:
    """Redacts values. A value with a key is copied, to a value of the same type where that is possible."""

    def __init__(self) -> None:
        # Each value and its copy, by the id of the value, so that cycles end.
        self._copies: dict[int, tuple[Any, Any]] = {}

    def of(self, value: Any) -> Any:
        """Returns the copy or the value. A value that is nested too deeply, for example, is unreadable."""
        if id(value) not in self._copies:
            self._remember(value, _readable(lambda: self._redact(value, type(value))))
        return self._copies[id(value)][1]

    def _remember(self, value: Any, copy: Any) -> None:
        self._copies[id(value)] = value, copy

    def _each(self, parts: list[Any]) -> tuple[list[Any], bool]:
        """Returns the redacted parts, and whether there was a key in one."""
        redacted = [self.of(part) for part in parts]
        return redacted, any(new is not old for new, old in zip(redacted, parts))

    def _redact(self, value: Any, kind: Any) -> Any:
        if _is(kind, str):
            # A subclass may override its methods.
            text = str.__str__(value)
            redacted = redact_str(text)
            return value if redacted == text else self._with_fields(value, _new(str, kind, redacted), True)
        if _is(kind, (bytes, bytearray, memoryview)):
            return self._redact_bytes(value, kind)
        for base in _CONTAINERS:
            if _is(kind, base):
                return self._redact_container(value, kind, base)
        if _is(kind, (KeysView, ItemsView, ValuesView)):
            return self._redact_view(value, kind)
        if _has_only_fields(kind):
            copy = kind.__new__(kind)
            self._remember(value, copy)
            return self._with_fields(value, copy, False)
        return self._redact_mapping(value, kind) if _is(kind, Mapping) else value

    def _redact_bytes(self, value: Any, kind: Any) -> Any:
        text = memoryview(value).tobytes()
        redacted = redact(text)
        if redacted == text:
            return value
        if kind is memoryview:
            return memoryview(redacted if value.readonly else bytearray(redacted))
        base: Any = bytes if _is(kind, bytes) else bytearray
        copy = _new(base, kind, redacted)
        if base is bytearray:
            bytearray.__init__(copy, redacted)
        return self._with_fields(value, copy, True)

    def _redact_container(self, value: Any, kind: Any, base: Any) -> Any:
        if _is(base, (tuple, frozenset)):
            parts, changed = self._each(list(base.__iter__(value)))
            return self._with_fields(value, _new(base, kind, parts), changed)
        copy = _new(base, kind)
        self._remember(value, copy)
        if _is(base, dict):
            parts, changed = self._each([part for pair in base.items(value) for part in pair])
            for name, item in zip(parts[::2], parts[1::2]):
                base.__setitem__(copy, name, item)
        else:
            parts, changed = self._each(list(base.__iter__(value)))
            base.__init__(copy, parts, *([value.maxlen] if base is deque else []))
        if base is defaultdict:
            copy.default_factory = value.default_factory
        return self._with_fields(value, copy, changed)

    def _redact_view(self, value: Any, kind: Any) -> Any:
        items: dict[Any, Any] = {}
        if _is(kind, ValuesView):
            copy: Any = items.values()
        else:
            copy = items.keys() if _is(kind, KeysView) else items.items()
        self._remember(value, copy)
        parts, changed = self._each(list(value))
        if _is(kind, ItemsView):
            items.update(parts)
        else:
            items.update(zip(parts, parts) if _is(kind, KeysView) else enumerate(parts))
        return copy if changed else value

    def _redact_mapping(self, value: Any, kind: Any) -> Any:
        items: dict[Any, Any] = {}
        copy = MappingProxyType(items) if kind is MappingProxyType else items
        self._remember(value, copy)
        parts, changed = self._each([part for name in value for part in (name, value[name])])
        items.update(zip(parts[::2], parts[1::2]))
        return copy if changed else value

    def _with_fields(self, value: Any, copy: Any, changed: bool) -> Any:
        """Redacts the attributes of a value. Returns the copy, or the value if there was no key in it."""
        self._remember(value, copy)
        fields = dict(getattr(value, "__dict__", {}))
        if is_dataclass(value):
            # A dataclass can have slots.
            names = [field.name for field in dataclass_fields(value)]
            fields.update((name, getattr(value, name)) for name in names if hasattr(value, name))
        for name, item in fields.items():
            (new_name, new_item), differs = self._each([name, item])
            changed = changed or differs
            if type(copy) is type(value):
                object.__setattr__(copy, new_name, new_item)
        return copy if changed else value


#: The classes whose subclasses are copied too. A class stands before its base.
_CONTAINERS: tuple[Any, ...] = (defaultdict, OrderedDict, dict, list, tuple, set, frozenset, deque)


def _has_only_fields(kind: Any) -> bool:
    is_object = _is(kind, (UserDict, UserList, UserString)) or is_dataclass(kind)
    return is_object and kind.__new__ is object.__new__ or _is(kind, SimpleNamespace)


def _new(base: Any, kind: Any, *content: Any) -> Any:
    """Creates a value without running the code of a subclass, or a value of the base if that is not possible."""
    try:
        return base.__new__(kind, *content)
    except TypeError:
        return base.__new__(base, *content)


def _is(kind: Any, base: Any) -> bool:
    return issubclass(kind, base)
