//! `ctx-key scan` reads settings from a file.

mod common;

use std::fs;
use std::path::Path;

use common::{Run, git, masked, run_in};
use ctx_key::ApiKey;
use tempfile::{TempDir, tempdir};

const FIELDS: &str = "the fields are `exclude`, `baseline`, `decode` and `archives`";

fn write(directory: &Path, name: &str, text: impl AsRef<[u8]>) {
    let path = directory.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Makes a directory with settings, and with leaks in `a/leak`, `b/leak` and `leak`.
fn tree(key: &ApiKey, settings: impl AsRef<[u8]>) -> TempDir {
    let tree = tempdir().unwrap();
    for name in ["a/leak", "b/leak", "leak"] {
        write(tree.path(), name, key.expose_secret());
    }
    write(tree.path(), ".ctx-key.toml", settings);
    tree
}

/// Returns the paths of the finds.
fn paths(run: &Run) -> Vec<&str> {
    run.stdout.lines().map(|line| line.split_once(':').unwrap().0).collect()
}

#[track_caller]
fn scan(directory: &Path, options: &[&str], found: &[&str]) -> String {
    let run = run_in(directory, &[&["scan"], options].concat()).exits(i32::from(!found.is_empty()));
    assert_eq!(paths(&run), found, "{options:?} {run:?}");
    run.stderr
}

/// Asserts that the scan fails and prints only this message.
#[track_caller]
fn fails(directory: &Path, options: &[&str], message: &str) {
    let run = run_in(directory, &[&["scan"], options].concat()).exits(2);
    assert_eq!((run.stdout, run.stderr), (String::new(), format!("ctx-key: {message}\n")));
}

#[test]
fn patterns_begin_at_the_top_of_the_worktree() {
    let key = ApiKey::generate();
    let tree = tree(&key, "exclude = ['/a/', 'b/*k']\n");
    let (top, inside) = (tree.path(), tree.path().join("a"));
    let absolute = top.to_str().unwrap();
    // Outside of git, the named directory is the top.
    let stderr = scan(top, &[], &["leak"]);
    let note = "note: .ctx-key.toml sets `exclude`; `--no-config` passes over it\n";
    let advice = "revoke these keys in the dashboard under API Keys, and create new ones\n";
    assert_eq!(stderr, format!("{note}{advice}"));
    scan(top, &["a"], &["a/leak"]);
    scan(&inside, &["."], &["leak"]);
    scan(&inside, &[".."], &["../leak"]);
    scan(top, &["./leak"], &["leak"]);
    scan(top, &[absolute], &[&format!("{absolute}/leak")]);
    git(top, &["init", "-q"]);
    git(top, &["add", "."]);
    write(top, "c/a/leak", key.expose_secret());
    scan(top, &[], &["c/a/leak", "leak"]);
    scan(top, &["c", "leak"], &["c/a/leak", "leak"]);
    scan(&inside, &["../c"], &["../c/a/leak"]);
    scan(&top.join("c"), &[], &["a/leak"]);
    scan(&top.join("c/a"), &["../../leak", "leak"], &["../../leak", "leak"]);
    let error = "nothing was searched: there are no files, or all are excluded; name a path with files";
    for options in [&["a"][..], &["./a/"], &["a", "a/leak"], &["a/leak", "c/a/../../a"]] {
        let run = run_in(top, &[&["scan"], options].concat()).exits(2);
        assert_eq!(run.stderr, format!("{note}ctx-key: {error}\n"), "{options:?}");
    }
    // A commit that changes only excluded files passes a hook that names them.
    let nothing = "note: all named files are excluded, so nothing was searched\n";
    for options in [
        &["a/leak"][..],
        &["b/leak", "a/../a/leak"],
        &["--", "a/leak"],
        &["--staged", "a/leak"],
        &["--staged", "--", "b/leak", "a/leak"],
    ] {
        let run = run_in(top, &[&["scan"], options].concat()).exits(0);
        assert_eq!(run.stderr, format!("{note}{nothing}"), "{options:?}");
    }
    scan(top, &["a/leak", "leak"], &["leak"]);
    // These paths come from git.
    scan(top, &["--staged"], &["leak"]);
    scan(&inside, &["--staged"], &["leak"]);
    scan(top, &["--staged", "leak", "a/leak"], &["leak"]);
    scan(&inside, &["--staged", "leak", "../leak"], &["../leak"]);
    scan(&inside, &["--staged", &format!("{absolute}/leak"), "../b/leak"], &["../leak"]);
    scan(&inside, &["--staged", "../leak", &format!("{absolute}/b/leak")], &["../leak"]);
    git(top, &["commit", "-q", "-m", "first"]);
    write(top, "a/more", "clean");
    git(top, &["add", "a/more"]);
    let run = run_in(top, &["scan", "--staged"]).exits(0);
    assert_eq!(run.stderr, format!("{note}note: all that is staged is excluded, so nothing was searched\n"));
    scan(top, &["--history"], &["leak"]);
    scan(&inside, &["--history", ".."], &["leak"]);
    scan(Path::new("/"), &["--history", absolute], &["leak"]);
}

#[test]
fn each_worktree_has_its_own_file() {
    let key = ApiKey::generate();
    let tree = tree(&key, "exclude = ['leak']\n");
    let (top, inner) = (tree.path(), tree.path().join("inner"));
    git(top, &["init", "-q"]);
    write(top, "inner/leak", key.expose_secret());
    git(&inner, &["init", "-q"]);
    scan(&inner, &[], &["leak"]);
    scan(top, &["inner"], &["inner/leak"]);
    write(&inner, ".ctx-key.toml", "exclude = ['/leak']\n");
    write(&inner, "sub/leak", key.expose_secret());
    scan(top, &["inner"], &["inner/sub/leak"]);
    fs::remove_dir_all(inner.join("sub")).unwrap();
    fs::remove_file(inner.join(".ctx-key.toml")).unwrap();
    // A repository without a worktree does not belong to the worktree around it.
    git(&inner, &["add", "."]);
    git(&inner, &["commit", "-q", "-m", "first"]);
    git(top, &["clone", "-q", "--bare", "inner", "bare"]);
    scan(top, &["--history", "bare"], &["leak"]);
    fails(
        top,
        &["inner", "a"],
        "the paths lie in several folders or repositories, and .ctx-key.toml is for one of them; name it with \
         `--config`, or give `--no-config`",
    );
    // It does not matter which of the roots has the file.
    fs::rename(top.join(".ctx-key.toml"), inner.join(".ctx-key.toml")).unwrap();
    fails(
        top,
        &["a", "inner"],
        "the paths lie in several folders or repositories, and inner/.ctx-key.toml is for one of them; name it with \
         `--config`, or give `--no-config`",
    );
    fs::rename(inner.join(".ctx-key.toml"), top.join(".ctx-key.toml")).unwrap();
    scan(top, &["inner", "a", "--no-config"], &["a/leak", "inner/leak"]);
    scan(
        top,
        &["inner", "a", "--config", ".ctx-key.toml", "leak", "--exclude", "x"],
        &["a/leak", "inner/leak", "leak"],
    );
    // A linked worktree has its own file, too.
    git(&inner, &["worktree", "add", "-q", "../linked"]);
    scan(top, &["linked"], &["linked/leak"]);
    // A folder that only looks like a repository is not a root.
    fs::create_dir(top.join("a/.git")).unwrap();
    let run = run_in(top, &["scan", "a"]).exits(2);
    assert!(run.stderr.contains("nothing was searched"), "{run:?}");
}

#[test]
fn options_override_settings() {
    let (key, other) = (ApiKey::generate(), ApiKey::generate());
    let tree = tree(&key, "exclude = ['a']\nbaseline = 'known.json'\n");
    let top = tree.path();
    write(top, "b/leak", other.expose_secret());
    let report = |options: &[&str]| {
        run_in(top, &[&["scan", "--no-config", "--format", "json"], options].concat()).stdout
    };
    write(top, "known.json", report(&["leak"]));
    write(top, "none.json", report(&[".ctx-key.toml"]));
    let stderr = scan(top, &[], &["b/leak"]);
    let note = "note: .ctx-key.toml sets `exclude`, `baseline`; `--no-config` passes over it\n";
    assert!(stderr.starts_with(note), "{stderr}");
    assert!(stderr.contains("note: 1 find is known from the baseline\n"), "{stderr}");
    // The note does not name a field that an option overrides.
    let stderr = scan(top, &["--exclude", "b"], &[]);
    assert!(stderr.starts_with("note: .ctx-key.toml sets `baseline`; "), "{stderr}");
    let stderr = scan(top, &["--baseline", "none.json"], &["b/leak", "leak"]);
    assert!(stderr.starts_with("note: .ctx-key.toml sets `exclude`; "), "{stderr}");
    scan(top, &["--baseline", "none.json", "--exclude", "b"], &["a/leak", "leak"]);
    scan(top, &["--no-config"], &["a/leak", "b/leak", "leak"]);
    fs::remove_file(top.join("known.json")).unwrap();
    let stderr = scan(top, &["--baseline", "none.json", "--exclude", "b"], &["a/leak", "leak"]);
    assert!(!stderr.contains("note"), "{stderr}");
    write(top, "known.json", report(&["leak"]));
    // The path of a baseline is relative to the file, and patterns are relative to the root.
    write(top, "b/other.toml", "exclude = ['/leak']\nbaseline = '../known.json'\n");
    let stderr = scan(top, &["--config", "b/other.toml"], &["b/leak"]);
    assert_eq!(stderr.matches(".toml").count(), 0, "{stderr}");
    let run = run_in(top, &["scan", "--config", "b/other.toml", "--no-config"]).exits(2);
    assert!(run.stderr.contains("cannot be used with"), "{run:?}");
}

#[test]
fn settings_turn_decoding_and_archives_off() {
    let (key, tree) = (ApiKey::generate(), tempdir().unwrap());
    let top = tree.path();
    write(top, "encoded", key.expose_secret().replace('_', "%5F"));
    write(top, "packed", key.expose_secret());
    let packed = std::process::Command::new("gzip").arg(top.join("packed")).status().unwrap();
    assert!(packed.success());
    let both = &["encoded", "packed.gz!packed"][..];
    let advice = "revoke these keys in the dashboard under API Keys, and create new ones\n";
    let cases: [(&str, &str, &[&str]); 4] = [
        ("decode = true\narchives = true", "", both),
        ("decode = false", "`decode`", &both[1..]),
        ("archives = false\n", "`archives`", &both[..1]),
        ("decode = false\narchives = false\n", "`decode`, `archives`", &[]),
    ];
    for (settings, named, found) in cases {
        write(top, ".ctx-key.toml", settings);
        let stderr = scan(top, &[], found);
        let note = format!("note: .ctx-key.toml sets {named}; `--no-config` passes over it\n");
        let expected =
            [if named.is_empty() { "" } else { &note }, if found.is_empty() { "" } else { advice }];
        assert_eq!(stderr, expected.concat(), "{settings}");
        scan(top, &["--no-config"], both);
        let stderr = scan(top, &["--no-decode", "--no-archives"], &[]);
        assert_eq!(stderr, "", "{settings}");
    }
    for (option, found, named) in
        [("--no-decode", &both[1..], "archives"), ("--no-archives", &both[..1], "decode")]
    {
        write(top, ".ctx-key.toml", "decode = true\narchives = true\n");
        assert_eq!(scan(top, &[option], found), advice);
        write(top, ".ctx-key.toml", "decode = false\narchives = false\n");
        let note = format!("note: .ctx-key.toml sets `{named}`; `--no-config` passes over it\n");
        assert_eq!(scan(top, &[option], &[]), note);
    }
}

#[test]
fn an_empty_file_sets_nothing() {
    let key = ApiKey::generate();
    for settings in ["", "# nothing\n", "exclude = []\n", "\u{feff}exclude = []\r\n"] {
        let tree = tree(&key, settings);
        let stderr = scan(tree.path(), &[], &["a/leak", "b/leak", "leak"]);
        assert_eq!(
            stderr, "revoke these keys in the dashboard under API Keys, and create new ones\n",
            "{settings}"
        );
    }
}

#[test]
fn errors_name_the_file_the_line_and_the_field() {
    let key = ApiKey::generate();
    let secret = &key.expose_secret()[16..];
    let cases = [
        ("# x\nexcludes = []\n".to_owned(), 2, format!("unknown field `excludes`; {FIELDS}")),
        ("\nbaseline = 'x'\n[scan]\nexclude = []\n".to_owned(), 3, format!("unknown field `scan`; {FIELDS}")),
        ("Exclude = []".to_owned(), 1, format!("unknown field `Exclude`; {FIELDS}")),
        (format!("{secret} = 1"), 1, format!("unknown field; {FIELDS}")),
        // A field is repeated if it has at most 24 characters, all of which may be in a name.
        (format!("{:a<24} = 1", ""), 1, format!("unknown field `{:a<24}`; {FIELDS}", "")),
        (format!("{:a<25} = 1", ""), 1, format!("unknown field; {FIELDS}")),
        ("'a b' = 1".to_owned(), 1, format!("unknown field; {FIELDS}")),
        ("\"a\\nb\" = 1".to_owned(), 1, format!("unknown field; {FIELDS}")),
        ("'a-b_1' = 1".to_owned(), 1, format!("unknown field `a-b_1`; {FIELDS}")),
        (
            "exclude = 'a'".to_owned(),
            1,
            "`exclude` is of the type string; write an array of strings".to_owned(),
        ),
        (
            "\n[exclude]\na = 1".to_owned(),
            2,
            "`exclude` is of the type table; write an array of strings".to_owned(),
        ),
        (
            "exclude = [\n 'a',\n 3,\n]".to_owned(),
            3,
            "`exclude` has an element of the type integer; write an array of strings".to_owned(),
        ),
        (
            format!("\nexclude = [{}]", "'a',".repeat(1001)),
            2,
            "`exclude` has too many patterns: at most 1000".to_owned(),
        ),
        (
            format!("exclude = [\n 'a',\n 'a{{{secret}',\n]"),
            3,
            "`exclude` has an element that is not a pattern; write it as a line of .gitignore".to_owned(),
        ),
        (
            "exclude = []\nbaseline = true".to_owned(),
            2,
            "`baseline` is of the type boolean; write a string".to_owned(),
        ),
        ("decode = 1".to_owned(), 1, "`decode` is of the type integer; write true or false".to_owned()),
        (
            "\narchives = 'no'".to_owned(),
            2,
            "`archives` is of the type string; write true or false".to_owned(),
        ),
        (
            "exclude = []\n\nexclude = []".to_owned(),
            3,
            "the field `exclude` is set twice; merge the two".to_owned(),
        ),
        (
            "exclude = []\n\"exclude\" = []".to_owned(),
            2,
            "the field `exclude` is set twice; merge the two".to_owned(),
        ),
    ];
    for (settings, line, message) in cases {
        let tree = tree(&key, &settings);
        fails(tree.path(), &[], &format!(".ctx-key.toml:{line}: {message}"));
        let named = tree.path().join(".ctx-key.toml");
        fails(
            Path::new("/"),
            &["--config", named.to_str().unwrap(), "dev/null"],
            &format!("{}:{line}: {message}", named.display()),
        );
    }
    for settings in [&b"exclude = [\n'\xff'\n]"[..], b"\n\xff\xfee\0", b"\n\xc3("] {
        let tree = tree(&key, settings);
        fails(tree.path(), &[], ".ctx-key.toml:2: this is not UTF-8; save the file as UTF-8");
    }
    for settings in [
        format!("exclude = []\n{secret}"),
        format!("\nbaseline = '{secret}\n"),
        "\nexclude = [".to_owned(),
        // This error extends over two lines.
        format!("\n\"\"\"exclude\n{secret}\"\"\" = []"),
    ] {
        let tree = tree(&key, &settings);
        let run = run_in(tree.path(), &["scan"]).exits(2).hides(&key);
        assert!(run.stderr.starts_with("ctx-key: .ctx-key.toml:2: this is not TOML: "), "{run:?}");
        assert_eq!(run.stdout, "");
        scan(tree.path(), &["--no-config"], &["a/leak", "b/leak", "leak"]);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    let key = ApiKey::generate();
    let tree = tree(&key, "baseline = '.'\n");
    let top = tree.path();
    fails(
        top,
        &[],
        ".ctx-key.toml:1: `baseline` names no file; correct it, or write one with `ctx-key scan --no-config --format json --output FILE`",
    );
    write(top, ".ctx-key.toml", "\nbaseline = 'gone.json'\n");
    fails(
        top,
        &[],
        ".ctx-key.toml:2: `baseline` names no file; correct it, or write one with `ctx-key scan --no-config --format json --output FILE`",
    );
    write(top, "gone.json", "{}");
    fails(top, &[], "gone.json is not a baseline; write one with `ctx-key scan --format json --output FILE`");
    fails(
        top,
        &["--config", "none.toml"],
        "can't read the settings none.toml: No such file or directory (os error 2); correct the file or its name",
    );
    write(top, ".ctx-key.toml", vec![b'#'; (1 << 20) + 1]);
    fails(top, &[], "can't read the settings .ctx-key.toml: file too large; correct the file or its name");
    write(top, ".ctx-key.toml", vec![b'#'; 1 << 20]);
    scan(top, &[], &["a/leak", "b/leak", "leak"]);
    write(top, ".ctx-key.toml", format!("exclude = [{}]", "'none',".repeat(1000)));
    scan(top, &[], &["a/leak", "b/leak", "leak"]);
    fs::remove_file(top.join(".ctx-key.toml")).unwrap();
    let not_a_file = ".ctx-key.toml is not a file; remove it, or give `--no-config`";
    fs::create_dir(top.join(".ctx-key.toml")).unwrap();
    fails(top, &[], not_a_file);
    fs::remove_dir(top.join(".ctx-key.toml")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(top.join(".ctx-key.toml")).status().unwrap();
    assert!(made.success());
    fails(top, &[], not_a_file);
}

#[test]
fn standard_input_has_no_root() {
    let key = ApiKey::generate();
    let tree = tree(&key, "nonsense");
    let scan = |options: &[&str]| {
        let mut command = common::command(&[&["scan"], options].concat());
        common::finish(command.current_dir(tree.path()), key.expose_secret().as_bytes())
    };
    assert_eq!(scan(&["-"]).exits(1).stdout, format!("stdin:1:1: {}\n", masked(&key)));
    scan(&["-", "--config", ".ctx-key.toml"]).exits(2);
    scan(&[]).exits(2);
}
