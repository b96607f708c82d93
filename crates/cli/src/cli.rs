//! What there is to type. The doc comments are the help text and the man pages.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Make, examine, find and hide MemoryKit API keys.
#[derive(Parser)]
#[command(name = "ctx-key", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    New(NewOptions),
    Inspect(InspectOptions),
    Scan(Box<ScanOptions>),
    /// Copy standard input to standard output, with keys hidden
    ///
    /// Streams: each piece of input is passed on at once, but for the 33 bytes or fewer that may be the beginning of
    /// a key. Of each `ctx_` with 30 or more letters and digits behind it, the id stays and `***` stands for the rest.
    /// All other bytes stay as they are. A key in UTF-16 is not recognised: convert the text first.
    Redact,
    /// Print the rule that finds MemoryKit API keys with another scanner
    Rules {
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(crate::rules::tools()))]
        tool: String,
    },
    /// Print the completion script for a shell
    Completions {
        shell: clap_complete::Shell,
    },
    /// Print the man page, of one command if it is named
    Man {
        command: Option<String>,
    },
}

/// Make a new key
///
/// The key goes to standard output, once. The record that a server stores goes to standard error, or to the file that
/// --record names, as a line of JSON: id, digest, scopes, and the project if there is one. The record holds no secret.
#[derive(Args)]
pub(crate) struct NewOptions {
    /// What the key may do: names of scopes between commas or spaces, for example `memories:read,chats:write`
    #[arg(long, value_name = "LIST")]
    pub(crate) scopes: String,
    /// A name that goes into the record
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,
    /// How the key is written
    #[arg(long, value_enum, default_value_t = KeyFormat::Text)]
    pub(crate) format: KeyFormat,
    /// Write the record to this new file, readable by its owner alone; an existing file is never overwritten
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum KeyFormat {
    /// The key and a line feed
    Text,
    /// `{"key":"…"}`
    Json,
    /// `MEMORYKIT_API_KEY=…`, a line for a `.env` file
    Env,
}

/// Say what is wrong with a key, and where
///
/// Without an argument, the key is read from the environment variable MEMORYKIT_API_KEY. Quotes, white space and
/// `Bearer` around it are passed over. Nothing of a text that is no key is repeated. Exit codes: 0 it is well-formed,
/// 1 it is no key, 2 it could not be read.
#[derive(Args)]
pub(crate) struct InspectOptions {
    /// The key, or `-` for standard input. Other users see arguments in the list of processes, and the shell's history
    /// keeps them: prefer standard input
    #[arg(allow_hyphen_values = true)]
    pub(crate) key: Option<String>,
}

/// Find leaked keys in files, standard input or a git repository
///
/// Only a text with the right checksum is a find: of random text of the right shape, one in 4.6 billion passes. Text of
/// every encoding that contains ASCII, UTF-16 and UTF-32, and binary files are searched, and the names of files. Base64,
/// hexadecimal digits, percent-encoding, quoted-printable, and the escapes of JSON, JavaScript, HTML and Markdown are
/// decoded, three in each other. gzip, zip (jar, docx, whl, apk) and tar are opened, two in each other. Hidden files are searched (`.env` is where keys leak), `.git` is not.
/// Symbolic links are not followed, and those that lead outside are named. All files that git tracks are searched. Of the
/// others, directories that an ignore rule of git excludes as a whole are skipped and counted.
///
/// A find is written as `path:line:column` and the id of the key, never the key. Line and column count from 1; columns
/// are bytes, or code units in UTF-16. A key with the comment `ctx-key:allow` on its line is not a find.
///
/// Exit codes: 0 clean, 1 keys were found, 2 something could not be searched (whatever was found elsewhere) or nothing
/// was, 3 keys were found only in files that git ignores and does not track.
#[derive(Args)]
pub(crate) struct ScanOptions {
    /// Files and directories, `-` for standard input; by default standard input if something is piped or redirected
    /// there, else the current directory. With --history: the repository. With --staged: the repository, or files in it
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// How finds are written
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub(crate) format: ReportFormat,
    /// Write the report to this file, once it is complete, in place of standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Search what is staged for the next git commit, in place of files. Files that are named are searched as the index
    /// has them, changed or not
    #[arg(long, conflicts_with_all = ["history", "no_ignore", "range", "since", "shallow_ok"])]
    pub(crate) staged: bool,
    /// Search all objects of a git repository, those that no ref reaches too, and the names of files and refs
    #[arg(long, conflicts_with = "no_ignore")]
    pub(crate) history: bool,
    /// With --history: search only what these commits brought, `A..B` or any other range of revisions. A name of zeros
    /// means that there is no commit on that side, as in the input of hooks
    #[arg(long, value_name = "A..B", requires = "history", allow_hyphen_values = false)]
    pub(crate) range: Option<String>,
    /// With --history: search only what commits since this day brought, for example `2026-11-01` or `2 weeks`
    #[arg(long, value_name = "DATE", requires = "history")]
    pub(crate) since: Option<String>,
    /// With --history: search a shallow clone as far as it goes
    #[arg(long, requires = "history")]
    pub(crate) shallow_ok: bool,
    /// With --history or --staged: read objects that the repository borrows from folders outside it
    #[arg(long)]
    pub(crate) alternates: bool,
    /// Pass over the keys that this report lists by their id, wherever they are. To write one: `ctx-key scan --format
    /// json --output FILE`
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Read settings from this file, in place of `.ctx-key.toml` in the root of what is searched: the top of the git
    /// worktree, or else the directory. Options win over settings
    #[arg(long, value_name = "FILE", conflicts_with = "no_config")]
    pub(crate) config: Option<PathBuf>,
    /// Pass over `.ctx-key.toml`
    #[arg(long)]
    pub(crate) no_config: bool,
    /// Pass over files and directories that this pattern matches, in the form of a line in .gitignore. May be repeated
    #[arg(long, value_name = "PATTERN")]
    pub(crate) exclude: Vec<String>,
    /// Do not look for keys in base64, hexadecimal digits, escapes and UTF-32, which makes the search faster
    #[arg(long)]
    pub(crate) no_decode: bool,
    /// Do not look into archives (gzip, zip, tar)
    #[arg(long)]
    pub(crate) no_archives: bool,
    /// Search directories that git ignores, too
    #[arg(long)]
    pub(crate) no_ignore: bool,
    /// Exit code if keys were found, in place of 1 and 3
    #[arg(long, value_name = "N")]
    pub(crate) exit_code: Option<u8>,
    /// Number of threads, at most 64; 0 means one for each core
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) threads: usize,
    /// Name what was skipped and excluded, and count what was searched
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// A line each: `path:line:column: ctx_<id>***`
    Text,
    /// One document, with the arrays `findings` and `errors`
    Json,
    /// SARIF 2.1.0, for code scanning services
    Sarif,
}
