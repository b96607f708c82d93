//! The command executes nothing that a repository names, and fetches nothing.
#![cfg(unix)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::{command, finish, git, masked};
use ctx_key::ApiKey;

/// The keys of git's configuration that name a command. `evil` stands for a part that can be any name.
const KEYS: &[&str] = &[
    "core.fsmonitor",
    "core.sshCommand",
    "core.pager",
    "core.editor",
    "core.askPass",
    "core.gitProxy",
    "core.alternateRefsCommand",
    "diff.external",
    "credential.helper",
    "gpg.program",
    "gpg.ssh.defaultKeyCommand",
    "gpg.openpgp.program",
    "gpg.x509.program",
    "gpg.ssh.program",
    "uploadpack.packObjectsHook",
    "sequence.editor",
    "pager.log",
    "pager.diff-tree",
    "pager.rev-list",
    "pager.cat-file",
    "pager.ls-files",
    "interactive.diffFilter",
    "sendemail.sendmailCmd",
    "web.browser",
    "browser.evil.cmd",
    "instaweb.httpd",
    "difftool.evil.cmd",
    "mergetool.evil.cmd",
    "man.evil.cmd",
    "guitool.evil.cmd",
    "imap.tunnel",
    "trailer.evil.command",
    "trailer.evil.cmd",
    "tar.evil.command",
    "remote.origin.uploadpack",
    "remote.origin.receivepack",
    "remote.origin.proxy",
    "merge.evil.driver",
    "diff.evil.command",
    "diff.evil.textconv",
    "filter.evil.clean",
    "filter.evil.smudge",
    "filter.evil.process",
    "alias.cat-file",
    "alias.rev-parse",
    "alias.ls-files",
    "alias.evil",
    "credential.https://example.invalid.helper",
    "hook.evil.command",
    "filter.lfs.process",
];

/// Settings, as key and value, that make git run commands or use other repositories.
const SETTINGS: &[(&str, &str)] = &[
    ("core.hooksPath", "hooks"),
    ("core.untrackedCache", "true"),
    ("log.showSignature", "true"),
    ("submodule.recurse", "true"),
    ("filter.evil.required", "true"),
    ("gc.auto", "1"),
    ("maintenance.auto", "true"),
    ("protocol.ext.allow", "always"),
    ("protocol.file.allow", "always"),
    ("remote.origin.promisor", "true"),
    ("remote.origin.vcs", "evil"),
    ("remote.origin.partialCloneFilter", "blob:none"),
    ("extensions.partialClone", "origin"),
    ("include.path", "included"),
    ("hook.evil.event", "pre-commit"),
    ("submodule.evil.update", "!./evil"),
    ("diff.tool", "evil"),
    ("merge.tool", "evil"),
    ("gpg.format", "ssh"),
    ("commit.gpgSign", "true"),
];

const HOOKS: &[&str] =
    &["pre-commit", "post-index-change", "reference-transaction", "fsmonitor-watchman", "pre-auto-gc"];

fn write_program(path: &Path, marker: &Path) {
    fs::write(path, format!("#!/bin/sh\necho \"$0 $*\" >> '{}'\nexit 0\n", marker.display())).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Makes a repository in which everything that can name a command names a program that writes to the file `marker`.
fn make_hostile(directory: &Path, marker: &Path, key: &ApiKey) {
    git(directory, &["init", "-q", "-b", "main"]);
    git(directory, &["config", "core.repositoryFormatVersion", "1"]);
    fs::write(directory.join(".gitattributes"), "* filter=evil diff=evil merge=evil text\n").unwrap();
    fs::write(directory.join("lost"), "lost").unwrap();
    fs::write(directory.join("leak"), key.expose_secret()).unwrap();
    git(directory, &["add", "."]);
    git(directory, &["commit", "-q", "-m", "first"]);
    fs::write(directory.join("leak"), format!("{}\n", key.expose_secret())).unwrap();
    git(directory, &["add", "."]);
    // git would fetch this blob from the promisor.
    let id = git(directory, &["rev-parse", "HEAD:lost"]);
    fs::remove_file(directory.join(".git/objects").join(&id[..2]).join(&id[2..])).unwrap();
    let program = directory.join("evil");
    write_program(&program, marker);
    // These lie in the directory where the command runs. One is a helper for a transport.
    for name in ["git", "git-remote-evil", "ssh", "sh", "cat", "less"] {
        write_program(&directory.join(name), marker);
    }
    for folder in [directory.join(".git/hooks"), directory.join("hooks")] {
        fs::create_dir_all(&folder).unwrap();
        for hook in HOOKS {
            write_program(&folder.join(hook), marker);
        }
    }
    let program = program.to_str().unwrap();
    let mut config = fs::read_to_string(directory.join(".git/config")).unwrap();
    for (key, value) in KEYS.iter().map(|key| (*key, program)).chain(SETTINGS.iter().copied()) {
        let (section, name) = key.rsplit_once('.').unwrap();
        let section = section
            .split_once('.')
            .map_or(section.to_owned(), |(section, part)| format!("{section} \"{part}\""));
        let value = if key.starts_with("alias.") { format!("!{value}") } else { value.to_owned() };
        config += &format!("[{section}]\n\t{name} = {value}\n");
    }
    let url = format!(
        "[remote \"origin\"]\n\turl = https://example.invalid/a\n[url \"ext::{program} \"]\n\tinsteadOf = https://\n"
    );
    fs::write(directory.join(".git/config"), config + &url).unwrap();
    fs::write(
        directory.join(".git/included"),
        format!("[core]\n\tfsmonitor = {program}\n\tsshCommand = {program}\n"),
    )
    .unwrap();
    fs::create_dir_all(directory.join(".git/info")).unwrap();
    fs::write(directory.join(".git/info/attributes"), "* filter=evil diff=evil merge=evil\n").unwrap();
}

#[test]
fn nothing_is_executed_and_nothing_is_fetched() {
    let (directory, outside, key) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), ApiKey::generate());
    let (path, marker) = (directory.path(), outside.path().join("marker"));
    make_hostile(path, &marker, &key);
    let program = path.join("evil");
    for options in [
        &["scan"][..],
        &["scan", "--no-ignore", "."],
        &["scan", "leak"],
        &["scan", "--staged"],
        &["scan", "--staged", "leak", "evil"],
        &["scan", "--history"],
        &["scan", "--history", "--range", "HEAD"],
        &["scan", "--history", "--since", "2 weeks"],
        &["scan", "--history", "--alternates"],
    ] {
        let mut command = command(options);
        command.current_dir(path);
        // The repository can't set these variables, but the command ignores them as well.
        for variable in
            ["GIT_SSH_COMMAND", "GIT_SSH", "GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_ASKPASS", "GIT_EDITOR"]
        {
            command.env(variable, &program);
        }
        let search_path = std::env::var_os("PATH").unwrap();
        let mut folders = vec![".".into(), "".into()];
        folders.extend(std::env::split_paths(&search_path));
        command.env("PATH", std::env::join_paths(folders).unwrap());
        let scan = finish(&mut command, b"").hides(&key);
        assert!(scan.stdout.contains(&masked(&key)), "{options:?} {scan:?}");
        let mark = fs::read_to_string(&marker).unwrap_or_default();
        assert_eq!(mark, "", "{options:?}");
        assert!(scan.code == Some(1) || scan.code == Some(2), "{scan:?}");
    }
}

/// Shows that the test above can fail: git itself runs these programs.
#[test]
fn git_itself_runs_a_program_of_the_hostile_repository() {
    let (directory, outside, key) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), ApiKey::generate());
    let (path, marker) = (directory.path(), outside.path().join("marker"));
    make_hostile(path, &marker, &key);
    let status = std::process::Command::new("git").args(["status"]).current_dir(path).output();
    assert!(status.is_ok());
    assert!(fs::read_to_string(&marker).unwrap().contains("evil"));
}
