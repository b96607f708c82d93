use anyhow::{Result, bail};
use xshell::Shell;

pub fn run(_: &Shell, _: &[String]) -> Result<String> {
    bail!("not moved")
}
