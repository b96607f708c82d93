// Writes dist/index.js (ES module) and dist/index.cjs (CommonJS). `tsc` has written the types, which are those of both.
import { copyFileSync } from "node:fs";
import { build } from "esbuild";

for (const [format, outfile] of [["esm", "dist/index.js"], ["cjs", "dist/index.cjs"]]) {
  await build({ entryPoints: ["src/index.ts"], format, outfile, target: "es2022", charset: "utf8" });
}
copyFileSync("dist/index.d.ts", "dist/index.d.cts");
