// `node build.mjs` builds build/memorykit-key.jar. `node build.mjs test` also builds the tests and the examples of README.md, into
// build/test.

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";

const LIB = "node_modules/kotlin-compiler/lib";
const STDLIB = `${LIB}/kotlin-stdlib.jar`;
const JAR = "build/memorykit-key.jar";
const COMPILER = ["compiler", "stdlib", "script-runtime", "reflect"].map((name) => `${LIB}/kotlin-${name}.jar`);
COMPILER.push(`${LIB}/kotlinx-coroutines-core-jvm.jar`);

function run(program, ...words) {
  const { status, error } = spawnSync(program, words, { stdio: "inherit" });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

function kotlin(...words) {
  // The run is short, so the second compiler of the virtual machine would cost more time than it saves.
  const machine = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", COMPILER.join(":")];
  const common = ["-no-stdlib", "-no-reflect", "-jvm-target", "1.8", "-Werror"];
  run("java", ...machine, "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler", ...common, ...words);
}

/** Writes the example of README.md with this name, and returns its path. */
function example(name) {
  const block = readFileSync("README.md", "utf8").split("```").find((part) => /^\w+\n/.test(part) && part.includes(`// ${name}\n`));
  const file = `build/examples/${name}`;
  writeFileSync(file, block.slice(block.indexOf("\n") + 1));
  return file;
}

const strict = ["-Xjdk-release=1.8", "-Xexplicit-api=strict", "-Wextra", "-module-name", "memorykit-key"];
kotlin("-cp", STDLIB, ...strict, "-d", JAR, "src");
mkdirSync("build/papers/META-INF", { recursive: true });
for (const file of ["LICENSE-APACHE", "LICENSE-MIT"]) copyFileSync(file, `build/papers/META-INF/${file}`);
run("jar", "--update", "--file", JAR, "-C", "build/papers", "META-INF");

if (process.argv[2] === "test") {
  mkdirSync("build/examples", { recursive: true });
  run("javac", "--release", "8", "-Xlint:-options", "-cp", `${JAR}:${STDLIB}`, "-d", "build/test", example("Rotation.java"));
  const sources = ["test", example("Client.kt"), example("Server.kt")];
  kotlin("-cp", `${JAR}:${STDLIB}`, `-Xfriend-paths=${JAR}`, "-module-name", "test", "-d", "build/test", ...sources);
}
