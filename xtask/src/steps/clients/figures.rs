//! One table of all languages: the time of a verification and of the language's own SHA-256, and the size of the package.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use xshell::{Shell, cmd};

use super::{Clients, KOTLIN, generator};
use crate::process;
use crate::tools;
use crate::tree;

/// Output of a package's program that measures figures, in nanoseconds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Figures {
    /// Time to read a key, and to verify it against its record and a scope.
    verification: f64,
    /// Time of one SHA-256 of the bytes of a key that are hashed.
    sha256: f64,
}

/// A row of the table.
struct Row<'a> {
    name: &'static str,
    /// Command that prints [`Figures`], and the folder that it runs in.
    program: (&'a Path, &'a [&'a str]),
    /// Command that makes the package, and the end of the name of its file.
    package: (&'a [&'a str], &'static str),
}

/// Measures all packages. Returns the table.
pub fn assure(sh: &Shell, _: &[String]) -> Result<String> {
    let program = generator(sh, "release")?;
    let clients = Clients::install(sh)?;
    clients.build(sh)?;
    let root = tree::root();
    let archives = sh.create_temp_dir()?;
    let to = archives.path().to_str().context("a path is not Unicode")?;
    let rust = program.to_str().context("a path is not Unicode")?;
    let [python, typescript, go, kotlin] =
        ["python", "typescript", "go", "kotlin"].map(|name| clients.folder(name));
    let capi = clients.copy.folder().join("crates/capi");
    let (c, libraries) = build_c(sh, &capi, archives.path())?;
    let rows = [
        Row {
            name: "Rust, `ctx-key`",
            program: (&root, &[rust, "speed"]),
            package: (
                &[
                    "cargo",
                    "package",
                    "-qp",
                    "ctx-key",
                    "--locked",
                    "--allow-dirty",
                    "--no-verify",
                    "--target-dir",
                    to,
                ],
                ".crate",
            ),
        },
        Row { name: "C, `ctx-key-capi`", program: (&capi, &[&libraries, &c]), package: (&["true"], ".so") },
        Row {
            name: "WebAssembly in Node.js, `ctx-key-capi`",
            program: (&capi, &["node", "tests/wasm/speed.mjs"]),
            package: (
                &["sh", "-c", &format!("gzip -9 --stdout wasm/ctx_key.wasm > {to}/ctx_key.wasm.gz")],
                ".wasm.gz",
            ),
        },
        Row {
            name: "Kotlin, `memorykit-key`",
            program: (&kotlin, &["java", "-cp", KOTLIN, "io.memorykit.key.SpeedKt"]),
            package: (&["cp", "build/memorykit-key.jar", to], ".jar"),
        },
        Row {
            name: "Go, `ctxkey`",
            program: (&go, &["go", "run", "./internal/speed"]),
            package: (&["python3", "-m", "zipfile", "-c", &format!("{to}/ctxkey.zip"), "."], ".zip"),
        },
        Row {
            name: "TypeScript, `@memorykit/key`",
            program: (&typescript, &["node", "test/speed.mjs"]),
            package: (&["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", to], ".tgz"),
        },
        Row {
            name: "Python, `memorykit-key`",
            program: (&python, &["python3", "tests/speed.py"]),
            package: (&["hatchling", "build", "-t", "wheel", "-d", to], ".whl"),
        },
    ];
    let _path = sh.push_env("PATH", &clients.path);
    let mut table = "| package | verification | SHA-256 of the language | ratio | package's file |\n|---|---|---|---|---|\n".to_owned();
    for row in rows {
        let (folder, words) = row.program;
        let _there = sh.push_dir(folder);
        let Figures { verification, sha256 } =
            serde_json::from_str(&process::read(cmd!(sh, "env {words...}"))?)
                .with_context(|| format!("{} printed no figures", row.name))?;
        let (words, end) = row.package;
        process::read(cmd!(sh, "env {words...}"))?;
        let size = size(archives.path(), end)?.with_context(|| format!("{}: no file {end}", row.name))?;
        let (name, ratio, kilobytes) = (row.name, verification / sha256, size as f64 / 1000.0);
        table += &format!(
            "| {name} | {verification:.0} ns | {sha256:.0} ns | {ratio:.1} × | {kilobytes:.1} kB ({end}) |\n"
        );
    }
    Ok(format!(
        "A verification reads a key, verifies it against its record and requires a scope. The best of at least ten rounds.\n\n{table}"
    ))
}

/// Builds the library for C and for WebAssembly, and the program in C. Returns the path of the program, and the environment
/// variable with which it finds the library.
fn build_c(sh: &Shell, capi: &Path, folder: &Path) -> Result<(String, String)> {
    use tools::{CC, MAKE, OPENSSL, PKG_CONFIG, WASM};
    tools::install(sh, &[&CC, &MAKE, &OPENSSL, &PKG_CONFIG, &WASM])?;
    let program = folder.join("speed");
    let make = cmd!(sh, "make --silent -C {capi} install wasm PREFIX={folder}");
    make.env("CARGO_TARGET_DIR", tree::target()).run()?;
    let flags = cmd!(sh, "pkg-config --cflags --libs ctx-key");
    let flags = process::read(flags.env("PKG_CONFIG_PATH", folder.join("lib/pkgconfig")))?;
    let flags = flags.split_whitespace();
    cmd!(sh, "cc -O2 {capi}/tests/c/speed.c -o {program} {flags...} -lcrypto").run()?;
    Ok((program.display().to_string(), format!("LD_LIBRARY_PATH={}/lib", folder.display())))
}

/// Returns the size of the file whose name ends with `end`, anywhere below a folder.
fn size(folder: &Path, end: &str) -> Result<Option<u64>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if let Some(size) = size(&path, end)? {
                return Ok(Some(size));
            }
        } else if path.to_string_lossy().ends_with(end) {
            return Ok(Some(fs::metadata(path)?.len()));
        }
    }
    Ok(None)
}
