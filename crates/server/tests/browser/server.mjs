// Starts a server for a test file: the program that CTX_KEY_SERVER names, on SQLite in a temporary folder, or, if
// CTX_KEY_TEST_POSTGRES names a PostgreSQL server as postgres://user@host:port, on a new database there.

import { execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";

export async function startServer() {
  const folder = mkdtempSync(path.join(tmpdir(), "ctx-key-browser-"));
  const database = newDatabase();
  const { DATABASE_URL: _, ...environment } = process.env;
  if (database) environment.DATABASE_URL = database.url;
  const program = spawn(process.env.CTX_KEY_SERVER, ["--listen", "127.0.0.1:0", "--data", folder], {
    env: { ...environment, RUST_LOG: "warn" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  // also if a test file is aborted or stopped
  process.once("exit", () => program.kill("SIGKILL"));
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  const [url, , setUpLink] = await firstLines(program, 3);
  return {
    url,
    setUpLink,
    async stop() {
      const ended = once(program, "exit");
      program.kill("SIGTERM");
      await ended;
      rmSync(folder, { recursive: true });
      database?.drop();
    },
  };
}

function firstLines(program, count) {
  return new Promise((resolve, reject) => {
    const lines = [];
    createInterface({ input: program.stdout }).on("line", (line) => {
      if (lines.push(line) === count) resolve(lines);
    });
    program.once("error", reject);
    program.once("exit", (code) => reject(new Error(`the server has ended with ${code}`)));
  });
}

function newDatabase() {
  const server = process.env.CTX_KEY_TEST_POSTGRES;
  if (!server) return undefined;
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  const tell = (statement) =>
    execFileSync("psql", ["--no-psqlrc", "--quiet", "--dbname", `${server}/postgres`, "--command", statement]);
  tell(`CREATE DATABASE ${name}`);
  return { url: `${server}/${name}`, drop: () => tell(`DROP DATABASE ${name} WITH (FORCE)`) };
}
