#!/usr/bin/env python3
"""Writes leaks/, traps/, awkward/ and encodings/. With --check, compares them with what it would write.

The keys are well-formed, but no server knows them. Their digits come from SHA-256 of a seed and a number, so anyone
can compute them. Never issue one of them, and never use one as a secret.
"""

import base64
import gzip
import hashlib
import io
import re
import sys
import tarfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SHAPE = re.compile(rb"(?=(ctx_[0-9A-Za-z]{42}[0-4][0-9A-Za-z]{5}))")
LEAKS, TRAPS, SHAPED, AWKWARD, ENCODINGS = 40, 60, 22, 12, 24


def digits(label, count):
    """Returns base-62 digits that depend only on the label."""
    found, block = [], 0
    while len(found) < count:
        for byte in hashlib.sha256(f"ctx-key corpus, {label}, {block}".encode()).digest():
            if byte < 248:
                found.append(ALPHABET[byte % 62])
        block += 1
    return "".join(found[:count])


def base62(number, alphabet=ALPHABET):
    text = ""
    for _ in range(6):
        number, value = divmod(number, 62)
        text = alphabet[value] + text
    return text


def checksum(head):
    return base62(int.from_bytes(hashlib.sha256(head.encode()).digest()[:4], "big"))


def key(label):
    head = "ctx_" + digits(label, 42)
    return head + checksum(head)


def is_key(text):
    return SHAPE.match(text.encode()) is not None and checksum(text[:46]) == text[46:]


def finds(content):
    """Returns every key in the bytes. Two keys may share three bytes."""
    return [found[1].decode() for found in SHAPE.finditer(content) if is_key(found[1].decode())]


# The name of each file, and its text with {key} in place of the key.
LEAK_TEXTS = [
    ("dotenv.env", "# staging\nMEMORYKIT_API_KEY={key}\nMEMORYKIT_REGION=eu-central-1\n"),
    ("dotenv-quoted.env", 'LOG_LEVEL=info\nMEMORYKIT_API_KEY="{key}"\n'),
    ("dotenv-export.sh", "export MEMORYKIT_API_KEY='{key}'\nexec ./serve\n"),
    ("dotenv-trailing.env", "KEY_FILE=/run/key\nMK_KEY={key} # rotate in March\n"),
    ("dotenv-crlf.env", "PORT=8080\r\nMEMORYKIT_API_KEY={key}\r\nDEBUG=0\r\n"),
    ("config.json", '{\n  "memorykit": {\n    "apiKey": "{key}",\n    "timeoutMs": 2500\n  }\n}\n'),
    ("compact.json", '{"env":"prod","auth":{"type":"bearer","token":"{key}"},"retries":3}'),
    ("array.json", '["eu","{key}","us"]\n'),
    ("notebook.ipynb", '{"cells":[{"cell_type":"code","source":["client = Client(\\"{key}\\")\\n"]}]}\n'),
    ("settings.yaml", "memorykit:\n  api_key: {key}\n  region: eu\n"),
    ("compose.yaml", "services:\n  app:\n    environment:\n      - MEMORYKIT_API_KEY={key}\n      - TZ=UTC\n"),
    ("secret.yaml", 'kind: Secret\nstringData:\n  api-key: "{key}"\n'),
    ("values.yml", "image: app:1.4\nenv: {TZ: UTC, MEMORYKIT_API_KEY: {key}, PORT: 80}\n"),
    ("client.js", 'import { Client } from "memorykit";\n\nconst client = new Client({ apiKey: "{key}" });\n'),
    ("template.js", "const headers = { authorization: `Bearer {key}` };\n"),
    ("test.ts", "it('recalls', () => expect(recall('{key}')).resolves.toBeDefined());\n"),
    ("bundle.min.js", '!function(e){var t="{key}";e.k=t}(window);'),
    ("query-url.txt", "https://api.memorykit.example/v1/memories?api_key={key}&limit=20\n"),
    ("fragment-url.txt", "https://app.memorykit.example/#key={key}\n"),
    ("userinfo-url.txt", "https://token:{key}@git.memorykit.example/team/notes.git\n"),
    ("path-url.txt", "GET /hooks/{key}/events HTTP/1.1\n"),
    ("authorization.http", "GET /v1/memories HTTP/1.1\nHost: api.memorykit.example\nAuthorization: Bearer {key}\n\n"),
    ("x-api-key.http", "POST /v1/memories HTTP/1.1\r\nX-Api-Key: {key}\r\nContent-Length: 0\r\n\r\n"),
    ("curl.sh", "curl -sS -H 'Authorization: Bearer {key}' https://api.memorykit.example/v1/me\n"),
    ("cookie.http", "Cookie: theme=dark; mk_key={key}; lang=de\n"),
    ("parentheses.md", "It works again with the new key ({key}).\n"),
    ("backticks.md", "Set the variable to `{key}`, then restart.\n"),
    ("sentence.txt", "My key is {key}. Why do I get a 403?\n"),
    ("table.md", "| who | key |\n|---|---|\n| ana |{key}|\n"),
    ("xml.xml", "<add><name>MemoryKit</name><value>{key}</value></add>\n"),
    ("redirect.log", "302 /login?next=%2Fv1%3Fapi_key%3D{key}%26page%3D2\n"),
    ("form.log", 'body="grant=key&assertion=Bearer%20{key}&scope=read"\n'),
    ("encoded-json.log", "q=%7B%22apiKey%22%3A%22{key}%22%7D\n"),
    ("main.py", 'client = MemoryKit(api_key="{key}", region="eu")\n'),
    ("main.rs", 'const KEY: &str = "{key}";\n'),
    ("main.go", 'client := memorykit.New("{key}")\n'),
    ("app.properties", "memorykit.url=https://api.memorykit.example\nmemorykit.key={key}\n"),
    ("variables.tf", 'variable "memorykit_key" {\n  default = "{key}"\n}\n'),
    ("fix.patch", "--- a/.env\n+++ b/.env\n@@ -1 +1 @@\n-MEMORYKIT_API_KEY=\n+MEMORYKIT_API_KEY={key}\n"),
    ("history.txt", "  412  memorykit login {key}\n  413  ls\n"),
]


def leaks():
    for number, (name, text) in enumerate(LEAK_TEXTS, 1):
        yield f"{number:02}-{name}", text.replace("{key}", key(f"leak {number}")).encode()


def changed(text, index, by=1):
    """Returns the text with the digit at the index replaced by a later digit of the alphabet."""
    return text[:index] + ALPHABET[(ALPHABET.index(text[index]) + by) % 62] + text[index + 1:]


def number_of(head):
    return int.from_bytes(hashlib.sha256(head.encode()).digest()[:4], "big")


def first_key(label, wanted):
    """Returns the first key of this label for which `wanted` is true."""
    return next(found for found in (key(f"{label}, {n}") for n in range(1 << 20)) if wanted(found))


def shaped_traps():
    """Yields texts with the shape of a key and a wrong checksum. Only a tool that computes SHA-256 can recognise them."""
    k = lambda n: key(f"shaped {n}")
    head = lambda n: k(n)[:46]
    other = ALPHABET[:10] + ALPHABET[36:] + ALPHABET[10:36]
    digest = lambda n: hashlib.sha256(head(n).encode()).digest()
    yield "typo-in-id.env", f"MEMORYKIT_API_KEY={changed(k(1), 7)}\n"
    yield "typo-in-secret.json", f'{{"apiKey": "{changed(k(2), 30)}"}}\n'
    yield "typo-in-checksum.yaml", f"api_key: {changed(k(3), 49)}\n"
    yield "typo-at-the-end.txt", f"Bearer {changed(k(4), 51)}\n"
    swapped = first_key("swapped", lambda key: key[20] != key[21])
    yield "swapped-digits.env", f"KEY={swapped[:20] + swapped[21] + swapped[20] + swapped[22:]}\n"
    yield "lower-case.env", f"KEY={k(6).lower()}\n"
    yield "upper-case.env", f"KEY=ctx_{k(7)[4:].upper()}\n"
    zero = first_key("zero", lambda key: "0" in key[16:46])
    yield "letter-o-for-zero.md", "Use `" + zero.replace("0", "O", 1) + "`.\n"
    yield "two-halves-of-two-keys.txt", f"{k(9)[:28]}{k(90)[28:]}\n"
    yield "checksum-of-another-key.log", f"key={head(10)}{k(91)[46:]}\n"
    yield "checksum-without-prefix.py", f'KEY = "{head(11)}{checksum(head(11)[4:])}"\n'
    yield "checksum-of-the-secret.py", f'KEY = "{head(12)}{checksum(head(12)[16:])}"\n'
    yield "checksum-little-endian.py", f'KEY = "{head(13)}{base62(int.from_bytes(digest(13)[:4], "little"))}"\n'
    yield "checksum-other-alphabet.js", f'const key = "{head(14)}{base62(number_of(head(14)), other)}";\n'
    yield "checksum-last-bytes.js", f'const key = "{head(15)}{base62(int.from_bytes(digest(15)[-4:], "big"))}";\n'
    yield "zeros.env.sample", f"MEMORYKIT_API_KEY=ctx_{'0' * 48}\n"
    yield "placeholder-x.env.sample", f"MEMORYKIT_API_KEY=ctx_{'x' * 42}0{'x' * 5}\n"
    yield "placeholder-words.md", "api_key: ctx_" + "YourMemoryKitApiKeyGoesHere" + "1" * 21 + "\n"
    yield "counting.env.sample", f"KEY=ctx_{ALPHABET[:42]}0{ALPHABET[43:48]}\n"
    yield "noise.json", f'{{"id": "ctx_{digits("noise 1", 42)}3{digits("noise 2", 5)}"}}\n'
    yield "noise-in-url.txt", f"https://cdn.example/ctx_{digits('noise 3', 42)}1{digits('noise 4', 5)}/app.css\n"
    yield "noise-in-log.log", f"trace=ctx_{digits('noise 5', 42)}2{digits('noise 6', 5)} took 3 ms\n"


def other_traps():
    """Yields texts without the shape of a key."""
    k = lambda n: key(f"other {n}")
    yield "ctx-switch-count.c", "unsigned long ctx_switch_count = rq->ctx_switches - prev->ctx_switches;\n"
    yield "ctx-functions.c", "static void ctx_sched_out(struct ctx_data *ctx_ptr) { ctx_put(ctx_ptr); }\n"
    yield "ctx-long-name.h", "int ctx_get_or_create_default_context_for_current_thread_locked_noirq(void);\n"
    yield "ctx-camel.js", "const ctx_canvasRenderingContextWithOffscreenBufferAndHitTesting = getContext();\n"
    yield "ctx-constants.py", "ctx_MAX_RETRIES = 5\nctx_TIMEOUT = 30\n"
    yield "ctx-alone.txt", "Every key begins with ctx_ and is 52 characters long.\n"
    yield "ctx-sql.sql", "CREATE INDEX ctx_memories_project_id_created_at ON memories (project_id, created_at);\n"
    yield "ctx-migration.txt", "20261123101500_ctx_add_project_to_memories.sql\n"
    yield "placeholder-words.env.sample", "MEMORYKIT_API_KEY=ctx_your_api_key_here\n"
    yield "placeholder-angle.md", "curl -H 'Authorization: Bearer ctx_<your key>' https://api.memorykit.example\n"
    yield "placeholder-dots.md", "The key looks like `ctx_8asp...2n9`.\n"
    yield "placeholder-x.md", "KEY=ctx_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"
    yield "template-braces.yaml", "api_key: ctx_{{ .Values.memorykit.apiKey }}\n"
    yield "template-shell.sh", 'export KEY="ctx_${MEMORYKIT_ID}${MEMORYKIT_SECRET}"\n'
    yield "template-js.js", "const key = `ctx_${id}${secret}${checksum}`;\n"
    yield "format-string.py", 'key = "ctx_%s%s%s" % (id, secret, checksum)\n'
    yield "regular-expression.js", "const shape = /ctx_[0-9A-Za-z]{42}[0-4][0-9A-Za-z]{5}/;\n"
    yield "masked.log", f"revoked {k(1)[:16]}***\n"
    yield "masked-stars.log", f"using ctx_{'*' * 44}{k(2)[48:]}\n"
    yield "truncated-by-one.env", f"KEY={k(3)[:51]}\n"
    yield "truncated-in-secret.json", f'{{"apiKey": "{k(4)[:40]}"}}\n'
    yield "truncated-ellipsis.log", f"key={k(5)[:45]}…\n"
    yield "first-missing.txt", f"{k(6)[1:]}\n"
    yield "prefix-missing.txt", f"{k(7)[4:]}\n"
    yield "digit-missing.txt", f"{k(8)[:30]}{k(8)[31:]}\n"
    yield "prefix-upper-case.env", f"KEY=CTX_{k(9)[4:]}\n"
    yield "prefix-dash.env", f"KEY=ctx-{k(10)[4:]}\n"
    yield "prefix-of-another.env", f"KEY=ctk_{k(11)[4:]}\n"
    yield "dash-inside.env", f"KEY={k(12)[:24]}-{k(12)[25:]}\n"
    yield "underscore-inside.env", f"KEY={k(13)[:16]}_{k(13)[17:]}\n"
    yield "accent-inside.txt", f"KEY={k(14)[:33]}é{k(14)[34:]}\n"
    yield "spaces-inside.txt", " ".join(k(15)[at:at + 13] for at in range(0, 52, 13)) + "\n"
    yield "later-version.env", f"KEY={k(16)[:46]}7{k(16)[47:]}\n"
    yield "later-version-longer.env", f"KEY={k(17)[:46]}z{digits('longer', 17)}\n"
    yield "hexadecimal-digest.json", f'{{"etag": "ctx_{hexadecimal()}"}}\n'
    yield "uuid.json", '{"context": "ctx_5f0f7ab8-31cf-4f8e-9a3e-0f0f6d9c2b11"}\n'
    digest = hashlib.sha256(k(18)[:46].encode()).hexdigest()
    yield "digest-only.sql", f"INSERT INTO keys VALUES ('{k(18)[4:16]}', '{digest}');\n"
    yield "other-providers-key.env", f"SERVICE_TOKEN=svc_{digits('provider', 36)}\n"


def hexadecimal():
    """Returns a hexadecimal digest. After the prefix, it lacks the shape of a key, because the digit at index 42 is above 4."""
    texts = (hashlib.sha256(f"etag {n}".encode()).hexdigest() for n in range(64))
    return next(text for text in texts if text[42] > "4")


def traps():
    for number, (name, text) in enumerate([*shaped_traps(), *other_traps()], 1):
        yield f"{number:02}-{name}", text.encode()


def sharing():
    """Returns two keys in 101 bytes: the second begins with the last three bytes of the first, `ctx`."""
    first = first_key("sharing", lambda key: key.endswith("ctx"))
    return first[:49] + key("shared")


def minified():
    """Returns 60 KB without a line break."""
    part = 'function a{n}(t,e){{return t.ctx_{n}=e||{n},t}}'
    text = ""
    while len(text) < 60_000:
        text += part.format(n=len(text))
        if len(text) > 40_000 and "apiKey" not in text:
            text += f'var z={{apiKey:"{key("minified")}"}};'
    return text


def awkward_cases():
    """Yields the name, the content and the keys of each file."""
    k = lambda n: key(f"awkward {n}")
    basic = base64.b64encode(f"memorykit:{k(9)}".encode()).decode()
    two = sharing()
    yield "json-newline.json", f'{{"log": "connected\\n{k(1)}\\nready"}}\n', [k(1)]
    yield "json-u003d.json", f'{{"url": "https://x.example/?key\\u003d{k(2)}\\u0026page\\u003d2"}}\n', [k(2)]
    yield "percent-encoded.log", f"GET /login?next=%2Fme%3Fkey%3D{k(3)} HTTP/1.1\n", [k(3)]
    yield "ansi-colour.log", f"key \x1b[1;32m{k(4)}\x1b[0m accepted\n", [k(4)]
    yield "cjk-neighbours.txt", f"鍵は{k(5)}です。clé{k(50)}é\n", [k(5), k(50)]
    yield "glued.txt", f"backupkey{k(6)}_old\n", [k(6)]
    yield "minified.js", minified(), [key("minified")]
    yield "two-share-three.txt", f"{two}\n", [two[:52], two[49:]]
    yield "basic-header.http", f"GET /v1/me HTTP/1.1\nAuthorization: Basic {basic}\n\n", [k(9)]
    yield "utf-16.txt", f"\ufeffMEMORYKIT_API_KEY={k(10)}\r\n".encode("utf-16-le"), [k(10)]
    yield "binary.dat", b"\x00\x01\xff\xfe\x80key\x00" + k(11).encode() + b"\x00\xc3\x28\x00\x00", [k(11)]
    yield "quoted-printable.eml", f"Here is the key: {k(12)[:20]}=\n{k(12)[20:]}\n", [k(12)]


def awkward():
    for number, (name, content, _) in enumerate(awkward_cases(), 1):
        yield f"{number:02}-{name}", content.encode() if isinstance(content, str) else content


def each(form, text):
    """Returns the text with each character written in this form."""
    return "".join(form.format(ord(character)) for character in text)


def tar(name, content):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as file:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        file.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def zipped(name, content):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def encoding_cases():
    """Yields the name of each file and a function that returns its content for a key."""
    encode = lambda text: base64.b64encode(text.encode()).decode()
    line = lambda key: f"MEMORYKIT_API_KEY={key}\n"
    # The key starts at each of the three bytes of a base64 group.
    for shift in range(3):
        text = lambda key, shift=shift: encode("=" * shift + key + "\nLOG=info\n")
        yield f"base64-{shift}.yaml", lambda key, text=text: f"data:\n  env: {text(key)}\n"
    urlsafe = lambda key: base64.urlsafe_b64encode(f"??>>{line(key)}".encode()).decode().rstrip("=")
    yield "base64-url.txt", lambda key: f"token={urlsafe(key)}\n"
    wrapped = lambda key: base64.encodebytes(("# of the staging server\n" + line(key)).encode()).decode()
    yield "base64-wrapped.eml", lambda key: f"Content-Transfer-Encoding: base64\n\n{wrapped(key)}"
    yield "base64-twice.txt", lambda key: f"data={encode(encode(line(key)))}\n"
    yield "hex.txt", lambda key: f"body={line(key).encode().hex()}\n"
    yield "hex-upper-case.txt", lambda key: f"body={line(key).encode().hex().upper()}\n"
    yield "percent-underscore.log", lambda key: f"GET /?key={key.replace('_', '%5F')} HTTP/1.1\n"
    yield "percent-all.log", lambda key: f"GET /?key={each('%{:02x}', key)} HTTP/1.1\n"
    yield "json-underscore.json", lambda key: '{"key": "%s"}\n' % key.replace("_", "\\u005f")
    yield "json-all.json", lambda key: '{"key": "%s"}\n' % each("\\u{:04x}", key)
    yield "javascript.js", lambda key: 'const key = "%s";\n' % key.replace("_", "\\x5f")
    yield "html-underscore.html", lambda key: f"<code>{key.replace('_', '&#95;')}</code>\n"
    yield "html-all.html", lambda key: f"<code>{each('&#x{:x};', key)}</code>\n"
    yield "quoted-printable.eml", lambda key: f"The key: {key[:9]}=\r\n{key[9:44]}=\r\n{key[44:].replace('_', '=5F')}\r\n"
    yield "markdown.md", lambda key: f"The key is {key.replace('_', chr(92) + '_')}.\n"
    yield "utf-16-be.txt", lambda key: ("\ufeff" + line(key)).encode("utf-16-be")
    yield "utf-32-le.txt", lambda key: ("\ufeff" + line(key)).encode("utf-32-le")
    yield "utf-32-be.txt", lambda key: ("\ufeff" + line(key)).encode("utf-32-be")
    yield "service.log.gz", lambda key: gzip.compress(line(key).encode(), mtime=0)
    yield "backup.zip", lambda key: zipped("env.txt", line(key).encode())
    yield "backup.tar", lambda key: tar("env.txt", line(key).encode())
    yield "release.tar.gz", lambda key: gzip.compress(tar("env.txt", line(key).encode()), mtime=0)


def encodings():
    for number, (name, content) in enumerate(encoding_cases(), 1):
        content = content(key(f"encoding {number}"))
        yield f"{number:02}-{name}", content.encode() if isinstance(content, str) else content


def unpacked(path, content):
    """Returns the content of an archive, which does not depend on the version of the compressor."""
    if path.endswith(".gz"):
        return gzip.decompress(content)
    if path.endswith(".zip"):
        archive = zipfile.ZipFile(io.BytesIO(content))
        return [(name, archive.read(name)) for name in archive.namelist()]
    return content


def expected():
    """Returns the keys of each file that has keys."""
    keys = {f"leaks/{name}": finds(content) for name, content in leaks()}
    keys |= {f"awkward/{n:02}-{name}": found for n, (name, _, found) in enumerate(awkward_cases(), 1)}
    return keys | {f"encodings/{name}": [key(f"encoding {n}")] for n, (name, _) in enumerate(encodings(), 1)}


def corpus():
    """Returns the content of each file. Asserts the properties that the README of this folder promises."""
    folders = (leaks, traps, awkward, encodings)
    files = {f"{folder.__name__}/{name}": content for folder in folders for name, content in folder()}
    of = lambda folder: {path: content for path, content in files.items() if path.startswith(folder)}
    counts = [len(of(f"{folder.__name__}/")) for folder in folders]
    assert counts == [LEAKS, TRAPS, AWKWARD, ENCODINGS], counts
    for path, content in of("leaks/").items():
        assert len(finds(content)) == 1, path
    for path, content in of("traps/").items():
        assert not finds(content), path
    for path, content in of("encodings/").items():
        # Only an uncompressed archive contains the key unchanged.
        assert bool(finds(content)) == path.endswith(".tar"), path
    shaped = [path for path, content in of("traps/").items() if SHAPE.search(content)]
    assert shaped == sorted(of("traps/"))[:SHAPED], shaped
    assert all(is_key(found) for keys in expected().values() for found in keys)
    every = [found for content in files.values() for found in set(finds(content))]
    assert len(every) == len(set(every)), "two files have the same key"
    return files


def main():
    files = corpus()
    folders = [HERE / name for name in ("leaks", "traps", "awkward", "encodings")]
    existing = {str(path.relative_to(HERE)) for folder in folders if folder.is_dir() for path in folder.iterdir()}
    wrong = sorted(existing - files.keys())
    is_same = lambda path: unpacked(path, (HERE / path).read_bytes()) == unpacked(path, files[path])
    wrong += [path for path in files if path not in existing or not is_same(path)]
    if "--check" in sys.argv[1:]:
        for path in wrong:
            print(f"corpus: {path} differs from what make.py writes")
        print(f"corpus: {len(files)} files, {len(wrong)} wrong")
        sys.exit(1 if wrong else 0)
    for path in existing - files.keys():
        (HERE / path).unlink()
    for path, content in files.items():
        (HERE / path).parent.mkdir(exist_ok=True)
        (HERE / path).write_bytes(content)
    print(f"corpus: {len(files)} files, {len(wrong)} rewritten")


if __name__ == "__main__":
    main()
