// Prints the processor time of a verification and that of Node's SHA-256, each in the fastest of twenty rounds.

import { createHash } from "node:crypto";

import ctxKey, { Key } from "../../wasm/index.js";

const KEY = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";
const HEADER = [`Bearer ${KEY}`];
const view = (size) => new DataView(new ArrayBuffer(size));
const [key, id, record, grant] = [new Key(), new Uint8Array(13), view(120), view(24)];
ctxKey.parse(KEY, key, null);
ctxKey.recordNew(key, 21, record);

/** Reads the header, finds the id, verifies and erases the key, and checks a scope. */
function verify() {
  const result = ctxKey.bearer(HEADER, key) || ctxKey.id(key, id) || ctxKey.verify(record, key, 1n, grant) || ctxKey.require(grant, 1, null);
  ctxKey.erase(key);
  return result === 0;
}

const hash = () => createHash("sha256").update(KEY.slice(0, 46)).digest().length === 32;

function nanoseconds(run) {
  const COUNT = 10_000;
  const rounds = Array.from({ length: 20 }, () => {
    const start = process.cpuUsage();
    for (let round = 0; round < COUNT; round += 1) if (!run()) throw new Error("refused");
    const { user, system } = process.cpuUsage(start);
    return ((user + system) * 1000) / COUNT;
  });
  return Math.min(...rounds);
}

console.log(JSON.stringify({ verification: nanoseconds(verify), sha256: nanoseconds(hash) }));
