"""Prints the nanoseconds to read a key and to verify it against its record and a scope, and those of one SHA-256."""

from __future__ import annotations

import hashlib
import json
import sys
import timeit
from pathlib import Path
from typing import Callable

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from memorykit_key import ApiKey, KeyRecord, Scope  # noqa: E402

TEXT = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9"
COUNT = 20_000
OWN = ApiKey.parse(TEXT)
RECORD = KeyRecord(OWN.id, OWN.digest, "demo", Scope.READ)
HASHED = TEXT[:46].encode()


def measure(call: Callable[[], object]) -> float:
    """Returns the time of a call in nanoseconds, in the fastest of ten rounds."""
    return round(min(timeit.repeat(call, number=COUNT, repeat=10)) / COUNT * 1e9, 1)


def verify() -> None:
    RECORD.verify(ApiKey.parse(TEXT), 5).require(Scope.CHATS_READ)


print(json.dumps({"verification": measure(verify), "sha256": measure(lambda: hashlib.sha256(HASHED).digest())}))
