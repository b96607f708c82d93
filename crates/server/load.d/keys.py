"""Stores keys in the SQLite database of a server that has none, and writes them, one a line, to a file.

usage: keys.py DATABASE FILE NUMBER
"""

import hashlib
import secrets
import sqlite3
import sys

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PROJECT = "proj_" + 32 * "0"


def key():
    """A key and its digest, as docs/key-format.md has them."""
    begin = "ctx_" + "".join(secrets.choice(DIGITS) for _ in range(42))
    digest = hashlib.sha256(begin.encode()).digest()
    number, checksum = int.from_bytes(digest[:4], "big"), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        checksum = DIGITS[digit] + checksum
    return begin + checksum, digest


database, file, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
keys = [key() for _ in range(number)]
with sqlite3.connect(database) as client:
    client.execute("INSERT INTO accounts VALUES ('acc', 'load@example.com', '', 0)")
    client.execute("INSERT INTO companies VALUES ('org', 'acc', 'Load', 'load', 0)")
    client.execute("INSERT INTO projects VALUES (?, 'org', 'Load', 0)", (PROJECT,))
    client.executemany(
        "INSERT INTO api_keys (id, digest, project, scopes, name, created_at, updated_at) VALUES (?, ?, ?, 1, 'load', 0, 0)",
        ((text[4:16], digest, PROJECT) for text, digest in keys),
    )
with open(file, "w", encoding="ascii") as lines:
    lines.writelines(text + "\n" for text, _ in keys)
