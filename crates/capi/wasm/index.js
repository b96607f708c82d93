// For Node.js, Deno and Bun: compiles the module beside this file.
import { readFileSync } from "node:fs";
import { instantiate } from "./glue.js";

export { Key, record, row } from "./glue.js";
export default instantiate(new WebAssembly.Module(readFileSync(new URL("ctx_key.wasm", import.meta.url))));
