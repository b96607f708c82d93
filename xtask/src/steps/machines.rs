//! Checks that the vectors also pass on other processors, which are emulated: a big-endian one (s390x), one with 32 bits
//! (i686), and one with other SHA-256 instructions (aarch64). The planted fault, numbers in the machine's byte order, must
//! fail only on the first.
//!
//! This needs Debian 12 on x86-64. A stable toolchain has `core` only for its own machine, so this step builds `core` from
//! Debian's source, with the compiler of the same version. Both are not installed, but unpacked below `$CTX_KEY_TOOLS`, which
//! is the target folder by default.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::{Cmd, Shell, cmd};

use crate::tools;
use crate::tree::{self, Copy};

struct Machine {
    /// Name that Rust and GCC use.
    name: &'static str,
    debian: &'static str,
    qemu: &'static str,
    /// Text that the program must print with the planted fault.
    with_fault: &'static str,
}

const MACHINES: [Machine; 3] = [
    Machine {
        name: "s390x",
        debian: "s390x",
        qemu: "s390x",
        with_fault: "no_std: failed: a seed gives the same key on every machine",
    },
    Machine { name: "i686", debian: "i386", qemu: "i386", with_fault: "checks passed" },
    Machine { name: "aarch64", debian: "arm64", qemu: "aarch64", with_fault: "checks passed" },
];

pub fn run(sh: &Shell) -> Result<()> {
    install_packages(sh)?;
    let target = tree::target().join("machines");
    let rust = unpack_compiler(sh, &target)?;
    let copy = Copy::new(sh, target.join("copy"))?;
    plant(&copy)?;
    for machine in &MACHINES {
        println!("{}:", machine.name);
        machine.build(sh, &rust, &target, &tree::root())?;
        machine.emulate(sh, &target).run()?;
        machine.build(sh, &rust, &target, copy.folder())?;
        machine.check_fault(machine.emulate(sh, &target))?;
    }
    Ok(())
}

fn install_packages(sh: &Shell) -> Result<()> {
    // the emulator, and the libraries of the compiler
    let mut packages = ["qemu-user-static", "libedit2", "libxml2", "libz3-4"].map(str::to_owned).to_vec();
    for Machine { name, debian, .. } in &MACHINES {
        packages.extend([format!("gcc-{name}-linux-gnu"), format!("libc6-dev-{debian}-cross")]);
    }
    tools::debian(sh, &packages.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Returns the folder with Debian's newest compiler, its library and the source of `core`.
fn unpack_compiler(sh: &Shell, target: &Path) -> Result<PathBuf> {
    let tools = std::env::var_os("CTX_KEY_TOOLS")
        .map_or_else(|| target.to_owned(), |folder| tree::root().join(folder));
    let rust = tools.join("rust-web");
    // this file is written last, so that the next run repeats an interrupted download
    let unpacked = rust.join("unpacked");
    if unpacked.exists() {
        return Ok(rust);
    }
    sh.remove_path(&rust)?;
    let packages = sh.create_dir(rust.join("packages"))?;
    download_compiler(sh, &packages)?;
    for package in sh.read_dir(&packages)? {
        cmd!(sh, "dpkg -x {package} {rust}").quiet().run()?;
    }
    sh.remove_path(&packages)?;
    fs::write(unpacked, "")?;
    Ok(rust)
}

fn download_compiler(sh: &Shell, folder: &Path) -> Result<()> {
    let known = cmd!(sh, "apt-cache show rustc-web").quiet().ignore_stdout().ignore_stderr().run();
    if known.is_err() {
        tools::apt_get(sh).args(["update", "-qq"]).run()?;
    }
    let library = dependency(sh, "libstd-rust-web-dev", "libstd-rust-web-")?;
    let llvm = dependency(sh, &library, "libllvm")?;
    let _there = sh.push_dir(folder);
    // the user of apt's sandbox may not write here
    cmd!(sh, "apt-get -o APT::Sandbox::User=root download -qq rustc-web libstd-rust-web-dev rust-web-src {library} {llvm}")
        .run()?;
    Ok(())
}

/// Returns the dependency of `package` whose name is `start` followed by a version.
fn dependency(sh: &Shell, package: &str, start: &str) -> Result<String> {
    let list = cmd!(sh, "apt-cache depends --important {package}").quiet().read()?;
    let mut names = list.lines().filter_map(|line| line.trim_start().strip_prefix("Depends: "));
    let name = names.find(|name| name.starts_with(start));
    Ok(name.with_context(|| format!("{package} depends on no {start}"))?.to_owned())
}

/// Changes the library to use numbers in the machine's byte order.
fn plant(copy: &Copy) -> Result<()> {
    copy.rewrite("src", |_, source| {
        source.replace("from_le_bytes", "from_ne_bytes").replace("to_le_bytes", "to_ne_bytes")
    })
}

impl Machine {
    fn triple(&self) -> String {
        format!("{}-unknown-linux-gnu", self.name)
    }

    /// Builds the program for this machine, with the library of a tree.
    fn build(&self, sh: &Shell, rust: &Path, target: &Path, tree: &Path) -> Result<()> {
        let triple = self.triple();
        let linker = format!("target.{triple}.linker = '{}-linux-gnu-gcc'", self.name);
        cmd!(sh, "cargo build --quiet --release --locked --bin no_std --target {triple} -Zbuild-std=core")
            .args(["--config", &linker])
            .arg("--manifest-path")
            .arg(tree.join("tests/no_std/Cargo.toml"))
            .arg("--target-dir")
            .arg(target)
            .env("RUSTC", rust.join("usr/bin/rustc"))
            .env("LD_LIBRARY_PATH", rust.join("usr/lib/x86_64-linux-gnu"))
            .env("RUSTC_BOOTSTRAP", "1")
            .quiet()
            .run()?;
        Ok(())
    }

    fn emulate<'sh>(&self, sh: &'sh Shell, target: &Path) -> Cmd<'sh> {
        let Self { name, qemu, .. } = self;
        let program = target.join(self.triple()).join("release/no_std");
        cmd!(sh, "qemu-{qemu}-static -L /usr/{name}-linux-gnu {program}").quiet()
    }

    fn check_fault(&self, program: Cmd<'_>) -> Result<()> {
        let output = program.ignore_status().output()?;
        let text = String::from_utf8([output.stdout, output.stderr].concat())?;
        let (name, text) = (self.name, text.trim());
        ensure!(
            text.contains(self.with_fault),
            "{name}, with numbers in the machine's byte order, prints: {text}"
        );
        println!("    with the fault: {text}");
        Ok(())
    }
}
