//! Runs git's plumbing commands so that they execute nothing that the repository names, and fetch nothing.
//!
//! # Why git and not a library
//!
//! Measured with git 2.47.3, and gix 0.89.0 without default features, on 2 cores of an AMD EPYC. The repository has
//! 25,000 commits and 221,549 objects: 794 MB of blobs, commits and tags in a pack of 51 MB.
//!
//! | | `git cat-file --batch` | gix, objects in pack order |
//! |---|---|---|
//! | CPU time to read every object | 1.6 s | 4.1 s (without trees) |
//! | peak memory | 175 MiB, 51 of them the mapped pack | 57 MiB |
//! | objects that no ref reaches | yes | yes |
//! | SHA-256 | yes | with another feature |
//! | alternates | yes | yes |
//! | partial clones | yes, without fetching | yes |
//! | new crates to build | 0 | 72 |
//! | time to build them | 0 | 200 s on a busy machine |
//!
//! The price is that git must be installed, and that its configuration must be kept from running commands. The
//! configuration files of the system and of the user are not read. Settings that name a command for a subcommand
//! used here have a fixed value on the command line, which overrides the repository's file. Every protocol is forbidden,
//! so no transport starts. Hooks, and attributes that name filters, affect only subcommands that are not used here.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::{name, output};

#[cfg(windows)]
const NULL: &str = "NUL";
#[cfg(not(windows))]
const NULL: &str = "/dev/null";

/// Configuration for every subcommand.
const CONFIGURATION: &[&str] = &[
    // Nothing is executed.
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.sshCommand=false",
    "core.gitProxy=",
    "core.askPass=",
    "core.alternateRefsCommand=false",
    "core.pager=cat",
    "credential.helper=",
    "diff.external=",
    "log.showSignature=false",
    "gc.auto=0",
    "maintenance.auto=false",
    // Nothing is fetched.
    "protocol.allow=never",
    "submodule.recurse=false",
    // Nothing is hidden: these features read files that may contradict the objects and directories.
    "core.commitGraph=false",
    "core.multiPackIndex=false",
    "core.untrackedCache=false",
    "core.useReplaceRefs=false",
    "core.attributesFile=/dev/null",
    // With these settings, reading is safe even if someone else owns the repository.
    "safe.directory=*",
    "safe.bareRepository=all",
];

const ENVIRONMENT: &[(&str, &str)] = &[
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", NULL),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_GRAFT_FILE", NULL),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ALLOW_PROTOCOL", "none"),
    ("GIT_SSH_COMMAND", "false"),
    ("LC_ALL", "C"),
];

/// The program git, to be run in a directory.
#[derive(Clone)]
pub(crate) struct Git {
    program: PathBuf,
    path: OsString,
    directory: PathBuf,
    /// Environment variables that replace files and folders of the repository.
    pub(crate) variables: Vec<(&'static str, OsString)>,
    /// Path of the user's exclude file.
    excludes: Option<OsString>,
}

impl Git {
    pub(crate) fn at(directory: &Path) -> Result<Self, String> {
        let (program, path) = find_program()?;
        Ok(Self { program, path, directory: directory.to_owned(), variables: Vec::new(), excludes: None })
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--no-pager").arg("-C").arg(&self.directory);
        for setting in CONFIGURATION {
            command.args(["-c", setting]);
        }
        if let Some(file) = &self.excludes {
            let mut setting = OsString::from("core.excludesFile=");
            setting.push(file);
            command.arg("-c").arg(setting);
        }
        for (variable, _) in env::vars_os() {
            if variable.as_encoded_bytes().starts_with(b"GIT_") {
                command.env_remove(variable);
            }
        }
        command.env("PATH", &self.path).envs(ENVIRONMENT.iter().copied());
        command.envs(self.variables.iter().map(|(name, value)| (*name, value)));
        command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Returns the standard output of git, or an error with the first line of its standard error.
    pub(crate) fn output(&self, arguments: &[&str]) -> Result<Vec<u8>, String> {
        let output = self.run(arguments)?;
        if output.status.success() { Ok(output.stdout) } else { Err(self.describe(&output)) }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Output, String> {
        self.command(arguments).stderr(Stdio::piped()).output().map_err(cannot_run)
    }

    fn describe(&self, output: &Output) -> String {
        let printed = String::from_utf8_lossy(&output.stderr);
        let printed = printed.lines().next().unwrap_or("nothing");
        let directory = output::shown(&self.directory);
        format!(
            "git can't read a repository at {directory} and says: {}; run this in a repository, or name one",
            name::to_message(printed)
        )
    }

    pub(crate) fn spawn(&self, arguments: &[&str]) -> Result<Child, String> {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(cannot_run)
    }

    /// Reads the path of the user's exclude file from the user's configuration. The file is safe to use: it only
    /// marks files as ignored.
    pub(crate) fn use_global_excludes(&mut self) {
        let mut command = self.command(&["config", "--global", "--type=path", "-z", "core.excludesFile"]);
        command.env_remove("GIT_CONFIG_GLOBAL");
        let file = command.output().ok().filter(|output| output.status.success());
        let file = file.and_then(|output| String::from_utf8(output.stdout).ok());
        self.excludes = file.map(|file| file.trim_end_matches('\0').into());
    }
}

fn cannot_run(error: io::Error) -> String {
    format!("can't run git: {error}; install it, or put it on the PATH")
}

/// Finds git in the absolute directories of the search path, since a relative one could lie in the repository.
fn find_program() -> Result<(PathBuf, OsString), String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = env::split_paths(&path).filter(|folder| folder.is_absolute()).collect();
    let name = format!("git{}", env::consts::EXE_SUFFIX);
    let program = folders.iter().map(|folder| folder.join(&name)).find(|program| program.is_file());
    let program = program.ok_or_else(|| cannot_run(io::ErrorKind::NotFound.into()))?;
    Ok((program, env::join_paths(folders).unwrap_or_default()))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    #[test]
    fn only_the_first_line_of_git_is_repeated() {
        let git = Git::at(Path::new("/a")).unwrap();
        for (printed, line) in [("fatal: first\nhint: second\n", "fatal: first"), ("", "nothing")] {
            let status = ExitStatus::from_raw(1 << 8);
            let message = git.describe(&Output { status, stdout: Vec::new(), stderr: printed.into() });
            let expected = format!(
                "git can't read a repository at /a and says: {line}; run this in a repository, or name one"
            );
            assert_eq!(message, expected);
        }
    }
}
