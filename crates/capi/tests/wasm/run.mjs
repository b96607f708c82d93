// Runs vectors.mjs in this runtime (Node.js, Deno or Bun): `node run.mjs < LINES`.

import { readFileSync } from "node:fs";
import { inspect } from "node:util";

import * as ctxKey from "../../wasm/index.js";
import { instantiate } from "../../wasm/glue.js";
import { check, checkGlue } from "./vectors.mjs";

const module = new WebAssembly.Module(readFileSync(new URL("../../wasm/ctx_key.wasm", import.meta.url)));
checkGlue({ ...ctxKey, instantiate, module });

const key = new ctxKey.Key();
ctxKey.default.generate(key);
const shown = inspect(key, { showHidden: true, depth: 9 }) + JSON.stringify(key) + `${key}`;
if (shown !== "Key {}{}[object Object]") throw new Error(`a key is printed as ${shown}`);

const lines = readFileSync(0, "utf8").trimEnd().split("\n");
console.log(`${check(ctxKey, lines)} cases agree`);
