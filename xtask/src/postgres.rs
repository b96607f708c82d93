use anyhow::{Result, bail};
use xshell::Shell;

#[derive(Debug, clap::Args)]
pub struct Arguments {}

pub struct Server;
pub fn run(_: &Shell, _: &Arguments) -> Result<()> {
    bail!("not moved")
}
pub fn with<T>(_: &Shell, _: impl FnOnce(&Server) -> Result<T>) -> Result<T> {
    bail!("not moved")
}
