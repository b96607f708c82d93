"""MemoryKit API keys, a plugin for detect-secrets 1.5. It drops what the checksum refutes: docs/key-format.md §4.

    detect-secrets scan --all-files --plugin crates/cli/rules/detect-secrets/memorykit_api_key.py \\
        --disable-filter detect_secrets.filters.heuristic.is_indirect_reference

A find is live until it is revoked: revoke it by its id, characters 4..16 of the key. The filter, were it on, would
drop each find in a line like `client = Client("…")`. The scanner reads only files below the directory that it is
started in, and skips the others without a word.
"""

import hashlib
import re

from detect_secrets.plugins.base import RegexBasedDetector

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class MemoryKitApiKeyDetector(RegexBasedDetector):
    """Finds keys by their checksum, between any characters. One in 4.6 billion random texts of the shape passes."""

    secret_type = "MemoryKit API key"
    id = "memorykit-api-key"
    documentation = "docs/key-format.md"

    # Matches are empty, so that the search goes on one character later: two keys can share three.
    denylist = [re.compile(r"(?=(ctx_[0-9A-Za-z]{42}[0-4][0-9A-Za-z]{5}))")]

    def analyze_string(self, string):
        for found in self.denylist[0].finditer(string):
            key = found[1]
            digest = hashlib.sha256(key[:46].encode("ascii")).digest()
            if key[46:] == checksum(digest):
                yield key


def checksum(digest):
    """Returns the last six digits of the key that has this digest."""
    number = int.from_bytes(digest[:4], "big")
    digits = ""
    for _ in range(6):
        number, value = divmod(number, 62)
        digits = ALPHABET[value] + digits
    return digits
