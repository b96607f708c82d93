// For Node.js, Deno and Bun: compiles the module beside this file.
import { webcrypto } from "node:crypto"; // Node.js 18 has no global `crypto`
import { readFileSync } from "node:fs";
import { instantiate } from "./glue.js";

export { Key, record, row } from "./glue.js";

const module = new WebAssembly.Module(readFileSync(new URL("ctx_key.wasm", import.meta.url)));
export default instantiate(module, (bytes) => webcrypto.getRandomValues(bytes));
