"""Every case of tests/vectors of the repository has its result."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from memorykit_key import ApiKey, Denied, InvalidKey, InvalidScope, KeyRecord, RotateError, Scope, bearer, find, redact, redact_str

VECTORS = Path(__file__).resolve().parents[3] / "tests/vectors"
OWN = ApiKey.parse("ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9")
OTHER = ApiKey.parse("ctx_hNRO46HtK22RXWXHlNkAHVt4fGut2pK3PYaw6kr2092lOxsW")
TIMES = ["not_before", "expires_at", "retires_at", "revoked_at"]


def cases(name: str, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
    assert len(found) == count
    return found


def result(case: dict[str, Any], text: bytes | str, pasted: bool) -> None:
    try:
        key = ApiKey.parse_pasted(text) if pasted and isinstance(text, str) else ApiKey.parse(text)
    except InvalidKey as error:
        assert (error.kind, error.detail) == (case.get("error"), case.get("detail")), case
    else:
        assert {"id": key.id, "digest": key.digest} == case.get("ok"), case
        assert key.expose_secret() in case["input"]


def test_keys_parse_as_written() -> None:
    for case in cases("keys", 289):
        text = case["input"].encode("latin-1")
        result(case, text, pasted=False)
        try:
            decoded = text.decode()
        except UnicodeDecodeError:
            continue
        result(case, decoded, pasted=False)


def test_pasted_keys_are_repaired() -> None:
    for case in cases("pasted", 246):
        result(case, case["input"], pasted=True)


def test_scopes_are_written_read_and_checked() -> None:
    for case in cases("scopes", 299):
        if "text" in case:
            assert str(Scope.from_bits(case["bits"])) == case["text"]
            assert Scope.parse(case["text"]).bits == case["bits"]
        elif "granted" in case:
            granted, required = Scope(case["granted"]), Scope(case["required"])
            assert granted.grants(required) is case["grants"], case
            assert granted.missing(required) == Scope(case["missing"]), case
        else:
            try:
                bits = (Scope.parse_list(case["list"]) if "list" in case else Scope.parse(case["input"])).bits
            except InvalidScope:
                assert case["bits"] is None, case
            else:
                assert bits == case["bits"], case


def record(times: dict[str, Any], key: ApiKey = OWN) -> KeyRecord[str]:
    return KeyRecord(key.id, key.digest, "project", Scope.READ, **times)


def test_records_live_and_rotate() -> None:
    for case in cases("records", 210):
        old, presented = record(case["record"]), OWN if case.get("same_key") else OTHER
        if "state" in case:
            assert old.state(case["now"]).name == case["state"], case
            outcome: tuple[str | None, int | None]
            try:
                outcome = (None, old.verify(presented, case["now"]).expires_at)
            except Denied as denied:
                outcome = (denied.reason, None)
                assert (denied.status, denied.error) == (401, "invalid_token")
            reason = case["reason"] and re.sub("(?<!^)([A-Z])", r"_\1", case["reason"]).lower()
            assert outcome == (reason, case.get("grant_ends")), case
        elif "ops" in case:
            for operation, time in case["ops"]:
                {"retire_at": old.retire_at, "revoke": old.revoke}[operation](time)
            assert old == record(case["after"]), case
        else:
            try:
                new = old.rotate(presented, case["now"], case["overlap"])
            except RotateError as error:
                assert error.kind == case.get("rotate_error"), case
                assert old == record(case["record"]), case
            else:
                assert (old, new) == (record(case["old"]), record(case["new"], OTHER)), case


def test_headers_are_read() -> None:
    for case in cases("bearer", 156):
        values = [value.encode("latin-1") for value in case["values"]]
        try:
            outcome = [200, bearer(values).id]
        except Denied as denied:
            outcome = [denied.status, denied.error]
        assert outcome == [case["status"], case["id"] if case["status"] == 200 else case["error"]], case


def test_leaks_are_found_and_redacted() -> None:
    for case in cases("leaks", 118):
        text, redacted = case["text"].encode("latin-1"), case["redacted"].encode("latin-1")
        assert find(text) == [tuple(found) for found in case["finds"]], case
        assert redact(text) == redacted, case
        assert redact(redacted) == redacted, case


def test_two_keys_can_share_three_bytes() -> None:
    first = "ctx_8aspm4G7VmSU0000000000000000000000003128504YMctx"
    own = OWN.expose_secret()
    text = f"é{first}{own[3:]}"
    assert find(text.encode()) == [(2, 54), (51, 103)]
    assert redact(text.encode()).decode() == redact_str(text) == "éctx_8aspm4G7VmSU***_8aspm4G7VmSU***"
