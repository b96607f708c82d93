// For Workers, which compile an imported module at deployment.
import module from "./ctx_key.wasm";
import { instantiate } from "./glue.js";

export { Key, record, row } from "./glue.js";
export default instantiate(module);
