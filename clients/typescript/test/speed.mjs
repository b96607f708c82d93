// Prints how long it takes to read a key, by processor time, the best of ten rounds: `node test/speed.mjs`.

import { ApiKey } from "../dist/index.js";
import { KEY } from "./keys.mjs";

const COUNT = 50_000;
for (const [name, key] of [["string", KEY], ["bytes", Buffer.from(KEY)]]) {
  const rounds = Array.from({ length: 10 }, () => {
    const start = process.cpuUsage();
    for (let round = 0; round < COUNT; round += 1) ApiKey.parse(key);
    const { user, system } = process.cpuUsage(start);
    return (user + system) / COUNT;
  });
  console.log(`${name}: ${Math.min(...rounds).toFixed(2)} µs`);
}
