// Runs the examples of README.md: the server, and the client against it. Checks the types of a program in TypeScript.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { KEY, OTHER } from "./keys.mjs";

const README = readFileSync("README.md", "utf8");
// The folder lies in the package, so that the package's own name resolves to it.
mkdirSync("dist/examples", { recursive: true });

function example(name) {
  const start = README.indexOf(`// ${name}\n`);
  assert(start > 0, name);
  writeFileSync(`dist/examples/${name}`, README.slice(start, README.indexOf("```", start)));
  return `dist/examples/${name}`;
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((listening) => server.once("listening", listening));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

test("the examples are a server and its client", async () => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const server = spawn(process.execPath, [example("server.mjs")], { env: { ...process.env, PORT: `${port}` }, stdio: "inherit" });
  try {
    const get = (headers) => fetch(url, { headers });
    let response;
    for (const deadline = Date.now() + 60_000; !response; await sleep(50)) {
      response = await get([]).catch((error) => {
        if (Date.now() > deadline) throw error;
      });
    }
    const answer = async (response) => [response.status, response.headers.get("www-authenticate"), await response.text()];
    assert.deepEqual(await answer(response), [401, 'Bearer realm="MemoryKit"', "an API key is required: send it as `Authorization: Bearer <key>`"]);
    assert.deepEqual((await answer(await get({ authorization: `Bearer ${OTHER}` }))).slice(0, 2), [401, 'Bearer realm="MemoryKit", error="invalid_token"']);
    assert.deepEqual(await answer(await get({ authorization: `bearer ${KEY}` })), [200, null, "hello, demo"]);

    const client = example("client.mjs");
    const run = (key) =>
      spawnSync(process.execPath, [client], { encoding: "utf8", env: { ...process.env, MEMORYKIT_API_KEY: key, MEMORYKIT_URL: url } });
    assert.equal(run(`"${KEY}"\n`).stdout, "200 hello, demo\n");
    const refused = run("ctx_your_api_key_here");
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /MEMORYKIT_API_KEY does not hold an API key: an API key is 52 bytes long, not 21/);
  } finally {
    server.kill();
  }
});

test("a program in TypeScript is checked against the types", () => {
  for (const [name, module] of [["types.mts", "ESM"], ["types.cts", "CommonJS"]]) {
    writeFileSync(`dist/examples/${name}`, TYPES);
    const options = ["--noEmit", "--strict", "--ignoreConfig", "--module", "nodenext", "--target", "es2022", "--types", ""];
    const { status, stdout } = spawnSync("node_modules/.bin/tsc", [...options, `dist/examples/${name}`], { encoding: "utf8" });
    assert.equal(status, 0, `${module}: ${stdout}`);
  }
});

const TYPES = `
import { ApiKey, Denied, InvalidKeyError, KeyRecord, KeyState, Scope, bearer, find, redact, redactStr } from "@memorykit/key";

const key: ApiKey = bearer(["Bearer x", new Uint8Array(3)]);
const record: KeyRecord<{ name: string }> = new KeyRecord(key.id, key.digest, { name: "x" }, Scope.READ, { expiresAt: 5n });
const name: string = record.verify(key, 5n).project.name;
const state: KeyState = record.state(5n);
const active: boolean = state === KeyState.Active;
const ranges: [number, number][] = find(redact(new Uint8Array(1)));
const text: string = redact(redactStr(name));
const status: 400 | 401 | 403 = Denied.unknownKey().status;
const detail: number | null = new InvalidKeyError("length", 5).detail;
// @ts-expect-error: a time is a bigint
record.state(5);
// @ts-expect-error: a list of all values
bearer(5);
// @ts-expect-error: private
key.text;
export { active, detail, ranges, status, text };
`;
