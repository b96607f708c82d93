import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** Returns the minified and compressed size of the bundle of a program that imports these names. */
async function size(names) {
  const stdin = { contents: `export { ${names} } from "./dist/index.js"`, resolveDir: process.cwd() };
  const { outputFiles } = await build({ stdin, bundle: true, minify: true, format: "esm", target: "es2022", write: false });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

// The limits leave room for a few lines. Most of the rest is the texts of errors, which are those of every language.
const LIMITS = {
  "ApiKey": 2_300,
  "ApiKey, AnyKey, redactStr": 2_700,
  "find, redact": 2_000,
  "bearer, KeyRecord, Scope, Denied": 4_500,
  "*": 5_800,
};

for (const [names, limit] of Object.entries(LIMITS)) {
  test(`${names}: at most ${limit} bytes`, async (context) => {
    const bytes = await size(names === "*" ? Object.keys(await import("../dist/index.js")) : names);
    context.diagnostic(`${bytes} bytes`);
    assert(bytes <= limit, `${bytes} bytes`);
  });
}

test("the documents name these limits", () => {
  const [one, all] = [LIMITS.ApiKey, LIMITS["*"]].map((bytes) => `at most ${bytes / 1000} kB`);
  for (const file of ["README.md", "../../docs/which-one.md"]) {
    const text = readFileSync(file, "utf8");
    assert(text.includes(one) && text.includes(all), file);
  }
});

test("no file of the package grows without notice", () => {
  for (const [file, limit] of Object.entries({ "dist/index.js": 27_000, "dist/index.cjs": 28_000, "dist/index.d.ts": 12_000 })) {
    assert(statSync(file).size <= limit, `${file}: ${statSync(file).size} bytes`);
  }
});

test("the package has these files", () => {
  const { stdout } = spawnSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { encoding: "utf8" });
  const packed = JSON.parse(stdout);
  const [{ files }] = Array.isArray(packed) ? packed : Object.values(packed);
  const names = files.map(({ path }) => path);
  assert.deepEqual(names.sort(), [
    "LICENSE-APACHE", "LICENSE-MIT", "README.md", "dist/index.cjs", "dist/index.d.cts", "dist/index.d.ts", "dist/index.js",
    "package.json", "src/index.ts",
  ]);
});
