//! Checks that the library without features needs no `std`, no allocator and little stack, and cannot panic, and that packages
//! forbid `unsafe` code. tests/no_std/README.md describes the programs, which need x86-64.
//!
//! Each check must fail on a planted fault: a `cfg(planted)` in the programs, or a changed manifest.

mod marks;
mod unsafe_code;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::{Cmd, Shell, cmd};

use crate::process::{self, assert_caught, assert_refused};
use crate::tools;
use crate::tree::{self, Copy};

const MANIFEST: &str = "tests/no_std/Cargo.toml";
const SYMBOLS: &str = "tests/no_std/symbols.txt";

pub fn run(sh: &Shell) -> Result<()> {
    tools::install(sh, &[&tools::CC, &tools::NM])?;
    println!("programs, with the processor's SHA-256 and with the portable one");
    let builds = build_all(sh)?;
    builds.iter().try_for_each(|programs| programs_work(sh, programs))?;
    println!("no panic: all of them linked");
    cannot_panic(sh)?;
    println!("no std, no allocator");
    needs_no_std(sh, &builds[0])?;
    println!("stack, with opt-level \"s\", 3, and both with the portable SHA-256");
    takes_little_stack(sh, &builds)?;
    println!("no unsafe");
    unsafe_code::check(sh)
}

fn target(name: &str) -> PathBuf {
    tree::target().join("no_std").join(name)
}

/// Builds the programs for size and for speed, and again for both with the portable SHA-256. Returns the four folders.
fn build_all(sh: &Shell) -> Result<Vec<PathBuf>> {
    let speed = ["--config", "profile.release.opt-level=3"];
    let flags = sh.var("RUSTFLAGS").unwrap_or_default();
    let mut folders = vec![build(sh, "size", &[])?, build(sh, "speed", &speed)?];
    let _flags = sh.push_env("RUSTFLAGS", format!("{flags} --cfg sha2_backend=\"soft\""));
    folders.extend([build(sh, "portable", &[])?, build(sh, "portable-speed", &speed)?]);
    Ok(folders)
}

fn build(sh: &Shell, name: &str, options: &[&str]) -> Result<PathBuf> {
    let folder = target(name);
    build_command(sh, &folder).args(options).run()?;
    Ok(folder.join("release"))
}

fn build_command<'sh>(sh: &'sh Shell, folder: &Path) -> Cmd<'sh> {
    cmd!(sh, "cargo build --quiet --release --locked --manifest-path {MANIFEST} --target-dir {folder}")
        .quiet()
}

/// Returns the command that builds a program with a fault, in the folder `planted`.
fn build_planted<'sh>(sh: &'sh Shell, manifest: &Path, program: &str, fault: &str) -> Cmd<'sh> {
    let (folder, planted) = (target("planted"), format!("planted=\"{fault}\""));
    cmd!(sh, "cargo rustc --quiet --release --locked --manifest-path {manifest} --target-dir {folder} --bin {program} -- --cfg {planted}")
        .quiet()
}

fn planted_program(name: &str) -> PathBuf {
    target("planted").join("release").join(name)
}

fn programs_work(sh: &Shell, programs: &Path) -> Result<()> {
    const KEY: &str = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";
    cmd!(sh, "{programs}/no_std").quiet().run()?;
    for (input, line) in [
        (KEY, "key: Ok(ApiKey(ctx_8aspm4G7VmSU***))"),
        (&format!("Bearer {KEY}"), "header: Ok(ApiKey(ctx_8aspm4G7VmSU***))"),
        ("8aspm4G7VmSU", "id.masked(): ctx_8aspm4G7VmSU***"),
        ("memories:read", "scopes: Scope(memories:read)"),
        // the first bytes of this text also serve as the scopes of a record
        ("memories:read", "Denied(MissingScope {"),
        ("memory:read", "did you mean `memories:read`?"),
    ] {
        let output = process::read(cmd!(sh, "{programs}/no_panic").stdin(input))?;
        ensure!(output.contains(line), "no_panic, on {input}, does not write: {line}");
    }
    Ok(())
}

/// Checks that `no_panic` does not link with a planted panic, and calls every function that is compiled without features.
///
/// The program links only if it contains no panic.
fn cannot_panic(sh: &Shell) -> Result<()> {
    for fault in ["index", "unwrap", "division"] {
        let build = build_planted(sh, Path::new(MANIFEST), "no_panic", fault);
        assert_caught(&format!("no_panic, planted {fault}"), "a_panic_is_left", build)?;
    }
    let copy = Copy::new(sh, target("copy"))?;
    marks::mark_functions(&copy)?;
    let manifest = &copy.folder().join(MANIFEST);
    let functions = compiled_functions(sh, manifest)?;
    build_planted(sh, manifest, "no_panic", "none").run()?;
    same("functions", &functions, &called_functions()?)?;
    println!("    functions called: {}", functions.len());
    build_planted(sh, manifest, "no_panic", "forgotten").run()?;
    let compared = same("functions", &functions, &called_functions()?);
    assert_refused("a group of functions that no_panic does not call", "\n< digest.rs:", compared)
}

fn compiled_functions(sh: &Shell, manifest: &Path) -> Result<BTreeSet<String>> {
    let folder = target("planted");
    let expand = cmd!(
        sh,
        "cargo rustc --quiet --release --locked --manifest-path {manifest} --target-dir {folder} -p ctx-key --lib -- -Zunpretty=expanded"
    );
    Ok(marks::find(process::read(expand.env("RUSTC_BOOTSTRAP", "1"))?.as_bytes()))
}

fn called_functions() -> Result<BTreeSet<String>> {
    Ok(marks::find(&fs::read(planted_program("no_panic"))?))
}

/// Checks that the programs use exactly the listed symbols of libc.
fn needs_no_std(sh: &Shell, programs: &Path) -> Result<()> {
    let list = fs::read_to_string(tree::root().join(SYMBOLS))?;
    let expected = list.lines().map(str::to_owned).collect();
    same("symbols", &expected, &symbols(sh, programs)?)?;
    let manifest = Path::new(MANIFEST);
    build_planted(sh, manifest, "no_panic", "none").run()?;
    build_planted(sh, manifest, "no_std", "allocation").run()?;
    let compared = same("symbols", &expected, &symbols(sh, &target("planted").join("release"))?);
    assert_refused("an allocation in no_std", "\n> no_std malloc", compared)?;
    for (feature, sign) in [("alloc", "no global memory allocator"), ("std", "duplicate lang item")] {
        let build = build_command(sh, &target("planted"));
        let build = build.args(["--bin", "no_std", "--features", &format!("ctx-key/{feature}")]);
        assert_caught(&format!("the feature {feature}"), sign, build)?;
    }
    Ok(())
}

/// Returns the undefined symbols of the programs `no_std` and `no_panic`, each after the program's name.
fn symbols(sh: &Shell, programs: &Path) -> Result<BTreeSet<String>> {
    let mut symbols = BTreeSet::new();
    for program in ["no_std", "no_panic"] {
        let table = cmd!(sh, "nm -D --undefined-only {programs}/{program}").quiet().read()?;
        for line in table.lines() {
            // a type, a name and perhaps a version: "U abort@GLIBC_2.2.5"
            let name = line.split_whitespace().nth(1).with_context(|| format!("nm prints: {line}"))?;
            let name = name.split('@').next().unwrap_or(name);
            symbols.insert(format!("{program} {name}"));
        }
    }
    Ok(symbols)
}

fn takes_little_stack(sh: &Shell, builds: &[PathBuf]) -> Result<()> {
    for programs in builds {
        let measured = process::read(cmd!(sh, "{programs}/stack"))?;
        println!("{}", measured.trim().replace('\n', "; "));
    }
    build_planted(sh, Path::new(MANIFEST), "stack", "buffer").run()?;
    let program = planted_program("stack");
    assert_caught("a buffer of 4 KiB on the stack", "too much", cmd!(sh, "{program}"))
}

/// Checks that two sets are equal. The error lists the items that are missing after `<`, and the unexpected ones after `>`.
fn same(what: &str, expected: &BTreeSet<String>, found: &BTreeSet<String>) -> Result<()> {
    let missing = expected.difference(found).map(|item| format!("\n< {item}"));
    let extra = found.difference(expected).map(|item| format!("\n> {item}"));
    let differences: String = missing.chain(extra).collect();
    ensure!(differences.is_empty(), "the {what} are not those expected:{differences}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_on_either_side_is_found() {
        let set = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<BTreeSet<_>>();
        assert!(same("items", &set(&["a", "b"]), &set(&["b", "a"])).is_ok());
        let error = |expected, found| same("items", &set(expected), &set(found)).unwrap_err().to_string();
        assert_eq!(error(&["a", "b"], &["b"]), "the items are not those expected:\n< a");
        assert_eq!(error(&["b"], &["b", "c"]), "the items are not those expected:\n> c");
    }
}
