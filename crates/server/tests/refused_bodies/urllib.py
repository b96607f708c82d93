"""Sends bodies that the server refuses, with Python's http.client and urllib, and prints a status and a code for each.

    python3 urllib.py HOST PORT KEY
"""
import http.client
import io
import json
import sys
import urllib.error
import urllib.request

host, port, key = sys.argv[1:]
MIB = 1 << 20


def show(status, body):
    print(status, json.loads(body)["error"]["code"])


def by_client(connection, length, path, headers, is_chunked):
    body = iter([bytes(MIB)] * (length // MIB)) if is_chunked else bytes(length)
    connection.request("POST", path, body, headers, encode_chunked=is_chunked)
    answer = connection.getresponse()
    show(answer.status, answer.read())


def by_urllib(length, path, headers):
    request = urllib.request.Request(f"http://{host}:{port}{path}", io.BytesIO(bytes(length)), headers)
    request.add_header("Content-Length", str(length))
    try:
        urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        show(error.code, error.read())


authorized = {"Authorization": f"Bearer {key}"}
connection = http.client.HTTPConnection(host, int(port))
for length in [10 * MIB, 64 * MIB]:
    for path, headers in [("/v1/memories", {}), ("/v1/memories", authorized), ("/v1/nothing", authorized)]:
        for is_chunked in [False, True]:
            chunked = {"Transfer-Encoding": "chunked"} if is_chunked else {}
            by_client(connection, length, path, headers | chunked, is_chunked)
        by_urllib(length, path, headers)
