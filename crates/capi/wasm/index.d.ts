import type { CtxKey } from "./glue.js";

export { Key, record, row } from "./glue.js";
export type { CtxKey, Row, Text } from "./glue.js";

declare const ctxKey: CtxKey;
export default ctxKey;
