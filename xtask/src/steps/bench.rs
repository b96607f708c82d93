use anyhow::{Result, bail};
use xshell::Shell;

#[derive(Debug, clap::Args)]
pub struct Arguments {}

pub fn run(_: &Shell, _: &Arguments) -> Result<()> {
    bail!("not moved")
}
pub fn scale(_: &Shell, _: &[String]) -> Result<String> {
    bail!("not moved")
}
