//! The files of the repository, and copies of them that a check may change.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

/// Returns the root of the checkout for which cargo runs this program.
pub fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    package.parent().expect("this package is a folder of the repository").to_owned()
}

/// Returns cargo's target folder as an absolute path.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// Returns the paths of the files that git tracks or would add, relative to the root.
pub fn files(sh: &Shell) -> Result<BTreeSet<PathBuf>> {
    let root = root();
    let list = cmd!(sh, "git -C {root} ls-files -z --cached --others --exclude-standard").quiet().read()?;
    let paths = list.split('\0').filter(|path| !path.is_empty()).map(PathBuf::from);
    // git still lists a file whose deletion is not committed
    Ok(paths.filter(|path| root.join(path).is_file()).collect())
}

/// A copy of the repository's files, without its history and its build results.
///
/// An unchanged file keeps its time of modification, so cargo builds only what changed in the copy.
#[derive(Debug)]
pub struct Copy {
    folder: PathBuf,
}

impl Copy {
    /// Copies the repository to `folder`, and removes all other files from `folder`.
    pub fn new(sh: &Shell, folder: impl Into<PathBuf>) -> Result<Self> {
        Self::with(sh, folder, &BTreeMap::new())
    }

    /// Does the same as [`new`](Self::new), but the files in `texts` get these texts.
    pub fn with(sh: &Shell, folder: impl Into<PathBuf>, texts: &BTreeMap<PathBuf, String>) -> Result<Self> {
        let (root, folder) = (root(), folder.into());
        let files = files(sh)?;
        for (file, text) in texts {
            write_if_changed(&folder.join(file), text.as_bytes())?;
        }
        for file in files.iter().filter(|file| !texts.contains_key(*file)) {
            match fs::read(root.join(file)) {
                Ok(content) => write_if_changed(&folder.join(file), &content)?,
                // a file that another program removed
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
            }
        }
        remove_others(&folder, &folder, &files)?;
        Ok(Self { folder })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn read(&self, file: &str) -> Result<String> {
        fs::read_to_string(self.folder.join(file)).with_context(|| format!("cannot read {file} of the copy"))
    }

    pub fn write(&self, file: &str, text: &str) -> Result<()> {
        write_if_changed(&self.folder.join(file), text.as_bytes())
    }

    /// Rewrites each file directly in `folder`. `edit` gets the name and the text of a file, and returns its new text.
    pub fn rewrite(&self, folder: &str, edit: impl Fn(&str, &str) -> String) -> Result<()> {
        for entry in fs::read_dir(self.folder.join(folder))? {
            let path = entry?.path();
            if let Some(name) = path.is_file().then(|| path.file_name()?.to_str()).flatten() {
                let file = format!("{folder}/{name}");
                self.write(&file, &edit(name, &self.read(&file)?))?;
            }
        }
        Ok(())
    }

    /// Replaces the only occurrence of `old` in a file. It is an error if `old` does not occur exactly once.
    pub fn plant(&self, file: &str, old: &str, new: &str) -> Result<()> {
        let text = self.read(file)?;
        let count = text.matches(old).count();
        ensure!(count == 1, "{file} has {count} places, not one, to plant a fault in: {old}");
        self.write(file, &text.replacen(old, new, 1))
    }
}

fn write_if_changed(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|present| present == content) {
        return Ok(());
    }
    fs::create_dir_all(path.parent().expect("a file lies in a folder"))?;
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

/// Removes the files below `folder` that are not in `kept`, except in folders named `target`.
fn remove_others(top: &Path, folder: &Path, kept: &BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "target") {
                remove_others(top, &path, kept)?;
            }
        } else if !kept.contains(path.strip_prefix(top)?) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
