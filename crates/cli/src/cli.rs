//! The command line. The doc comments of its types are the help texts and the man pages.

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
    /// Input is copied as it arrives, except that up to 33 bytes are held back while they may be the start of a key.
    /// After each `ctx_` with 30 or more letters and digits, the id stays and `***` replaces the rest. All other
    /// bytes stay as they are. A key in UTF-16 is not recognised: convert the text first.
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
    /// Print the man page of ctx-key, or of the command that is named
    Man {
        command: Option<String>,
    },
}

/// Make a new key
///
/// The key is written to standard output, once. The record that a server stores is written to standard error, or to
/// the file that --record names, as a line of JSON: id, digest, scopes, and the project if one is given. The record
/// holds no secret.
#[derive(Args)]
pub(crate) struct NewOptions {
    /// What the key may do: names of scopes, separated by commas or spaces, for example `memories:read,chats:write`
    #[arg(long, value_name = "LIST")]
    pub(crate) scopes: String,
    /// Name of the project, for the record
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,
    /// Format of the key
    #[arg(long, value_enum, default_value_t = KeyFormat::Text)]
    pub(crate) format: KeyFormat,
    /// Write the record to this new file, which only its owner may read; an existing file is never overwritten
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

/// Explain what is wrong with a key, and where
///
/// Without an argument, the key is read from the environment variable MEMORYKIT_API_KEY. Quotes, white space and
/// `Bearer` around the key are ignored. A text that is not a key is never printed, not even in part. Exit codes: 0
/// the key is well-formed, 1 the text is not a key, 2 no text could be read.
#[derive(Args)]
pub(crate) struct InspectOptions {
    /// The key, or `-` for standard input. Other users see arguments in the list of processes, and the shell's
    /// history keeps them: prefer standard input
    #[arg(allow_hyphen_values = true)]
    pub(crate) key: Option<String>,
}

/// Find leaked keys in files, standard input or a git repository
///
/// Only a text with the right checksum is a find: one in 4.6 billion random texts of the right shape has it. The
/// command searches the names of files, and the contents in every encoding that contains ASCII, in UTF-16 and UTF-32,
/// and of binary files. It decodes base64, hexadecimal digits, percent-encoding, quoted-printable, and the escapes of
/// JSON, JavaScript, HTML and Markdown, nested up to three deep. It opens gzip, zip (jar, docx, whl, apk) and tar,
/// nested up to two deep. Hidden files are searched, as keys leak in `.env`; `.git` is not. Symbolic links are not
/// followed, and a note names those that lead outside. All files that git tracks are searched. Of the others,
/// directories that an ignore rule of git excludes as a whole are skipped and counted.
///
/// A find is written as `path:line:column` and the id of the key, never the key. Line and column count from 1;
/// columns are bytes, or code units in UTF-16. A key with the comment `ctx-key:allow` on the same line is not a find.
///
/// Exit codes: 0 no key was found, 1 keys were found, 2 nothing was searched or something could not be searched
/// (whatever was found elsewhere), 3 keys were found, but only in files that git ignores and does not track.
#[derive(Args)]
pub(crate) struct ScanOptions {
    /// Files and directories, or `-` for standard input. The default is standard input if something is piped or
    /// redirected to it, or else the current directory. With --history: the repository. With --staged: the
    /// repository, or files in it
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Format of the report
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub(crate) format: ReportFormat,
    /// Write the report to this file in place of standard output, once the report is complete
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Search what is staged for the next git commit, in place of files. Of files that are named, the version in the
    /// index is searched, changed or not
    #[arg(long, conflicts_with_all = ["history", "no_ignore", "range", "since", "shallow_ok"])]
    pub(crate) staged: bool,
    /// Search all objects of a git repository, even those that no ref reaches, and the names of files and refs
    #[arg(long, conflicts_with = "no_ignore")]
    pub(crate) history: bool,
    /// With --history: search only what these commits added or changed, `A..B` or any other range of revisions. A
    /// name of zeros stands for no commit, as in the input of hooks
    #[arg(long, value_name = "A..B", requires = "history", allow_hyphen_values = false)]
    pub(crate) range: Option<String>,
    /// With --history: search only what commits since this day added or changed: `2026-11-01`, `2 weeks`
    #[arg(long, value_name = "DATE", requires = "history")]
    pub(crate) since: Option<String>,
    /// With --history: accept a shallow clone, and search the commits that it has
    #[arg(long, requires = "history")]
    pub(crate) shallow_ok: bool,
    /// With --history or --staged: read objects that the repository borrows from folders outside it
    #[arg(long)]
    pub(crate) alternates: bool,
    /// Do not report the keys whose ids are in this earlier report, wherever they are. `ctx-key scan --format json
    /// --output FILE` writes one
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Read settings from this file, in place of `.ctx-key.toml` in the root of what is searched: the top of the git
    /// worktree, or else the directory. Options override settings
    #[arg(long, value_name = "FILE", conflicts_with = "no_config")]
    pub(crate) config: Option<PathBuf>,
    /// Ignore `.ctx-key.toml`
    #[arg(long)]
    pub(crate) no_config: bool,
    /// Skip files and directories that this pattern matches, written as a line of .gitignore. May be repeated
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
    /// List what was skipped and excluded, and count what was searched
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// One line for each find: `path:line:column: ctx_<id>***`
    Text,
    /// One document, with the arrays `findings` and `errors`
    Json,
    /// SARIF 2.1.0, for code scanning services
    Sarif,
}
