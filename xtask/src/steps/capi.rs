//! Checks the library's C ABI, `crates/capi`: the header, the installed libraries in C, C++ and Go, and the module for
//! WebAssembly. Each language runs every case of `tests/vectors`.

mod examples;

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use xshell::{Cmd, Shell, cmd};

use self::examples::Examples;
use crate::process::{assert_caught, assert_refused, host, read, transcript};
use crate::steps::clients::archives;
use crate::tools;
use crate::tree::{self, Copy};

const HEADER: &str = "crates/capi/include/ctx_key.h";

const WARNINGS: &[&str] = &["-pedantic", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"];

/// Compilers for the program that runs the cases, with the version of the language.
const COMPILERS: &[&[&str]] = &[
    &["gcc", "-std=c99"],
    &["gcc", "-std=c17", "-O2", "-D_FORTIFY_SOURCE=2"],
    &["g++", "-std=c++11", "-x", "c++"],
    &["clang", "-std=c99"],
    &["clang++", "-std=c++17", "-x", "c++"],
];

/// Maximum size of the module in bytes, compressed by `gzip -9`.
const MAX_MODULE: usize = 13_000;

pub fn run(sh: &Shell) -> Result<()> {
    use tools::{CBINDGEN, CC, CLANG, CXX, GO, MAKE, NM, NODE, PKG_CONFIG, VALGRIND};
    tools::install(sh, &[&CBINDGEN, &CC, &CLANG, &CXX, &GO, &MAKE, &NM, &NODE, &PKG_CONFIG, &VALGRIND])?;
    let library = Library::install(sh)?;
    let _there = sh.push_dir(library.copy.folder());
    header(sh, &library.copy)?;
    library.has_no_panic(sh)?;
    let cases = Cases::print(sh)?;
    library.run_in_c(sh, &cases)?;
    library.run_instrumented(sh, &cases)?;
    library.run_in_go(sh, &cases)?;
    let examples = Examples::read(&library.copy)?;
    examples.run_native(sh, &library)?;
    match tools::install(sh, &[&tools::WASM]) {
        Ok(()) => webassembly(sh, &cases, &examples)?,
        Err(error) => println!("SKIPPED WebAssembly: {error:#}"),
    }
    library.cannot_panic_unseen(sh)
}

/// Checks that cbindgen writes exactly this header.
fn header(sh: &Shell, copy: &Copy) -> Result<()> {
    let compare = || {
        let written = read(cmd!(sh, "cbindgen --quiet --config crates/capi/cbindgen.toml crates/capi"))?;
        ensure!(
            written == copy.read(HEADER)?,
            "{HEADER} is not what cbindgen writes: cbindgen --config crates/capi/cbindgen.toml crates/capi --output {HEADER}"
        );
        Ok(())
    };
    compare()?;
    let original = copy.read(HEADER)?;
    copy.plant(HEADER, "CTX_KEY_REVOKED = 9,", "CTX_KEY_REVOKED = 10,")?;
    assert_refused("another number in the header", "is not what cbindgen writes", compare())?;
    copy.write(HEADER, &original)
}

/// The cases of `tests/vectors`, one in each line, and their number.
struct Cases {
    lines: String,
    count: usize,
}

impl Cases {
    fn print(sh: &Shell) -> Result<Self> {
        let lines = read(cmd!(sh, "cargo run --quiet --locked -p ctx-key-capi --example vector_lines"))?;
        let count = lines.lines().count();
        ensure!(count > 1_000, "only {count} cases");
        Ok(Self { lines, count })
    }

    /// Runs a program that reads the cases from its standard input.
    fn run(&self, name: &str, program: Cmd<'_>) -> Result<()> {
        let printed = read(program.stdin(&self.lines))?;
        let expected = format!("{} cases agree", self.count);
        ensure!(printed.trim() == expected, "{name}: {printed}");
        println!("    {name}: {expected}");
        Ok(())
    }
}

/// The libraries for C, installed by the Makefile of a copy of the repository.
struct Library {
    copy: Copy,
    /// Folder of the prefixes and programs. Its path is the same in each run, because Go's cache stores the linker's flags.
    folder: PathBuf,
}

impl Library {
    fn install(sh: &Shell) -> Result<Self> {
        let copy = Copy::new(sh, tree::target().join("capi-copy"))?;
        let library = Self { copy, folder: tree::target().join("capi-installed") };
        sh.remove_path(&library.folder)?;
        sh.create_dir(&library.folder)?;
        library.make(sh, library.prefix("shared"), "install").run()?;
        // the linker uses the static library only if there is no shared one
        let (shared, only_static) = (library.prefix("shared"), library.prefix("static"));
        cmd!(sh, "cp -r {shared} {only_static}").run()?;
        cmd!(sh, "find {only_static} -name libctx_key.so* -delete").run()?;
        let file = only_static.join("lib/pkgconfig/ctx-key.pc");
        sh.write_file(&file, sh.read_file(&file)?.replace("/shared/", "/static/"))?;
        Ok(library)
    }

    fn make<'a>(&self, sh: &'a Shell, prefix: PathBuf, target: &str) -> Cmd<'a> {
        let (folder, built) = (self.copy.folder().join("crates/capi"), tree::target());
        let prefix = format!("PREFIX={}", prefix.display());
        cmd!(sh, "make --silent -C {folder} {target} {prefix}").env("CARGO_TARGET_DIR", built)
    }

    fn prefix(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Returns the flags that pkg-config prints.
    fn flags(&self, sh: &Shell, prefix: &str, option: Option<&str>) -> Result<Vec<String>> {
        let path = self.prefix(prefix).join("lib/pkgconfig");
        let flags = cmd!(sh, "pkg-config --cflags --libs {option...} ctx-key").env("PKG_CONFIG_PATH", path);
        Ok(read(flags)?.split_whitespace().map(str::to_owned).collect())
    }

    /// Compiles a source file, and returns the program.
    fn compile(&self, sh: &Shell, compiler: &[&str], source: &Path, flags: &[String]) -> Result<PathBuf> {
        let program = self.folder.join("program");
        let after_source = if compiler.contains(&"c++") { &["-x", "none"][..] } else { &[] };
        transcript(cmd!(
            sh,
            "env {compiler...} {WARNINGS...} {source} {after_source...} -o {program} {flags...}"
        ))?;
        Ok(program)
    }

    /// Returns a command that finds the shared library.
    fn program<'a>(&self, sh: &'a Shell, program: &Path) -> Cmd<'a> {
        cmd!(sh, "{program}").env("LD_LIBRARY_PATH", self.prefix("shared").join("lib"))
    }

    fn run_in_c(&self, sh: &Shell, cases: &Cases) -> Result<()> {
        let source = self.copy.folder().join("crates/capi/tests/c/vectors.c");
        let shared = self.flags(sh, "shared", None)?;
        for compiler in COMPILERS {
            let name = compiler.join(" ");
            let program = self.compile(sh, compiler, &source, &shared)?;
            cases.run(&name, self.program(sh, &program))?;
        }
        let program = self.compile(sh, &["gcc", "-std=c99", "-g"], &source, &shared)?;
        let valgrind = cmd!(sh, "valgrind --quiet --leak-check=full --error-exitcode=1 {program}");
        cases.run("valgrind", valgrind.env("LD_LIBRARY_PATH", self.prefix("shared").join("lib")))?;
        for (name, compiler) in [("static", &["gcc"][..]), ("static, with libc", &["gcc", "-static"])] {
            let program =
                self.compile(sh, compiler, &source, &self.flags(sh, "static", Some("--static"))?)?;
            // without LD_LIBRARY_PATH, so the program finds no shared library
            cases.run(name, cmd!(sh, "{program}"))?;
        }
        Ok(())
    }

    /// Runs the cases with AddressSanitizer and UBSan, with the library instrumented as well.
    fn run_instrumented(&self, sh: &Shell, cases: &Cases) -> Result<()> {
        let (target, built) = (host(sh)?, tree::target().join("capi-sanitizer"));
        cmd!(sh, "cargo build --quiet --locked -p ctx-key-capi --profile capi --target {target}")
            .env("CARGO_TARGET_DIR", &built)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", "-Zsanitizer=address -Zexternal-clangrt")
            .run()?;
        let library = built.join(target).join("capi/libctx_key_capi.a").display().to_string();
        let include = format!("-I{}", self.copy.folder().join("crates/capi/include").display());
        let sanitizers = ["gcc", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
        let source = self.copy.folder().join("crates/capi/tests/c/vectors.c");
        let program = self.compile(sh, &sanitizers, &source, &[include, library])?;
        cases.run("AddressSanitizer and UBSan", cmd!(sh, "{program}"))
    }

    fn run_in_go(&self, sh: &Shell, cases: &Cases) -> Result<()> {
        let program = self.build_go(sh, &self.copy.folder().join("crates/capi/tests/go"))?;
        cases.run("Go", self.program(sh, &program))
    }

    /// Builds a Go module, and returns the program.
    fn build_go(&self, sh: &Shell, folder: &Path) -> Result<PathBuf> {
        let program = self.folder.join("go-program");
        let _there = sh.push_dir(folder);
        let path = self.prefix("shared").join("lib/pkgconfig");
        for command in [cmd!(sh, "go vet ."), cmd!(sh, "go build -o {program} .")] {
            transcript(
                command
                    .env("PKG_CONFIG_PATH", &path)
                    .env("GOCACHE", tree::target().join("capi-go-cache"))
                    .env("GOFLAGS", "-mod=mod")
                    .env("GOPROXY", "off"),
            )?;
        }
        Ok(program)
    }

    /// Checks that the shared library contains no code for a panic, which would abort the process.
    fn has_no_panic(&self, sh: &Shell) -> Result<()> {
        let library = tree::target().join("capi/libctx_key_capi.so");
        let symbols = read(cmd!(sh, "nm {library}"))?;
        ensure!(symbols.contains("ctx_key_verify"), "nm shows no function");
        let left: Vec<_> =
            symbols.lines().filter(|line| line.contains("panic") || line.ends_with(" abort")).collect();
        ensure!(left.is_empty(), "a panic is left: {}", left.join(", "));
        println!("    no panic is left");
        Ok(())
    }

    /// Plants a panic, which the check must find.
    fn cannot_panic_unseen(&self, sh: &Shell) -> Result<()> {
        let file = "crates/capi/src/outcome.rs";
        let original = self.copy.read(file)?;
        self.copy.plant(
            file,
            "answer(result).status\n",
            "[200, answer(result).status][result as usize]\n",
        )?;
        self.make(sh, self.prefix("planted"), "all").quiet().ignore_stderr().run()?;
        self.copy.write(file, &original)?;
        assert_refused("an index out of bounds in ctx_key_status", "a panic is left", self.has_no_panic(sh))
    }
}

/// Builds the module, checks its size, and runs it in Node.js. A changed case must be caught.
fn webassembly(sh: &Shell, cases: &Cases, examples: &Examples) -> Result<()> {
    let _there = sh.push_dir("crates/capi");
    let clippy = cmd!(sh, "cargo clippy --quiet --locked --profile wasm --target wasm32-unknown-unknown");
    clippy.args(["--", "-D", "warnings"]).run()?;
    transcript(cmd!(sh, "make --silent wasm").env("CARGO_TARGET_DIR", tree::target()))?;
    let compressed = cmd!(sh, "gzip -9 --stdout wasm/ctx_key.wasm").quiet().output()?.stdout.len();
    println!("    WebAssembly: {compressed} bytes compressed");
    ensure!(
        compressed <= MAX_MODULE,
        "the module has {compressed} bytes compressed, and may have {MAX_MODULE}"
    );
    cases.run("Node.js", cmd!(sh, "node tests/wasm/run.mjs"))?;
    examples.run_in_node(sh)?;
    let program = "import ctxKey, { Key } from '@memorykit/key-wasm'; console.log(ctxKey.status(ctxKey.bearer([], new Key())));";
    archives::npm(sh, &sh.current_dir().join("wasm"), program, "401")?;
    assert_caught(
        "another result of a case",
        "not [\"expired\",\"revoked\"]: verify",
        cmd!(sh, "node tests/wasm/run.mjs").stdin(cases.lines.replace(" revoked ", " expired ")),
    )
}
