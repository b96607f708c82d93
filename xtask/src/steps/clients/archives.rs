//! Checks the archives of the packages as they would be published: each is installed in an empty folder, where a program uses
//! it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use super::Clients;
use crate::process::{assert_refused, read};

/// Files that every archive contains, whatever the language.
const PAPERS: [&str; 3] = ["README.md", "LICENSE-APACHE", "LICENSE-MIT"];

/// Packs and uses all packages.
pub(super) fn run(sh: &Shell, clients: &Clients) -> Result<()> {
    const PROGRAM: &str = "import { redactStr } from '@memorykit/key'; console.log(redactStr('no key'), \
        (await import('node:module')).createRequire(import.meta.url)('@memorykit/key').redactStr('no key'));";
    let npm = || npm(sh, &clients.folder("typescript"), PROGRAM, "no key no key");
    npm()?;
    python(sh, clients)?;
    go(sh, clients)?;
    kotlin(sh, clients)?;
    clients.copy.plant("clients/typescript/package.json", "\"dist/index.*\"", "\"dist/index.js\"")?;
    assert_refused("an archive for npm without its CommonJS module", "index.cjs", npm())
}

/// Packs a folder with npm, and runs an ES module that imports the package. The module must print `printed`.
pub fn npm(sh: &Shell, package: &Path, program: &str, printed: &str) -> Result<()> {
    let user = sh.create_temp_dir()?;
    let to = user.path();
    let archive = {
        let _there = sh.push_dir(package);
        cmd!(sh, "npm pack --silent --ignore-scripts --pack-destination {to}").quiet().read()?
    };
    let _there = sh.push_dir(to);
    check_papers(&cmd!(sh, "tar --list --file {archive}").quiet().read()?, &archive)?;
    sh.write_file("package.json", "{\"type\": \"module\"}")?;
    cmd!(sh, "npm install --silent --offline --ignore-scripts --no-audit --no-fund ./{archive}").run()?;
    let found = read(cmd!(sh, "node --input-type=module --eval {program}"))?;
    ensure!(found.trim() == printed, "{archive} in a program prints: {found}");
    Ok(())
}

/// Makes the source archive, builds the wheel from its content, and imports the wheel.
fn python(sh: &Shell, clients: &Clients) -> Result<()> {
    let _path = sh.push_env("PATH", &clients.path);
    let user = sh.create_temp_dir()?;
    let to = user.path();
    {
        let _there = sh.push_dir(clients.folder("python"));
        read(cmd!(sh, "hatchling build -t sdist -d {to}"))?;
    }
    let _there = sh.push_dir(to);
    let archive = only_file(sh, to, "gz")?;
    check_papers(&cmd!(sh, "tar --list --file {archive}").quiet().read()?, &archive.display().to_string())?;
    cmd!(sh, "tar --extract --strip-components 1 --one-top-level=source --file {archive}").run()?;
    {
        let _there = sh.push_dir("source");
        read(cmd!(sh, "hatchling build -t wheel -d {to}"))?;
    }
    let wheel = only_file(sh, to, "whl")?;
    cmd!(
        sh,
        "pip install --quiet --disable-pip-version-check --no-index --no-deps --target installed {wheel}"
    )
    .run()?;
    let program = "import memorykit_key; print(memorykit_key.redact_str('no key'), memorykit_key.__file__)";
    let found = read(cmd!(sh, "python3 -c {program}").env("PYTHONPATH", "installed"))?;
    ensure!(
        found.starts_with("no key ") && found.contains("installed"),
        "the wheel in a program prints: {found}"
    );
    Ok(())
}

/// Packs the module as Go's proxy does, and builds a program that gets the module from such a proxy.
fn go(sh: &Shell, clients: &Clients) -> Result<()> {
    const VERSION: &str = "v0.1.0";
    // Go refuses an archive with entries for folders, which `python3 -m zipfile` would write
    const ZIP: &str = "import pathlib, sys, zipfile; archive = zipfile.ZipFile(sys.argv[1], 'w'); \
        [archive.write(file) for file in pathlib.Path(sys.argv[2]).rglob('*') if file.is_file()]; archive.close()";
    let user = sh.create_temp_dir()?;
    let module = clients.folder("go");
    let manifest = sh.read_file(module.join("go.mod"))?;
    let name =
        manifest.lines().find_map(|line| line.strip_prefix("module ")).context("go.mod has no module")?;
    let versions = sh.create_dir(user.path().join("proxy").join(name).join("@v"))?;
    sh.write_file(versions.join(format!("{VERSION}.mod")), &manifest)?;
    sh.write_file(versions.join(format!("{VERSION}.info")), format!("{{\"Version\": \"{VERSION}\"}}"))?;
    let archive = versions.join(format!("{VERSION}.zip"));
    let content = format!("{name}@{VERSION}");
    let parent = user.path().join("content").join(&content);
    sh.create_dir(parent.parent().context("a module has no folder")?)?;
    cmd!(sh, "cp -r {module} {parent}").run()?;
    {
        let _there = sh.push_dir(user.path().join("content"));
        cmd!(sh, "python3 -c {ZIP} {archive} {content}").run()?;
    }
    check_papers(&cmd!(sh, "python3 -m zipfile --list {archive}").quiet().read()?, "the module's archive")?;

    let program = format!(
        "package main\n\nimport (\n\t\"fmt\"\n\n\tctxkey \"{name}\"\n)\n\nfunc main() {{ fmt.Println(ctxkey.RedactString(\"no key\")) }}\n"
    );
    let folder = sh.create_dir(user.path().join("user"))?;
    let _there = sh.push_dir(&folder);
    sh.write_file("main.go", program)?;
    sh.write_file("go.mod", format!("module user\n\ngo 1.19\n\nrequire {name} {VERSION}\n"))?;
    // separate from the modules of this machine, and without another proxy
    let _environment = [
        sh.push_env("GOPROXY", format!("file://{}", user.path().join("proxy").display())),
        sh.push_env("GOMODCACHE", user.path().join("modules")),
        sh.push_env("GONOSUMDB", name),
        sh.push_env("GOFLAGS", "-mod=mod -modcacherw"),
    ];
    let found = read(cmd!(sh, "go run ."))?;
    ensure!(found.trim() == "no key", "the module in a program prints: {found}");
    Ok(())
}

/// Compiles and runs a program in Java that has only the jar and Kotlin's library.
fn kotlin(sh: &Shell, clients: &Clients) -> Result<()> {
    let package = clients.folder("kotlin");
    let jar = package.join("build/memorykit-key.jar");
    let library = package.join("node_modules/kotlin-compiler/lib/kotlin-stdlib.jar");
    let user = sh.create_temp_dir()?;
    let _there = sh.push_dir(user.path());
    let list = cmd!(sh, "jar --list --file {jar}").quiet().read()?;
    for file in ["META-INF/LICENSE-APACHE", "META-INF/LICENSE-MIT"] {
        ensure!(list.lines().any(|line| line == file), "the jar has no {file}");
    }
    let program = "import io.memorykit.key.MemoryKitKeys;\n\nclass User {\n    public static void main(String[] words) {\n        \
        System.out.println(MemoryKitKeys.redact(\"no key\"));\n    }\n}\n";
    sh.write_file("User.java", program)?;
    let path = format!("{}:{}:.", jar.display(), library.display());
    read(cmd!(sh, "javac --release 8 -Xlint:-options -cp {path} User.java"))?;
    let found = read(cmd!(sh, "java -cp {path} User"))?;
    ensure!(found.trim() == "no key", "the jar in a program prints: {found}");
    Ok(())
}

/// Returns the file with this extension in a folder.
fn only_file(sh: &Shell, folder: &Path, extension: &str) -> Result<PathBuf> {
    let mut files = sh
        .read_dir(folder)?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|found| found == extension));
    files.next().with_context(|| format!("no archive .{extension} was made"))
}

/// Checks that a list of an archive's files contains all of [`PAPERS`].
fn check_papers(list: &str, archive: &str) -> Result<()> {
    for paper in PAPERS {
        let is_there = list.split_whitespace().any(|name| name.ends_with(&format!("/{paper}")));
        ensure!(is_there, "{archive} has no {paper}");
    }
    Ok(())
}
