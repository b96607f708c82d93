//! The file `.ctx-key.toml`: settings of a repository or a folder. Options override them.
//!
//! The author of the searched tree may have written this file. So a note names it, and no message repeats a value.

use std::collections::{BTreeSet, HashMap};
use std::env;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::cli::ScanOptions;
use crate::output;
use crate::scan::exclude::Exclude;
use crate::scan::root::Root;

const NAME: &str = ".ctx-key.toml";
const FIELDS: &str = "the fields are `exclude`, `baseline`, `decode` and `archives`";
const NO_BASELINE: &str = "`baseline` names no file; correct it, or write one with `ctx-key scan --no-config --format json \
                           --output FILE`";
/// Maximum size of a file in bytes.
const MAX_SIZE: u64 = 1 << 20;
/// Maximum number of patterns in a file. Each pattern is compiled.
const MAX_PATTERNS: usize = 1000;
/// Maximum length of an unknown field that a message repeats. A longer one may be a part of a key.
const MAX_FIELD: usize = 24;

/// The settings in a file.
#[derive(Default)]
struct Config {
    exclude: Vec<String>,
    baseline: Option<PathBuf>,
    no_decode: bool,
    no_archives: bool,
    /// A note about a file that was found, and that no option names.
    note: Option<String>,
}

/// The offset of an error in the file, and its message.
type Fault = (usize, String);

/// Reads the file that is named, or else that of the root that is searched, and sets the options that were not given.
/// Returns what is excluded, and a note about the file.
pub(crate) fn apply(options: &mut ScanOptions) -> Result<(Exclude, Option<String>), String> {
    let current = [PathBuf::from(".")];
    let paths = if options.paths.is_empty() { &current } else { &options.paths[..] };
    let named = paths.iter().filter(|path| *path != Path::new("-"));
    // Paths are matched as they are shown, without `./`.
    let located = |path: &PathBuf| Some((path.strip_prefix(".").unwrap_or(path).to_owned(), Root::of(path)?));
    let mut roots: HashMap<_, _> = named.filter_map(located).collect();
    let config = match &options.config {
        _ if options.no_config => Config::default(),
        Some(file) => read(file, options)?,
        None => find(&roots, options)?,
    };
    // git lists some paths relative to the current directory, however they were named.
    roots.extend(located(&current[0]));
    options.baseline = options.baseline.take().or(config.baseline);
    options.no_decode |= config.no_decode;
    options.no_archives |= config.no_archives;
    let exclude = match options.exclude.is_empty() {
        true => Exclude::with_roots(roots, &config.exclude)?,
        false => Exclude::new(&options.exclude)?,
    };
    Ok((exclude, config.note))
}

/// Reads the file of the root. If paths lie in several roots and one of these has the file, that is an error.
fn find(roots: &HashMap<PathBuf, Root>, options: &ScanOptions) -> Result<Config, String> {
    let folders: BTreeSet<_> = roots.values().map(|root| &root.folder).collect();
    let mut files = folders.iter().map(|folder| folder.join(NAME)).filter(|file| file.exists());
    let Some(file) = files.next() else { return Ok(Config::default()) };
    // Messages show the path relative to the current directory if they can.
    let current = env::current_dir().unwrap_or_default();
    let file = file.strip_prefix(current).unwrap_or(&file);
    if folders.len() > 1 {
        return Err(format!(
            "the paths lie in several folders or repositories, and {} is for one of them; name it with `--config`, or \
             give `--no-config`",
            output::shown(file)
        ));
    }
    // A pipe might never end.
    if !file.is_file() {
        return Err(format!("{} is not a file; remove it, or give `--no-config`", output::shown(file)));
    }
    let mut config = read(file, options)?;
    let used = [
        ("`exclude`", !config.exclude.is_empty() && options.exclude.is_empty()),
        ("`baseline`", config.baseline.is_some() && options.baseline.is_none()),
        ("`decode`", config.no_decode && !options.no_decode),
        ("`archives`", config.no_archives && !options.no_archives),
    ];
    let fields: Vec<_> = used.iter().filter(|(_, is_used)| *is_used).map(|(name, _)| *name).collect();
    if !fields.is_empty() {
        let (file, fields) = (output::shown(file), fields.join(", "));
        config.note = Some(format!("{file} sets {fields}; `--no-config` passes over it"));
    }
    Ok(config)
}

fn read(file: &Path, options: &ScanOptions) -> Result<Config, String> {
    let text = read_bytes(file).map_err(|error| {
        format!("can't read the settings {}: {error}; correct the file or its name", output::shown(file))
    })?;
    let parsed = match str::from_utf8(&text) {
        Ok(text) => parse(text, file, options),
        Err(error) => Err((error.valid_up_to(), "this is not UTF-8; save the file as UTF-8".to_owned())),
    };
    parsed.map_err(|(at, message)| {
        let line = 1 + memchr::memchr_iter(b'\n', text.get(..at).unwrap_or(&text)).count();
        format!("{}:{line}: {message}", output::shown(file))
    })
}

fn read_bytes(file: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(file)?.take(MAX_SIZE + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_SIZE { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(text) }
}

fn parse(text: &str, file: &Path, options: &ScanOptions) -> Result<Config, Fault> {
    let table = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        let found = text.get(span.clone()).unwrap_or_default();
        let message = match error.message() {
            "duplicate key" => {
                format!("the field{} is set twice; merge the two", field(found).unwrap_or_default())
            }
            message => format!("this is not TOML: {message}"),
        };
        (span.start, message)
    })?;
    let (mut config, mut baseline_at) = (Config::default(), 0);
    for (name, value) in table.get_ref() {
        let wrong_type = |expected| {
            let found = value.get_ref().type_str();
            (name.span().start, format!("`{}` is of the type {found}; write {expected}", name.get_ref()))
        };
        let to_bool = || value.get_ref().as_bool().ok_or_else(|| wrong_type("true or false"));
        match &**name.get_ref() {
            "exclude" => {
                let patterns = value.get_ref().as_array().ok_or_else(|| wrong_type("an array of strings"))?;
                if patterns.len() > MAX_PATTERNS {
                    let message = format!("`exclude` has too many patterns: at most {MAX_PATTERNS}");
                    return Err((name.span().start, message));
                }
                config.exclude = patterns.iter().map(to_pattern).collect::<Result<_, _>>()?;
            }
            "baseline" => {
                let path = value.get_ref().as_str().ok_or_else(|| wrong_type("a string"))?;
                config.baseline = Some(file.with_file_name(path));
                baseline_at = name.span().start;
            }
            "decode" => config.no_decode = !to_bool()?,
            "archives" => config.no_archives = !to_bool()?,
            unknown => {
                let unknown = field(unknown).unwrap_or_default();
                return Err((name.span().start, format!("unknown field{unknown}; {FIELDS}")));
            }
        }
    }
    // A pipe might never end.
    let is_used = options.baseline.is_none();
    if config.baseline.as_ref().is_some_and(|path| is_used && !path.is_file()) {
        return Err((baseline_at, NO_BASELINE.to_owned()));
    }
    Ok(config)
}

fn to_pattern(value: &Spanned<DeValue<'_>>) -> Result<String, Fault> {
    let start = value.span().start;
    let found = value.get_ref().type_str();
    let pattern = value.get_ref().as_str().ok_or_else(|| {
        (start, format!("`exclude` has an element of the type {found}; write an array of strings"))
    })?;
    let patterns = [pattern.to_owned()];
    Exclude::new(&patterns).map_err(|_| {
        (start, "`exclude` has an element that is not a pattern; write it as a line of .gitignore".to_owned())
    })?;
    let [pattern] = patterns;
    Ok(pattern)
}

/// Returns the name of a field for a message, unless it may be a part of a key.
fn field(name: &str) -> Option<String> {
    let name = name.trim_matches(['"', '\'']);
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (name.len() <= MAX_FIELD && name.bytes().all(is_name)).then(|| format!(" `{name}`"))
}
