// Writes dist/index.js (ES module) and dist/index.cjs (CommonJS). `tsc` has already written the types, which both share.
import { copyFileSync } from "node:fs";
import { build } from "esbuild";

for (const [format, outfile] of [["esm", "dist/index.js"], ["cjs", "dist/index.cjs"]]) {
  await build({ entryPoints: ["src/index.ts"], format, outfile, target: "es2022", charset: "utf8" });
}
copyFileSync("dist/index.d.ts", "dist/index.d.cts");
