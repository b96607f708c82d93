//! Builds what a release publishes besides the packages: an archive of the command for each system with its checksum, and the
//! command's parts list (SBOM).

use std::fmt::Write;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use flate2::{Compression, GzBuilder, read::GzDecoder};
use sha2::{Digest, Sha256};
use xshell::{Shell, cmd};

use crate::process;
use crate::tools::{self, CARGO_CYCLONEDX, CC, MACOS, MACOS_INTEL, MINGW, Tool, WINDOWS};
use crate::tree::{self, Copy};

const COMMAND: &str = "ctx-key-cli";

/// Systems for which an archive is made, and the tools that each build needs.
const TARGETS: [(&str, &[&Tool]); 5] = [
    ("x86_64-unknown-linux-gnu", &[&CC]),
    ("aarch64-unknown-linux-gnu", &[&CC]),
    ("x86_64-pc-windows-gnu", &[&WINDOWS, &MINGW]),
    ("aarch64-apple-darwin", &[&MACOS]),
    ("x86_64-apple-darwin", &[&MACOS_INTEL]),
];

/// Files of the repository that the archive contains besides the program.
const PAPERS: [&str; 4] = ["crates/cli/README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"];

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// System to build for; this machine's by default
    #[arg(long, value_parser = TARGETS.map(|(name, _)| name))]
    target: Option<String>,
    /// Tag of the release, which must match the command's version
    #[arg(long)]
    tag: Option<String>,
}

/// A file in the archive.
struct Entry {
    path: String,
    content: Vec<u8>,
    is_program: bool,
}

/// Builds the command, and writes its archive and the checksum of the archive into `dist` below cargo's target folder.
pub fn dist(sh: &Shell, arguments: &Arguments) -> Result<()> {
    let (host, version) = (process::host(sh)?, version(sh)?);
    let target = arguments.target.as_ref().unwrap_or(&host);
    if let Some(tag) = &arguments.tag {
        check_tag(tag, &version)?;
    }
    let Some((_, needed)) = TARGETS.iter().find(|(name, _)| name == target) else {
        bail!("no archive is made for {target}: name another system with --target");
    };
    tools::install(sh, needed)?;
    let name = format!("ctx-key-{version}-{target}");
    let program = build(sh, target, *target == host)?;
    let archive = pack(&entries(&name, &program)?, commit_time(sh)?)?;

    let folder = sh.create_dir(tree::target().join("dist"))?;
    let file = format!("{name}.tar.gz");
    sh.write_file(folder.join(format!("{file}.sha256")), checksum_line(&archive, &file)?)?;
    sh.write_file(folder.join(&file), archive)?;
    println!("{}", folder.join(&file).display());
    check(sh, &folder, &name, (*target == host).then_some(&version))
}

/// Packages the command for this machine.
pub fn dist_here(sh: &Shell) -> Result<()> {
    dist(sh, &Arguments { target: None, tag: None })
}

/// Writes the parts list of the command, in CycloneDX, into `sbom` below cargo's target folder.
pub fn sbom(sh: &Shell) -> Result<()> {
    tools::install(sh, &[&CARGO_CYCLONEDX])?;
    let folder = sh.create_dir(tree::target().join("sbom"))?;
    let name = format!("ctx-key-{}.cdx", version(sh)?);
    // cargo-cyclonedx writes its file beside the manifest
    let copy = Copy::new(sh, tree::target().join("sbom-copy"))?;
    let _there = sh.push_dir(copy.folder());
    cmd!(sh, "cargo cyclonedx --quiet --format json --spec-version 1.5 --all-features --target all")
        .args(["--override-filename", &name, "--manifest-path", "crates/cli/Cargo.toml"])
        .run()?;
    let file = format!("{name}.json");
    let text = copy.read(&format!("crates/cli/{file}"))?.replace(&copy.folder().display().to_string(), "");
    check_parts(&text)?;
    sh.write_file(folder.join(&file), &text)?;
    sh.write_file(folder.join(format!("{file}.sha256")), checksum_line(text.as_bytes(), &file)?)?;
    println!("{}", folder.join(&file).display());
    Ok(())
}

/// Returns the command's version from its manifest.
fn version(sh: &Shell) -> Result<String> {
    let id = cmd!(sh, "cargo pkgid --locked --package {COMMAND}").quiet().read()?;
    let (_, version) = id.rsplit_once(['@', '#']).with_context(|| format!("{id} has no version"))?;
    Ok(version.to_owned())
}

fn check_tag(tag: &str, version: &str) -> Result<()> {
    ensure!(
        tag.strip_prefix('v') == Some(version),
        "the tag {tag} does not belong to version {version}: tag v{version}, or change the versions in the manifests"
    );
    Ok(())
}

/// Builds the command and returns its path. A build for this machine uses the target folder of all other builds.
fn build(sh: &Shell, target: &str, is_host: bool) -> Result<PathBuf> {
    let cross = (!is_host).then_some(["--target", target]).into_iter().flatten();
    cmd!(sh, "cargo build --quiet --release --locked --package {COMMAND}").args(cross).run()?;
    let folder = if is_host { tree::target() } else { tree::target().join(target) };
    Ok(folder.join("release").join(if target.contains("windows") { "ctx-key.exe" } else { "ctx-key" }))
}

fn entries(name: &str, program: &Path) -> Result<Vec<Entry>> {
    let read = |path: PathBuf, is_program| {
        let content = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let file = path.file_name().and_then(|file| file.to_str()).context("a path has no file name")?;
        Ok(Entry { path: format!("{name}/{file}"), content, is_program })
    };
    let papers = PAPERS.iter().map(|file| read(tree::root().join(file), false));
    [read(program.to_owned(), true)].into_iter().chain(papers).collect()
}

/// Packs files into a compressed archive. The bytes of the archive depend only on the files and the time.
fn pack(entries: &[Entry], time: u64) -> Result<Vec<u8>> {
    let gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    let mut archive = tar::Builder::new(gzip);
    for Entry { path, content, is_program } in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len().try_into()?);
        header.set_mode(if *is_program { 0o755 } else { 0o644 });
        header.set_mtime(time);
        archive.append_data(&mut header, path, content.as_slice())?;
    }
    Ok(archive.into_inner()?.finish()?)
}

/// Returns the line that `sha256sum --check` reads.
fn checksum_line(content: &[u8], file: &str) -> Result<String> {
    let mut line = String::new();
    for byte in Sha256::digest(content) {
        write!(line, "{byte:02x}")?;
    }
    Ok(format!("{line}  {file}\n"))
}

/// Returns the time of the last commit, in Unix seconds.
fn commit_time(sh: &Shell) -> Result<u64> {
    Ok(cmd!(sh, "git log -1 --format=%ct").quiet().read()?.parse()?)
}

/// Checks the archive as a user would: the checksum, the files, and the program's version if it runs here.
fn check(sh: &Shell, folder: &Path, name: &str, version: Option<&String>) -> Result<()> {
    let archive = fs::read(folder.join(format!("{name}.tar.gz")))?;
    let line = sh.read_file(folder.join(format!("{name}.tar.gz.sha256")))?;
    ensure!(
        line == checksum_line(&archive, &format!("{name}.tar.gz"))?,
        "the checksum does not belong to the archive"
    );
    let scratch = sh.create_temp_dir()?;
    let mut plain = Vec::new();
    GzDecoder::new(archive.as_slice()).read_to_end(&mut plain)?;
    tar::Archive::new(plain.as_slice()).unpack(scratch.path())?;
    let unpacked = scratch.path().join(name);
    for file in PAPERS {
        let file = Path::new(file).file_name().context("a path has no file name")?;
        ensure!(unpacked.join(file).is_file(), "the archive has no {}", file.display());
    }
    if let Some(version) = version {
        let program = unpacked.join("ctx-key");
        let printed = cmd!(sh, "{program} --version").quiet().read()?;
        ensure!(printed == format!("ctx-key {version}"), "the archive's program is {printed}, not {version}");
    }
    Ok(())
}

/// Checks that a parts list is CycloneDX, names the command and its library, and has no path of this machine.
fn check_parts(text: &str) -> Result<()> {
    let list: serde_json::Value = serde_json::from_str(text)?;
    ensure!(list["bomFormat"] == "CycloneDX", "the parts list is not CycloneDX");
    ensure!(list["metadata"]["component"]["name"] == COMMAND, "the parts list does not describe {COMMAND}");
    let parts = list["components"].as_array().context("the parts list has no components")?;
    for name in ["ctx-key", "clap", "sha2"] {
        ensure!(parts.iter().any(|part| part["name"] == name), "{name} is not on the parts list");
    }
    let root = tree::root().display().to_string();
    ensure!(!text.contains(&root), "the parts list has a path of this machine");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_files_give_equal_archives() {
        let files = || {
            let file = |path: &str, content: &[u8], is_program| Entry {
                path: path.into(),
                content: content.into(),
                is_program,
            };
            [file("x/ctx-key", b"program", true), file("x/README.md", b"text", false)]
        };
        let archive = pack(&files(), 1_700_000_000).unwrap();
        assert_eq!(archive, pack(&files(), 1_700_000_000).unwrap());
        let mut archive = tar::Archive::new(GzDecoder::new(archive.as_slice()));
        let found: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let mut entry = entry.unwrap();
                let mut content = String::new();
                entry.read_to_string(&mut content).unwrap();
                let (header, path) = (entry.header(), entry.path().unwrap().display().to_string());
                (path, content, header.mode().unwrap(), header.mtime().unwrap())
            })
            .collect();
        let expected = [("x/ctx-key", "program", 0o755), ("x/README.md", "text", 0o644)];
        assert_eq!(
            found,
            expected.map(|(path, content, mode)| (path.into(), content.into(), mode, 1_700_000_000))
        );
    }

    #[test]
    fn a_checksum_is_a_line_of_sha256sum() {
        let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a.tar.gz\n";
        assert_eq!(checksum_line(b"", "a.tar.gz").unwrap(), of_nothing);
    }

    #[test]
    fn a_tag_belongs_to_one_version() {
        check_tag("v0.1.0", "0.1.0").unwrap();
        for tag in ["0.1.0", "v0.1.1", "v0.1.0-rc.1", "vv0.1.0", "v"] {
            assert_eq!(
                check_tag(tag, "0.1.0").unwrap_err().to_string(),
                format!(
                    "the tag {tag} does not belong to version 0.1.0: tag v0.1.0, or change the versions in the manifests"
                )
            );
        }
    }
}
