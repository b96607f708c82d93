//! The operator's commands, which can run while a server runs: [`run_command`].

use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::Path;

use crate::backup::back_up;
use crate::clock::Clock;
use crate::config::{AccountCommand, Command, Config};
use crate::server::{invite, open_existing, open_unprepared};
use crate::store::account::{self, Account, NewAccount};
use crate::store::email::Email;
use crate::store::migration::{STEPS, migrate};
use crate::store::name::Name;
use crate::store::new_password::NewPassword;
use crate::store::{import, password_change, setting};

/// Maximum number of bytes that are read for a password. A longer password is refused.
const MAX_LINE: u64 = 64 * 1024;

/// Runs a command, and returns the text to print.
///
/// # Errors
///
/// - The data folder has no database, unless the command is `migrate`.
/// - An argument, the password or the file is not valid.
/// - The database fails.
pub async fn run_command(config: &Config, command: &Command) -> Result<String, Box<dyn Error>> {
    match command {
        Command::Account { command: AccountCommand::Add { email, company } } => {
            add_account(config, email, company).await
        }
        Command::Account { command: AccountCommand::ResetPassword { email } } => {
            reset_password(config, email).await
        }
        Command::Invite => print_invitation(config).await,
        Command::Migrate => Ok(migrate(&open_unprepared(config)?, STEPS).await.map(|()| String::new())?),
        Command::Backup { file } => Ok(back_up(config, file).await.map(|()| String::new())?),
        Command::Import { file } => import_keys(config, file).await,
    }
}

async fn add_account(config: &Config, email: &str, company: &str) -> Result<String, Box<dyn Error>> {
    let database = open_existing(config).await?;
    let email = parse_email(email)?;
    let company = Name::parse(company).map_err(|error| format!("--company: {error}"))?;
    let password = NewPassword::new(&read_password()?, &email, Some(&company))?;
    let new = NewAccount { email, password, company };
    let Account { email, company, .. } = account::add(&database, new, Clock::System.now()).await?;
    Ok(format!("made the account {email} of the company {} ({})\n", company.name, company.id))
}

async fn reset_password(config: &Config, email: &str) -> Result<String, Box<dyn Error>> {
    let database = open_existing(config).await?;
    let email = parse_email(email)?;
    let found = account::of_email(&mut database.acquire().await?, &email).await?;
    let account = found.ok_or_else(|| {
        format!(
            "there is no account with the email address {email}: check it, or make one with `account add`"
        )
    })?;
    let password = NewPassword::new(&read_password()?, &account.email, Some(&account.company.name))?;
    password_change::reset(&database, &account, password, Clock::System.now()).await?;
    Ok(format!(
        "reset the password of {email}, and ended its sessions, access tokens and refresh tokens; its API keys and the \
         tokens of its programs stay valid\n"
    ))
}

fn parse_email(text: &str) -> Result<Email, Box<dyn Error>> {
    let email = Some(Email::new(text)).filter(Email::is_plausible);
    email.ok_or_else(|| "--email: not an email address: send one such as ada@example.com".into())
}

/// Reads a line from standard input. At a terminal, the typed line is not shown. A password is never an argument,
/// because every user of the machine can read arguments.
fn read_password() -> Result<String, Box<dyn Error>> {
    if io::stdin().is_terminal() {
        let typed = rpassword::prompt_password("Password: ");
        return typed.map_err(|error| {
            format!("the password can't be read from the terminal: {}", error.kind()).into()
        });
    }
    let mut line = String::new();
    let read = io::stdin().lock().take(MAX_LINE).read_line(&mut line);
    read.map_err(|error| format!("the password can't be read from standard input: {}", error.kind()))?;
    if line.is_empty() {
        return Err("there is no password on standard input: write it there as one line".into());
    }
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

async fn print_invitation(config: &Config) -> Result<String, Box<dyn Error>> {
    let database = open_existing(config).await?;
    let running = setting::public_url(&mut database.acquire().await?).await?;
    let url = config.public_url.clone().or(running).unwrap_or_else(|| format!("http://{}", config.listen));
    let link = invite(&database, url.trim_end_matches('/'), Clock::System.now()).await?;
    Ok(format!("{link}\n"))
}

async fn import_keys(config: &Config, file: &Path) -> Result<String, Box<dyn Error>> {
    let opened = File::open(file);
    let lines = opened.map_err(|error| format!("can't read {}: {}", file.display(), error.kind()))?;
    let keys =
        import::import(&open_existing(config).await?, BufReader::new(lines), Clock::System.now()).await?;
    Ok(format!("imported {keys} keys\n"))
}
