// Prints the nanoseconds to read a key and to verify it against its record and a scope, and those of one SHA-256 of Node.js:
// `node test/speed.mjs`.

import { createHash } from "node:crypto";

import { ApiKey, KeyRecord, Scope } from "../dist/index.js";
import { KEY } from "./keys.mjs";

const COUNT = 50_000;

/** Returns the processor time of a call in nanoseconds, in the fastest of ten rounds. */
function measure(call) {
  const rounds = Array.from({ length: 10 }, () => {
    const start = process.cpuUsage();
    for (let round = 0; round < COUNT; round += 1) call();
    const { user, system } = process.cpuUsage(start);
    return ((user + system) * 1000) / COUNT;
  });
  return Number(Math.min(...rounds).toFixed(1));
}

const { id, digest } = ApiKey.parse(KEY);
const record = new KeyRecord(id, digest, "demo", Scope.READ);
const hashed = Buffer.from(KEY.slice(0, 46));
const verification = measure(() => record.verify(ApiKey.parse(KEY), 5n).require(Scope.CHATS_READ));
const sha256 = measure(() => createHash("sha256").update(hashed).digest());
console.log(JSON.stringify({ verification, sha256 }));
