"""Compares the package with the answers of the Rust crate: `differential SEED COUNT | python compare.py`.

Each line of the input is a case of clients/differential. The first case with another answer ends the program with an
error, and so does an input without cases.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Callable

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from memorykit_key import (  # noqa: E402
    ApiKey,
    Denied,
    InvalidKey,
    InvalidScope,
    KeyRecord,
    RotateError,
    Scope,
    bearer,
    find,
    redact,
    redact_str,
)


def key(parse: Callable[[], ApiKey]) -> list[Any]:
    try:
        found = parse()
    except InvalidKey as error:
        return [error.kind, error.detail, str(error)]
    return [found.id, found.digest, repr(found)]


def scopes(parse: Callable[[], Scope]) -> list[Any]:
    try:
        found = parse()
    except InvalidScope as error:
        return [error.start, error.end, error.suggestion and str(error.suggestion), str(error)]
    return [found.bits, str(found)]


def bits(granted: int, required: int) -> list[Any]:
    scope, other = Scope(granted), Scope(required)
    try:
        known = Scope.from_bits(granted) == scope
    except ValueError:
        known = False
    return [known, scope.grants(other), scope.missing(other).bits, str(scope), repr(scope)]


def refusal(denied: Denied, realm: str) -> list[Any]:
    return [denied.reason, denied.status, str(denied), denied.missing.bits, denied.challenge(realm)]


def authorization(values: list[str], realm: str) -> Any:
    try:
        return bearer([value.encode("latin-1") for value in values]).id
    except Denied as denied:
        return refusal(denied, realm)


def life(case: dict[str, Any]) -> list[Any]:
    own, presented = ApiKey.parse(case["own"]), ApiKey.parse(case["presented"])
    times = [time and int(time) for time in case["times"]]
    record = KeyRecord(own.id, own.digest, "project", Scope(case["scopes"]), *times)
    now = int(case["now"])
    state = record.state(now).name
    verified: list[Any]
    try:
        grant = record.verify(presented, now)
        verified = [grant.key_id, grant.scopes.bits, text(grant.expires_at), None]
        try:
            grant.require(Scope(case["required"]))
        except Denied as denied:
            verified[3] = refusal(denied, "MemoryKit")
    except Denied as denied:
        verified = refusal(denied, "MemoryKit")
    try:
        new = record.rotate(presented, now, int(case["overlap"]))
        rotated: list[Any] = [new.id, new.digest, new.scopes.bits, times_of(new)]
    except RotateError as error:
        rotated = [error.kind, str(error)]
    after_rotation = times_of(record)
    record.retire_at(int(case["retire_at"]))
    record.revoke(int(case["revoke_at"]))
    return [state, verified, rotated, after_rotation, times_of(record)]


def text(time: int | None) -> str | None:
    return None if time is None else str(time)


def times_of(record: KeyRecord[str]) -> list[str | None]:
    return [text(time) for time in (record.not_before, record.expires_at, record.retires_at, record.revoked_at)]


def leaks(case: str) -> list[Any]:
    data = case.encode("latin-1")
    redacted = redact(data).decode("latin-1")
    if redact_str(case) != redacted:
        return ["redact_str differs"]
    return [[list(found) for found in find(data)], redacted]


ANSWERS: dict[str, Callable[..., Any]] = {
    "parse": lambda case: key(lambda: ApiKey.parse(case.encode("latin-1"))),
    "parse_str": lambda case: key(lambda: ApiKey.parse(case)),
    "pasted": lambda case: key(lambda: ApiKey.parse_pasted(case)),
    "scopes": lambda case: scopes(lambda: Scope.parse(case)),
    "scope_list": lambda case: scopes(lambda: Scope.parse_list(case)),
    "bits": bits,
    "bearer": authorization,
    "record": life,
    "leaks": leaks,
}
INPUTS = {"bits": 2, "bearer": 2}


def main() -> None:
    counts: Counter[str] = Counter()
    for line in sys.stdin:
        operation, *rest = json.loads(line)
        inputs = INPUTS.get(operation, 1)
        expected = rest[inputs:] if operation == "leaks" else rest[inputs]
        found = ANSWERS[operation](*rest[:inputs])
        if found != expected:
            sys.exit(f"the package answers {json.dumps(found)} to {line}")
        counts[operation] += 1
    if not counts:
        sys.exit("no cases: pipe the output of `differential SEED COUNT` into this program")
    print(f"Python: {sum(counts.values())} cases agree ({', '.join(f'{name} {count}' for name, count in counts.items())})")


if __name__ == "__main__":
    main()
