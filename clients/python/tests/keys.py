"""Keys for the tests."""

from __future__ import annotations

import hashlib

from hypothesis import strategies as st

KEY = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9"
OTHER = "ctx_hNRO46HtK22RXWXHlNkAHVt4fGut2pK3PYaw6kr2092lOxsW"
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def checksum(hashed: bytes) -> bytes:
    number = int(hashlib.sha256(hashed).hexdigest()[:8], 16)
    digits = ""
    for _ in range(6):
        number, value = divmod(number, 62)
        digits = ALPHABET[value] + digits
    return digits.encode()


def digits(length: int) -> st.SearchStrategy[str]:
    return st.text(ALPHABET, min_size=length, max_size=length)


def with_checksum(part: str) -> str:
    return f"ctx_{part}{checksum(f'ctx_{part}'.encode()).decode()}"


keys = digits(42).map(with_checksum)
#: Any text, with surrogates.
texts = st.text(st.characters(exclude_categories=()))


def shows(text: str, key: str = KEY) -> bool:
    """Returns whether a text contains eight consecutive characters of the secret part of a key."""
    secret = key[16:]
    return any(secret[start : start + 8] in text for start in range(len(secret) - 7))
