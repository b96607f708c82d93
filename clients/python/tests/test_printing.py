"""No way of printing in the language shows the secret of a key."""

from __future__ import annotations

import copy
import inspect
import io
import json
import logging
import pickle
import pprint
import re
import reprlib
import traceback
from collections import Counter, OrderedDict, UserDict, UserList, UserString, defaultdict, deque, namedtuple
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType, SimpleNamespace
from typing import Any, Callable, TypeVar

import pytest
from keys import KEY, OTHER, shows

import memorykit_key
from memorykit_key import (
    AnyKey,
    ApiKey,
    Denied,
    EnvKeyError,
    Grant,
    InvalidKey,
    InvalidScope,
    KeyRecord,
    RedactingFilter,
    RotateError,
    Scope,
    bearer,
    find,
    redact,
    redact_str,
)

REDACTED = "ctx_8aspm4G7VmSU***"


def logged(key: object) -> str:
    stream = io.StringIO()
    logger = logging.Logger("test")
    logger.addHandler(logging.StreamHandler(stream))
    logger.error("%s %r %-60s", key, key, {"key": [key]})
    return stream.getvalue()


def raised(key: object) -> str:
    """The traceback of an exception that holds a key, with the variables of each frame."""
    try:
        raise RuntimeError(key)
    except RuntimeError as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


PRINTERS: dict[str, Callable[[Any], str]] = {
    "repr": repr,
    "str": str,
    "format": format,
    "format with width": lambda key: f"{key:>80}|{key!r:>80}|{key!s}|{key!a}",
    "percent": lambda key: "%s %r %a" % (key, key, key),
    "containers": lambda key: f"{[key]} {(key,)} { {'key': key} } { {key} }",
    "pprint": lambda key: pprint.pformat({"key": key}),
    "reprlib": reprlib.repr,
    "ascii": ascii,
    "members": lambda key: repr(inspect.getmembers(key)),
    "slots": lambda key: repr([getattr(key, name) for name in ("_expose", "_digest")][:1]),
    "dir": lambda key: repr([getattr(key, name) for name in dir(key) if name != "__getstate__"]),
    "json with default": lambda key: json.dumps({"key": key}, default=repr),
    "logging": logged,
    "exception": raised,
    "copy": lambda key: repr((copy.copy(key), copy.deepcopy({"key": key}))),
}


@pytest.mark.parametrize("kind", [ApiKey, AnyKey])
@pytest.mark.parametrize("name", PRINTERS)
def test_no_way_of_printing_shows_the_secret(kind: type[ApiKey], name: str) -> None:
    assert not shows(PRINTERS[name](kind.parse(KEY)))


def test_a_key_prints_its_masked_form() -> None:
    key, other = ApiKey.parse(KEY), AnyKey.parse(KEY)
    assert [str(key), repr(key), f"{key}"] == [f"ApiKey({REDACTED})"] * 3
    assert f"{key:*<30}" == f"ApiKey({REDACTED})".ljust(30, "*")
    assert [str(other), repr(other), f"{other}"] == ["AnyKey(ctx_***)"] * 3


@pytest.mark.parametrize("kind", [ApiKey, AnyKey])
def test_a_copy_of_the_secret_is_refused(kind: type[ApiKey]) -> None:
    key = kind.parse(KEY)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="a key cannot be pickled"):
            pickle.dumps(key, protocol)
    refused: list[Callable[[], object]] = [
        lambda: json.dumps(key),
        lambda: bytes(key),  # type: ignore[call-overload]
        lambda: vars(key),
        lambda: list(key),  # type: ignore[call-overload]
        lambda: kind(KEY),  # type: ignore[call-arg]
        lambda: kind(),
        lambda: key.__getstate__(),
    ]
    for call in refused:
        with pytest.raises(TypeError) as caught:
            call()
        assert not shows(str(caught.value))
    for name in ("_expose", "_digest", "id", "note"):
        with pytest.raises(AttributeError):
            setattr(key, name, "x")
        with pytest.raises(AttributeError):
            delattr(key, name)
    assert copy.copy(key) is key
    assert copy.deepcopy([key])[0] is key


def test_no_error_contains_a_part_of_its_input(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in [KEY[1:], KEY[:51], KEY + "é", KEY.replace("f", "_"), KEY.replace("f", "g"), KEY + "\udcff"]:
        monkeypatch.setenv("MEMORYKIT_API_KEY", text)
        calls: list[tuple[type[Exception], Callable[[], object]]] = [
            (InvalidKey, lambda: ApiKey.parse(text)),
            (InvalidKey, lambda: ApiKey.parse(text.encode("utf-8", "surrogatepass"))),
            (InvalidKey, lambda: ApiKey.parse_pasted(f'"{text}"')),
            (InvalidKey, lambda: AnyKey.parse(KEY.replace("f", "_"))),
            (EnvKeyError, ApiKey.from_env),
            (EnvKeyError, AnyKey.from_env),
            (Denied, lambda: bearer([b"Bearer " + text.encode("utf-8", "surrogatepass")])),
        ]
        for kind, call in calls:
            if call == AnyKey.from_env and text == KEY[:51]:
                continue  # it may be a key of a later version
            with pytest.raises(kind) as caught:
                call()
            error = caught.value
            assert not shows(f"{error} {error!r} {error.args} {vars(error)}")
            assert error.__context__ is None and error.__cause__ is None
            assert_no_frame_has_variables(error)


def assert_no_frame_has_variables(error: BaseException) -> None:
    # The variables of the tests hold the text, but those of the frames below them do not.
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    inner = [frame for frame in frames if frame.f_code.co_filename.endswith("memorykit_key/__init__.py")]
    assert inner
    for frame in inner:
        assert set(frame.f_locals) <= {"function"}, frame


OWN = ApiKey.parse(KEY)
WRONG = KEY[:51]
BYTES = f"Bearer {KEY}".encode()
#: Values that are not texts. Each holds a key.
NOT_TEXTS: list[Any] = [bytearray(KEY, "ascii"), memoryview(KEY.encode()), UserString(KEY), [KEY], (KEY,), {KEY: KEY}, OWN]


def new_record(*values: Any, **named: Any) -> KeyRecord[Any]:
    return KeyRecord(*values, **named)


def set_field(name: str) -> Callable[[Any], object]:
    return lambda value: setattr(new_record(OWN.id, OWN.digest, 1, Scope.READ), name, value)


TIMES = ("not_before", "expires_at", "retires_at", "revoked_at")
RECORD = new_record(OWN.id, OWN.digest, 1, Scope.READ)
#: Each public function that takes a text or a number, and values with a key that it refuses.
REFUSALS: dict[str, list[tuple[Callable[[Any], object], list[Any]]]] = {
    "ApiKey.parse": [(ApiKey.parse, [*NOT_TEXTS, WRONG, WRONG.encode(), KEY + "x", KEY + "\udcff", f" {KEY}"])],
    "AnyKey.parse": [(AnyKey.parse, [*NOT_TEXTS, KEY + "_", f" {KEY}".encode()])],
    "ApiKey.parse_pasted": [(ApiKey.parse_pasted, [*NOT_TEXTS, KEY.encode(), WRONG, f"'{WRONG}'", f"Bearer {WRONG}", KEY + "\udcff"])],
    "AnyKey.parse_pasted": [(AnyKey.parse_pasted, [*NOT_TEXTS, KEY.encode(), KEY + "_"])],
    "bearer": [
        (bearer, [KEY, BYTES, bytearray(BYTES), memoryview(BYTES), [BYTES[:-1]], [BYTES, b"x"], [BYTES, KEY], [f"Basic {KEY}"]]),
        (lambda value: bearer([value]), [*NOT_TEXTS, bytearray(BYTES)]),
        (lambda value: bearer(iter([BYTES, value])), NOT_TEXTS),
    ],
    "Scope": [(lambda value: Scope(value), [KEY, KEY.encode(), *NOT_TEXTS])],
    "Scope.from_bits": [(Scope.from_bits, [KEY, KEY.encode(), *NOT_TEXTS])],
    "Scope.parse": [(Scope.parse, [KEY, f"memories:read {KEY}", KEY.encode(), *NOT_TEXTS])],
    "Scope.parse_list": [(Scope.parse_list, [KEY, f"memories:read,{KEY}", KEY.encode(), *NOT_TEXTS])],
    "KeyRecord": [
        (lambda value: new_record(value, OWN.digest, 1, Scope.READ), [KEY, KEY.encode(), *NOT_TEXTS]),
        (lambda value: new_record(OWN.id, value, 1, Scope.READ), [KEY, KEY.encode(), *NOT_TEXTS]),
        (lambda value: new_record(value, digest=value, project=1, scopes=Scope.READ), [KEY]),
        *[
            (lambda value, name=name: new_record(OWN.id, OWN.digest, 1, Scope.READ, **{name: value}), [KEY, *NOT_TEXTS])
            for name in TIMES
        ],
        *[(set_field(name), [KEY, *NOT_TEXTS]) for name in TIMES],
    ],
    "KeyRecord.verify": [
        (lambda value: RECORD.verify(value, 5), [KEY, KEY.encode(), *NOT_TEXTS[:-1], ApiKey.parse(OTHER)]),
        (lambda value: RECORD.verify(OWN, value), [KEY, *NOT_TEXTS]),
    ],
    "KeyRecord.state": [(RECORD.state, [KEY, *NOT_TEXTS])],
    "KeyRecord.retire_at": [(RECORD.retire_at, [KEY, *NOT_TEXTS])],
    "KeyRecord.revoke": [(RECORD.revoke, [KEY, *NOT_TEXTS])],
    "KeyRecord.rotate": [
        (lambda value: RECORD.rotate(value, 5, 5), [KEY, KEY.encode(), *NOT_TEXTS]),
        (lambda value: RECORD.rotate(ApiKey.parse(OTHER), value, 5), [KEY, *NOT_TEXTS]),
        (lambda value: RECORD.rotate(ApiKey.parse(OTHER), 5, value), [KEY, *NOT_TEXTS]),
    ],
    "Denied.challenge": [(Denied.unknown_key().challenge, [KEY.encode(), *NOT_TEXTS])],
    "find": [(find, [KEY, UserString(KEY), [KEY], (KEY,), {KEY: KEY}, OWN])],
    "redact": [(redact, [KEY, UserString(KEY), [KEY], (KEY,), {KEY: KEY}, OWN])],
    "redact_str": [(redact_str, [KEY.encode(), bytearray(KEY, "ascii"), ["ctx_", KEY], ("ctx_", KEY), {"ctx_": KEY}, OWN])],
}


@pytest.mark.parametrize("name", REFUSALS)
def test_no_frame_of_a_refusal_holds_its_input(name: str) -> None:
    for call, values in REFUSALS[name]:
        for value in values:
            with pytest.raises((ValueError, TypeError, AttributeError, Denied)) as caught:
                call(value)
            error = caught.value
            assert not shows(f"{error} {error!r} {error.args}"), value
            assert error.__context__ is None and error.__cause__ is None
            assert_no_frame_has_variables(error)


def test_each_public_function_that_takes_text_or_a_number_is_in_this_list() -> None:
    found = set()
    for name in memorykit_key.__all__:
        item = getattr(memorykit_key, name)
        functions = {name: item}
        if inspect.isclass(item):
            # The constructors of errors and of a grant check nothing, and the filter never raises.
            raises = not issubclass(item, (Exception, Enum, Grant, logging.Filter))
            functions = {name: item.__init__} if raises else {}
            public = [part for part in dir(item) if not part.startswith("_")]
            functions.update((f"{name}.{part}", getattr(item, part)) for part in public if part not in dir(Exception))
        for function_name, function in functions.items():
            if inspect.isroutine(function) and "memorykit_key" in str(getattr(function, "__module__", "")):
                parameters = list(inspect.signature(function).parameters.values())
                if any(re.search(r"\b(str|bytes|int)\b", str(parameter.annotation)) for parameter in parameters):
                    found.add(function_name)
    assert found == set(REFUSALS)


def test_errors_survive_pickling() -> None:
    # A worker process sends its exceptions in this way.
    errors: list[Exception] = [
        InvalidKey("length", 51),
        EnvKeyError("invalid", InvalidKey("character", 16)),
        Denied("missing_scope", Scope.READ, Scope.CHATS_READ),
        InvalidScope(0, 11, Scope.MEMORIES_READ),
        RotateError("Expired"),
    ]
    assert [repr(error) for error in errors] == [
        "InvalidKey('length', 51)",
        "EnvKeyError('invalid', InvalidKey('character', 16))",
        "Denied('missing_scope', Scope(memories:read chats:read users:read), Scope(chats:read))",
        "InvalidScope(0, 11, Scope(memories:read))",
        "RotateError('Expired')",
    ]
    for error in errors:
        for again in [pickle.loads(pickle.dumps(error)), copy.copy(error)]:
            assert (type(again), str(again), repr(vars(again))) == (type(error), str(error), repr(vars(error)))


class Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record) + repr({k: v for k, v in vars(record).items() if k != "exc_info"}))


def test_the_filter_redacts_messages_arguments_fields_and_tracebacks(capsys: pytest.CaptureFixture[str]) -> None:
    handler = Records()
    handler.addFilter(RedactingFilter())
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.error(f"text {KEY}")
    logger.error("argument %s, %s", KEY, 5)
    logger.error("mapping %(key)s", {"key": KEY})
    logger.error("fields", extra={"text": KEY, "deep": {"list": [KEY, (KEY, 5)], KEY: KEY.encode(), "set": {KEY}}})
    logger.error("wrong %d", KEY)
    logger.error({"key": KEY})
    logger.error("stack", stack_info=True)
    try:
        raise RuntimeError(KEY)
    except RuntimeError:
        logger.exception("traceback")
    assert len(handler.lines) == 8
    for line in handler.lines:
        assert not shows(line), line
    assert all(REDACTED in line for line in [*handler.lines[:6], handler.lines[7]])
    assert "RuntimeError: " + REDACTED in handler.lines[7]
    assert handler.lines[1].startswith(f"argument {REDACTED}, 5")
    assert "'deep': {'list': ['ctx_8aspm4G7VmSU***', ('ctx_8aspm4G7VmSU***', 5)]" in handler.lines[3]
    assert not shows(capsys.readouterr().err)


def test_the_filter_keeps_the_text_of_another_formatter() -> None:
    try:
        raise RuntimeError(KEY)
    except RuntimeError as error:
        record = logging.LogRecord("test", logging.ERROR, "x.py", 1, "%s", ("a",), (type(error), error, None))
    record.exc_text = f"short form of {KEY}"
    assert RedactingFilter().filter(record) is True
    assert (record.exc_text, record.getMessage()) == (f"short form of {REDACTED}", "a")


def test_the_filter_redacts_every_mapping_and_keeps_a_record_without_text() -> None:
    record = logging.LogRecord("test", logging.ERROR, "x.py", 1, "", None, None)
    record.__dict__.update(proxy=MappingProxyType({"key": KEY}), ordered=OrderedDict(key=[KEY]))
    assert RedactingFilter().filter(record) is True
    assert not shows(repr(vars(record)))


TEXT = f"key={KEY};"
REDACTED_TEXT = f"key={REDACTED};"
Pair = namedtuple("Pair", ["name", "item"])
T = TypeVar("T")


class Text(str):
    note = ""


class Items(list):  # type: ignore[type-arg]
    def __init__(self, first: object, note: str = "") -> None:
        super().__init__([first])
        self.note = note


class Fields(dict):  # type: ignore[type-arg]
    def __init__(self, *, text: str) -> None:
        super().__init__(text=text)


class Name(str, Enum):
    KEY = TEXT


@dataclass(frozen=True)
class Point:
    text: str
    items: Any = ()


@dataclass
class Slotted:
    __slots__ = ("text",)
    text: str


class Both(Slotted):
    """Has a slot and a dictionary."""

    note = ""


def field(value: T) -> T:
    """Returns a value of an extra field as the filter leaves it."""
    record = logging.LogRecord("test", logging.ERROR, "x.py", 1, "", None, None)
    record.__dict__["value"] = value
    assert RedactingFilter().filter(record) is True
    result: T = record.__dict__["value"]
    return result


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (frozenset([TEXT]), frozenset([REDACTED_TEXT])),
        (Pair(TEXT, [TEXT]), Pair(REDACTED_TEXT, [REDACTED_TEXT])),
        (deque([TEXT], maxlen=3), deque([REDACTED_TEXT], maxlen=3)),
        (Text(TEXT), Text(REDACTED_TEXT)),
        (bytearray(TEXT.encode()), bytearray(REDACTED_TEXT.encode())),
        (memoryview(TEXT.encode()), memoryview(REDACTED_TEXT.encode())),
        (memoryview(bytearray(TEXT.encode())), memoryview(bytearray(REDACTED_TEXT.encode()))),
        (OrderedDict([(TEXT, TEXT), ("x", "y")]), OrderedDict([(REDACTED_TEXT, REDACTED_TEXT), ("x", "y")])),
        (defaultdict(list, {TEXT: [TEXT]}), defaultdict(list, {REDACTED_TEXT: [REDACTED_TEXT]})),
        (Counter([TEXT]), Counter([REDACTED_TEXT])),
        (MappingProxyType({Pair(TEXT, 1): TEXT}), MappingProxyType({Pair(REDACTED_TEXT, 1): REDACTED_TEXT})),
        ({frozenset([(TEXT,)]): 1}, {frozenset([(REDACTED_TEXT,)]): 1}),
        (UserDict({TEXT: TEXT}), UserDict({REDACTED_TEXT: REDACTED_TEXT})),
        (UserList([TEXT]), UserList([REDACTED_TEXT])),
        (UserString(TEXT), UserString(REDACTED_TEXT)),
        (SimpleNamespace(text=[TEXT]), SimpleNamespace(text=[REDACTED_TEXT])),
        (Point(TEXT, (TEXT,)), Point(REDACTED_TEXT, (REDACTED_TEXT,))),
        ({TEXT: 1}.keys(), {REDACTED_TEXT: 1}.keys()),
        ({TEXT: TEXT}.items(), {REDACTED_TEXT: REDACTED_TEXT}.items()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_filter_keeps_the_type_of_a_field(value: Any, expected: Any) -> None:
    for depth in range(3):
        result = field([value] * depth) if depth else [field(value)]
        for item in result:
            assert type(item) is type(value)
            assert item == expected
            assert not shows(repr(item))
    assert shows(repr(value) + repr(bytes(value) if isinstance(value, memoryview) else "")), "the original is unchanged"


def test_the_filter_keeps_what_belongs_to_a_type() -> None:
    assert field(deque([TEXT], maxlen=3)).maxlen == 3
    default: Any = field(defaultdict(list, {TEXT: [TEXT]}))
    assert default["other"] == []
    assert not field(memoryview(bytearray(TEXT.encode()))).readonly
    assert list(field({"x": TEXT}.values())) == [REDACTED_TEXT]
    items = field(Items(TEXT, note=TEXT))
    assert (type(items), items, items.note) == (Items, [REDACTED_TEXT], REDACTED_TEXT)
    assert type(field(Items(1, note=TEXT))) is Items and field(Items(1, note=TEXT)).note == REDACTED_TEXT
    fields = field(Fields(text=TEXT))
    assert (type(fields), fields) == (Fields, {"text": REDACTED_TEXT})
    both = Both(TEXT)
    both.note = TEXT
    assert (field(both).text, field(both).note) == (REDACTED_TEXT, REDACTED_TEXT)
    del both.text
    assert (vars(field(both)), hasattr(field(both), "text")) == ({"note": REDACTED_TEXT}, False)
    assert (type(field(Name.KEY)), field(Name.KEY) == REDACTED_TEXT, shows(repr(field(Name.KEY)))) == (Name, True, False)


def test_the_filter_tells_short_lived_values_apart() -> None:
    # the pairs of a view are made when it is read, so later pairs can have the same ids
    views = field([{str(number): TEXT}.items() for number in range(100)])
    assert [list(view) for view in views] == [[(str(number), REDACTED_TEXT)] for number in range(100)]


def test_the_filter_leaves_a_field_without_a_key() -> None:
    held = [ApiKey.parse(KEY), range(10**12), 5, None, object(), RuntimeError("x"), Text("ctx_"), float("nan"), Text]
    values: list[Any] = [*held, held, tuple(held), Pair("a", "b"), {"x": held}, deque("x"), b"ctx_", Point("x"), {1: 2}.items()]
    for value in values:
        assert field(value) is value


def test_the_filter_redacts_the_names_of_fields() -> None:
    record = logging.LogRecord("test", logging.ERROR, "x.py", 1, "", None, None)
    record.__dict__[KEY] = 5
    assert RedactingFilter().filter(record) is True
    assert KEY not in vars(record) and vars(record)[REDACTED] == 5


def test_cycles_end() -> None:
    items: list[Any] = [TEXT]
    pair = (items, TEXT)
    mapping: dict[str, Any] = {"items": items, "view": None}
    items += [items, pair, mapping, MappingProxyType(mapping), deque([items])]
    mapping["view"] = mapping.values()
    mapping["owner"] = SimpleNamespace(items=items)
    for value in [items, pair, mapping, MappingProxyType(mapping), mapping.values(), mapping["owner"]]:
        copied = field(value)
        assert not shows(repr(copied)) and "unreadable" not in repr(copied)
    view = field(mapping)["view"]
    assert list(view)[1] is view
    copied = field(items)
    assert copied[1] is copied and copied[2][0] is copied and copied[3]["items"] is copied and copied[5][0] is copied
    twice = field([[TEXT]] * 2)
    assert twice[0] is twice[1]


class Broken:
    def __str__(self) -> str:
        raise RuntimeError(KEY)

    __repr__ = __hash__ = __str__  # type: ignore[assignment]


class BrokenMapping(UserDict):  # type: ignore[type-arg]
    def __getitem__(self, name: object) -> object:
        raise RuntimeError(KEY)


class BrokenText(str):
    def __new__(cls) -> BrokenText:
        return super().__new__(cls, TEXT)

    def __contains__(self, text: object) -> bool:
        raise RuntimeError(KEY)

    __str__ = encode = __eq__ = __contains__  # type: ignore[assignment]
    __hash__ = str.__hash__


def test_nothing_is_raised_out_of_logging(capsys: pytest.CaptureFixture[str]) -> None:
    deep: list[Any] = [TEXT]
    for _ in range(100_000):
        deep = [deep]
    released = memoryview(TEXT.encode())
    released.release()
    values = [deep, released, BrokenMapping(x=TEXT), BrokenText(), Broken(), [{"x": Broken()}, TEXT]]
    for value in values:
        assert field([value, TEXT])[1] == REDACTED_TEXT
    assert field(released) == "[unreadable]"  # type: ignore[comparison-overlap]
    assert not shows(str.__str__(field(BrokenText())))
    stream = io.StringIO()
    logger = logging.Logger("test")
    handler = logging.StreamHandler(stream)
    handler.addFilter(RedactingFilter())
    logger.addHandler(handler)
    logger.error(Broken())
    logger.error("%d", Broken())
    logger.error("%(x)s", {"x": Broken(), "y": KEY})
    logger.error(f"%d {KEY}", {"x": KEY})
    logger.error("text", exc_info=(RuntimeError, RuntimeError(Broken()), None))
    logger.error("text %s", TEXT, exc_info=5)  # type: ignore[arg-type]
    record = logging.LogRecord("test", logging.ERROR, "x.py", 1, "text", None, 5)  # type: ignore[arg-type]
    logger.handle(record)
    lines = stream.getvalue()
    assert lines.startswith("[unreadable]\n[unreadable]\n[unreadable]\n%d ctx_8aspm4G7VmSU***")
    assert not shows(lines + capsys.readouterr().err)
    assert lines.endswith("text\n[unreadable]\n")
