// Runs in each runtime: checks the cases of tests/vectors, then prints a key in every way.

import * as key from "../dist/index.js";
import { FILES, run } from "../test/cases.mjs";
import bearer from "../../../tests/vectors/bearer.json";
import keys from "../../../tests/vectors/keys.json";
import leaks from "../../../tests/vectors/leaks.json";
import pasted from "../../../tests/vectors/pasted.json";
import records from "../../../tests/vectors/records.json";
import scopes from "../../../tests/vectors/scopes.json";

// Only Hermes has no console.
const log = globalThis.console?.log ?? globalThis.print;

export function check() {
  const count = run(key, { bearer, keys, leaks, pasted, records, scopes });
  const secret = key.ApiKey.parse("ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9");
  log(secret, [secret], { secret }, key.AnyKey.parse(secret.exposeSecret()));
  log(`${secret}`, JSON.stringify({ secret }), String(new Error("refused", { cause: secret })));
  try {
    key.ApiKey.fromEnv({});
  } catch (error) {
    log(error instanceof key.EnvKeyError, error.name, error.kind);
  }
  log(`${FILES.length} files, ${count} cases agree`);
}
