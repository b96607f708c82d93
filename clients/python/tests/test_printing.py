"""No way of printing in the language shows the secret of a key."""

from __future__ import annotations

import copy
import inspect
import io
import json
import logging
import pickle
import pprint
import reprlib
import traceback
from collections import OrderedDict
from types import MappingProxyType
from typing import Any, Callable

import pytest
from keys import KEY, shows

from memorykit_key import (
    AnyKey,
    ApiKey,
    Denied,
    EnvKeyError,
    InvalidKey,
    InvalidScope,
    RedactingFilter,
    RotateError,
    Scope,
    bearer,
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
            # The variables of this function hold the text, but those of the frames below it do not.
            frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
            inner = [frame for frame in frames if frame.f_code.co_filename.endswith("memorykit_key/__init__.py")]
            assert inner
            assert not [frame for frame in inner if shows(repr(frame.f_locals))]


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
