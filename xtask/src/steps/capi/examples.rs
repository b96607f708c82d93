//! Compiles and runs the examples of crates/capi/README.md.

use anyhow::{Context, Result, ensure};
use xshell::{Cmd, Shell, cmd};

use super::Library;
use crate::tree::Copy;

const KEY: &str = "ctx_8aspm4G7VmSUfOoD6V1vrORcmn0iSHkpEby6vK111f4cz2n9";
const OTHER: &str = "ctx_hNRO46HtK22RXWXHlNkAHVt4fGut2pK3PYaw6kr2092lOxsW";

/// The document that contains the examples.
pub struct Examples {
    readme: String,
}

impl Examples {
    pub fn read(copy: &Copy) -> Result<Self> {
        Ok(Self { readme: copy.read("crates/capi/README.md")? })
    }

    /// Returns the block of code whose first line names the file.
    fn block(&self, file: &str) -> Result<&str> {
        let blocks = self.readme.split("```").skip(1).step_by(2);
        let mut blocks = blocks.filter_map(|block| Some(block.split_once('\n')?.1));
        let is_named =
            |block: &&str| block.lines().next().is_some_and(|line| line.contains(&format!(" {file}:")));
        blocks.find(is_named).with_context(|| format!("README.md has no example {file}"))
    }

    /// Runs the examples in C and Go.
    pub fn run_native(&self, sh: &Shell, library: &Library) -> Result<()> {
        let folder = sh.create_temp_dir()?;
        let flags = library.flags(sh, "shared", None)?;
        let compile = |file: &str| {
            let source = folder.path().join(file);
            sh.write_file(&source, self.block(file)?)?;
            library.compile(sh, &["gcc", "-std=c11"], &source, &flags)
        };
        let program = compile("check.c")?;
        answers(|values| library.program(sh, &program).args(values), "\nWWW-Authenticate: ")?;
        let program = compile("create.c")?;
        let printed = stdout(library.program(sh, &program))?;
        let (key, row) = printed.split_once('\n').context("two lines")?;
        let key = key.strip_prefix("copy it now, it is not shown again: ").context(printed.clone())?;
        let expected = format!("id {}, digest ", key.get(4..16).context("a key")?);
        ensure!(
            row.starts_with(&expected) && row.ends_with("memories:read chats:read users:read"),
            "{printed}"
        );

        sh.write_file(folder.path().join("go.mod"), "module redact\n\ngo 1.19\n")?;
        sh.write_file(folder.path().join("redact.go"), self.block("redact.go")?)?;
        sh.remove_path(folder.path().join("check.c"))?;
        sh.remove_path(folder.path().join("create.c"))?;
        let program = library.build_go(sh, folder.path())?;
        let printed = stdout(library.program(sh, &program).stdin(format!("key={KEY}.")))?;
        ensure!(printed == "key=ctx_8aspm4G7VmSU***.", "{printed}");
        println!("    the examples in C and Go print what they should");
        Ok(())
    }

    /// Runs the example in JavaScript, with the package `wasm` of the current directory.
    pub fn run_in_node(&self, sh: &Shell) -> Result<()> {
        let folder = sh.create_temp_dir()?;
        let package = sh.create_dir(folder.path().join("node_modules/@memorykit"))?.join("key-wasm");
        cmd!(sh, "cp -r wasm {package}").run()?;
        let script = folder.path().join("check.mjs");
        sh.write_file(&script, self.block("check.mjs")?)?;
        answers(|values| cmd!(sh, "node {script}").args(values), "")?;
        println!("    the example in JavaScript prints what it should");
        Ok(())
    }
}

/// Checks the answers of a program whose arguments are headers. `challenge` is the text that it prints before a challenge.
fn answers<'a>(program: impl Fn(&[&str]) -> Cmd<'a>, challenge: &str) -> Result<()> {
    let (valid, other) = (format!("Bearer {KEY}"), format!("Bearer {OTHER}"));
    let invalid = "401 the API key is not valid: it is unknown, revoked or outside its validity period";
    for (values, message, error) in [
        (&[valid.as_str()][..], "200 the API key is valid", None),
        (&[], "401 an API key is required: send it as `Authorization: Bearer <key>`", Some("")),
        (
            &[&valid, &valid],
            "400 the Authorization header is malformed: send one, as `Bearer <key>`",
            Some(", error=\"invalid_request\""),
        ),
        (&[&other], invalid, Some(", error=\"invalid_token\"")),
    ] {
        let printed = stdout(program(values))?;
        let expected = match error {
            Some(error) if !challenge.is_empty() => {
                format!("{message}{challenge}Bearer realm=\"MemoryKit\"{error}")
            }
            _ => message.to_owned(),
        };
        ensure!(printed == expected, "{values:?}: {printed}, and not {expected}");
    }
    Ok(())
}

/// Returns the standard output of a program, whether or not it succeeds.
fn stdout(program: Cmd<'_>) -> Result<String> {
    Ok(program.quiet().ignore_status().ignore_stderr().read()?)
}
