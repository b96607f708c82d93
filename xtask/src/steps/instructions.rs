use anyhow::{Result, bail};
use xshell::Shell;

#[derive(Debug, clap::Args)]
pub struct Arguments {}

pub fn run(_: &Shell, _: &Arguments) -> Result<()> {
    bail!("not moved")
}
pub fn check(_: &Shell) -> Result<()> {
    bail!("not moved")
}
