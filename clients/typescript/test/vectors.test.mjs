import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";

import * as esm from "../dist/index.js";
import { FILES, parse, run } from "./cases.mjs";

const texts = Object.fromEntries(
  FILES.map((file) => [file, readFileSync(new URL(`../../../tests/vectors/${file}.json`, import.meta.url), "utf8")]),
);
const cjs = createRequire(import.meta.url)("../dist/index.cjs");

for (const [format, key] of Object.entries({ esm, cjs })) {
  test(`all cases of tests/vectors agree (${format})`, () => {
    assert.equal(run(key, texts), FILES.reduce((sum, file) => sum + JSON.parse(texts[file]).length, 0));
  });
}

test("both formats export the same names", () => {
  assert.deepEqual(Object.keys(cjs).sort(), Object.keys(esm).sort());
});

test("64-bit integers keep their last digit", () => {
  assert.deepEqual(parse('{"a": 18446744073709551615, "b": "1844674407370955161", "c": 5}'), {
    a: 18446744073709551615n,
    b: "1844674407370955161",
    c: 5,
  });
});
