"""The package is one file, and does not grow without notice."""

from __future__ import annotations

import gzip
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "src/memorykit_key"


def test_no_file_grows_without_notice() -> None:
    assert {path.name for path in PACKAGE.iterdir() if path.is_file()} == {"__init__.py", "py.typed"}
    source = (PACKAGE / "__init__.py").read_bytes()
    assert len(source) <= 35_000
    assert len(gzip.compress(source)) <= 10_600
