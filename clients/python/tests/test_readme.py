"""Runs the examples of README.md: the server, and the client against it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from keys import KEY, OTHER

PACKAGE = Path(__file__).resolve().parents[1]


def example(name: str, folder: Path) -> Path:
    readme = (PACKAGE / "README.md").read_text("utf-8")
    (code,) = [block for block in readme.split("```python\n")[1:] if block.startswith(f"# {name}\n")]
    (folder / name).write_text(code.split("```")[0])
    return folder / name


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PACKAGE / "src"), **more}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, str(example("server.py", tmp_path))], env=environment(PORT=str(port)))
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.kill()
        process.wait()


def get(url: str, headers: dict[str, str]) -> tuple[int, str | None, str]:
    response: Any
    try:
        with urlopen(Request(url, headers=headers)) as response:
            return response.status, response.headers["WWW-Authenticate"], response.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.headers["WWW-Authenticate"], error.read().decode()


def test_the_examples_are_a_server_and_its_client(server: str, tmp_path: Path) -> None:
    missing = "an API key is required: send it as `Authorization: Bearer <key>`"
    assert get(server, {}) == (401, 'Bearer realm="MemoryKit"', missing)
    assert get(server, {"Authorization": f"Bearer {OTHER}"})[:2] == (401, 'Bearer realm="MemoryKit", error="invalid_token"')
    assert get(server, {"Authorization": f"bearer {KEY}"}) == (200, None, "hello, demo")

    def run(key: str) -> subprocess.CompletedProcess[str]:
        variables = environment(MEMORYKIT_API_KEY=key, MEMORYKIT_URL=server)
        command = [sys.executable, str(example("client.py", tmp_path))]
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)

    assert run(f'"{KEY}"\n').stdout == "200 hello, demo\n"
    refused = run("ctx_your_api_key_here")
    assert refused.returncode == 1
    assert "MEMORYKIT_API_KEY does not hold an API key: an API key is 52 bytes long, not 21" in refused.stderr
