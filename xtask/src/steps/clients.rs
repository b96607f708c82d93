//! Checks the packages for other languages in `clients/`: their tests, a comparison with the crate, archives, figures, and
//! planted faults.

pub mod archives;
mod figures;
mod mistakes;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;
use xshell::{Shell, cmd};

pub use self::figures::assure as figures;
pub use self::mistakes::assure as faults;
use crate::process::timed;
use crate::tools;
use crate::tree::{self, Copy};

/// Class path of the package for Kotlin and its tests, relative to the folder of the package.
const KOTLIN: &str = "build/memorykit-key.jar:build/test:node_modules/kotlin-compiler/lib/kotlin-stdlib.jar";

/// The program of each package that compares it with the crate, and the folder that it runs in.
const COMPARISONS: [(&str, &[&str]); 4] = [
    ("python", &["python3", "tests/compare.py"]),
    ("typescript", &["node", "test/compare.mjs"]),
    ("go", &["go", "run", "./internal/compare"]),
    ("kotlin", &["java", "-cp", KOTLIN, "io.memorykit.key.CompareKt"]),
];

/// A copy of the repository in which the packages are installed and built, so that no file of it stays in the tree.
struct Clients {
    copy: Copy,
    /// Search path with the tools of the Python package.
    path: OsString,
    _folder: TempDir,
}

impl Clients {
    fn install(sh: &Shell) -> Result<Self> {
        tools::install(sh, &[&tools::NODE, &tools::NPM, &tools::PYTHON, &tools::GO, &tools::JAVA])?;
        let folder = tempfile::tempdir()?;
        let copy = Copy::new(sh, folder.path().join("copy"))?;
        let environment = folder.path().join("venv");
        let requirements = copy.folder().join("clients/python/requirements.txt");
        cmd!(sh, "python3 -m venv {environment}").run()?;
        cmd!(sh, "{environment}/bin/pip install --quiet --disable-pip-version-check --only-binary :all:")
            .arg("--requirement")
            .arg(requirements)
            .run()?;
        let mut path = environment.join("bin").into_os_string();
        path.push(":");
        path.push(sh.var_os("PATH").unwrap_or_default());
        let clients = Self { copy, path, _folder: folder };
        for package in ["typescript", "kotlin"] {
            let _there = sh.push_dir(clients.folder(package));
            cmd!(sh, "npm ci --ignore-scripts --silent").run()?;
        }
        // the module for Go has no dependency, so Go need not ask a proxy
        sh.set_var("GOPROXY", "off");
        Ok(clients)
    }

    fn build(&self, sh: &Shell) -> Result<()> {
        {
            let _there = sh.push_dir(self.folder("typescript"));
            cmd!(sh, "npm run build --silent").run()?;
        }
        let _there = sh.push_dir(self.folder("kotlin"));
        Ok(cmd!(sh, "node build.mjs test").run()?)
    }

    fn folder(&self, package: &str) -> PathBuf {
        self.copy.folder().join("clients").join(package)
    }

    /// Compares all packages with the crate on the same cases. Returns the output of all comparisons.
    fn compare(&self, program: &Path, seed: u64, count: u64) -> Result<String> {
        let packages = COMPARISONS.map(|(package, words)| {
            let (path, folder) = (self.path.clone(), self.folder(package));
            let (program, cases) = (program.to_owned(), [seed.to_string(), count.to_string()]);
            thread::spawn(move || {
                let mut cases = Command::new(program).args(cases).stdout(Stdio::piped()).spawn()?;
                let input = cases.stdout.take().context("no pipe")?;
                let mut port = Command::new("env");
                let port = port.args(words).current_dir(folder).env("PATH", path).env("GOPROXY", "off");
                let port = port.stdin(input).output()?;
                let printed = String::from_utf8_lossy(&port.stdout).into_owned();
                ensure!(port.status.success(), "{printed}{}", String::from_utf8_lossy(&port.stderr));
                ensure!(cases.wait()?.success(), "the program that prints the cases failed");
                ensure!(printed.contains(&format!(" {count} cases agree")), "{printed}");
                Ok(printed)
            })
        });
        let mut all = String::new();
        for package in packages {
            match package.join() {
                Ok(printed) => all.push_str(&printed?),
                Err(_) => bail!("a comparison panicked"),
            }
        }
        Ok(all)
    }
}

/// Runs the tests of all packages, in each runtime that npm has, and a short comparison with the crate.
pub fn run(sh: &Shell) -> Result<()> {
    let program = generator(sh, "debug")?;
    cmd!(sh, "cargo test --quiet --locked -p ctx-key-differential").run()?;
    let clients = timed("install the clients", || {
        let clients = Clients::install(sh)?;
        let _there = sh.push_dir(clients.folder("typescript/runtimes"));
        cmd!(sh, "npm ci --ignore-scripts --silent").run()?;
        Ok(clients)
    })?;
    timed("build the clients", || clients.build(sh))?;
    timed("Python", || {
        let _there = sh.push_dir(clients.folder("python"));
        let _path = sh.push_env("PATH", &clients.path);
        cmd!(sh, "pytest -q -p no:cacheprovider").run()?;
        cmd!(sh, "mypy").run()?;
        cmd!(sh, "pyright").run()?;
        // only one version of Python is installed, so vermin checks the lowest version without running it
        cmd!(sh, "vermin --quiet --no-tips --eval-annotations --target=3.9- src").run()?;
        Ok(cmd!(sh, "hatchling build -t wheel").run()?)
    })?;
    timed("TypeScript", || {
        let _there = sh.push_dir(clients.folder("typescript"));
        cmd!(sh, "npm test --silent").run()?;
        let _runtimes = sh.push_dir("runtimes");
        Ok(cmd!(sh, "npm test --silent").run()?)
    })?;
    timed("Go", || {
        let _there = sh.push_dir(clients.folder("go"));
        let unformatted = cmd!(sh, "gofmt -l .").read()?;
        ensure!(unformatted.is_empty(), "gofmt changes {unformatted}");
        cmd!(sh, "go vet ./...").run()?;
        Ok(cmd!(sh, "go test -count 1 ./...").run()?)
    })?;
    timed("Kotlin", || {
        let _there = sh.push_dir(clients.folder("kotlin"));
        Ok(cmd!(sh, "java -cp {KOTLIN} io.memorykit.key.TestsKt").run()?)
    })?;
    timed("archives of the clients", || archives::run(sh, &clients))?;
    timed("compare the clients", || {
        print!("{}", clients.compare(&program, 1, 100_000)?);
        Ok(())
    })
}

/// Compares all packages with the crate: `[COUNT [SEED]]`, five million cases by default.
pub fn compare(sh: &Shell, arguments: &[String]) -> Result<String> {
    let number = |place: usize, default| match arguments.get(place) {
        Some(text) => text.parse().with_context(|| format!("not a number: {text}")),
        None => Ok(default),
    };
    let (count, seed) = (number(0, 5_000_000)?, number(1, 1)?);
    let program = generator(sh, "release")?;
    let clients = Clients::install(sh)?;
    clients.build(sh)?;
    let printed = clients.compare(&program, seed, count)?;
    Ok(format!("Seed {seed}. {}", printed.trim().replace('\n', ".\n") + ".\n"))
}

/// Builds the program that prints cases.
fn generator(sh: &Shell, profile: &str) -> Result<PathBuf> {
    let release = (profile == "release").then_some("--release");
    cmd!(sh, "cargo build --quiet --locked -p ctx-key-differential {release...}").run()?;
    Ok(tree::target().join(profile).join("ctx-key-differential"))
}
