use anyhow::{Result, bail};
use xshell::Shell;

pub fn run(_: &Shell) -> Result<()> {
    bail!("not moved")
}
pub fn many(_: &Shell, _: &[String]) -> Result<String> {
    bail!("not moved")
}
