//! The commits and other objects that `--range` and `--since` select.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::cli::ScanOptions;
use crate::name;
use crate::scan::changes;
use crate::scan::git::Git;
use crate::scan::object::ObjectId;
use crate::scan::repository::Repository;

/// The objects that the options select.
#[derive(Default)]
pub(crate) struct Selected {
    /// The commits, the oldest first.
    pub(crate) commits: Vec<ObjectId>,
    /// The annotated tags that the end of the range names. If it leads to a tree or a blob and not to a commit, also all
    /// objects in that. While a hook decides about a push, no ref names these objects.
    pub(crate) others: Vec<ObjectId>,
}

/// Returns the selected objects, or nothing if neither option is given.
pub(crate) fn selected(repository: &Repository, options: &ScanOptions) -> Result<Option<Selected>, String> {
    let since = options.since.as_deref().map(|date| parse_date(&repository.git, date)).transpose()?;
    let mut arguments: Vec<_> =
        since.into_iter().map(|time| format!("--since-as-filter=@{time} +0000")).collect();
    match &options.range {
        None if arguments.is_empty() => return Ok(None),
        None => arguments.extend(["--all", "--reflog"].map(str::to_owned)),
        Some(range) => match range_arguments(repository, range) {
            None => return Ok(Some(Selected::default())),
            Some(range) => arguments.extend(range),
        },
    }
    let commits = changes::list_commits(&repository.git, &as_strs(&arguments), &[]);
    let commits = commits.map_err(|_| match &options.range {
        Some(range) => cannot_list("commits", range),
        None => "git can't list all commits; run `git fsck` to find out why".to_owned(),
    })?;
    let others = match &options.range {
        Some(range) => list_others(repository, range)?,
        None => Vec::new(),
    };
    Ok(Some(Selected { commits, others }))
}

fn cannot_list(objects: &str, range: &str) -> String {
    let range = name::to_text(range.as_bytes());
    format!("git can't list the {objects} of the range {range}; correct it, or fetch its commits")
}

fn as_strs(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// Lists [`Selected::others`].
fn list_others(repository: &Repository, range: &str) -> Result<Vec<ObjectId>, String> {
    let (_, to) = split(range).unwrap_or(("", range));
    let parse = |name: &str| {
        let output = repository.git.run(&["rev-parse", "-q", "--verify", "--end-of-options", name])?;
        Ok::<_, String>(ObjectId::parse(output.stdout.trim_ascii()))
    };
    // A range such as `A...B` has no single end.
    let (Some(end), Some(mut arguments)) = (parse(to)?, range_arguments(repository, range)) else {
        return Ok(Vec::new());
    };
    let commit = parse(&format!("{end}^{{commit}}"))?;
    if commit == Some(end) {
        return Ok(Vec::new());
    }
    if let Some(commit) = commit {
        // This leaves out the trees and blobs of the commit.
        arguments.insert(arguments.len() - 1, format!("^{commit}"));
    }
    let list = ["rev-list", "--objects", "--no-object-names"].into_iter().chain(as_strs(&arguments));
    let list = repository.git.output(&list.collect::<Vec<_>>()).map_err(|_| cannot_list("objects", range))?;
    Ok(changes::read_ids(&*list))
}

/// Splits `A..B`, in which each part may be empty.
fn split(range: &str) -> Option<(&str, &str)> {
    let (from, to) = range.split_once("..").filter(|(_, to)| !to.starts_with('.'))?;
    // As for git, a missing end is HEAD.
    Some((from, if to.is_empty() { "HEAD" } else { to }))
}

/// Returns the arguments of `git rev-list` for a range, or nothing if its end is a name of zeros.
fn range_arguments(repository: &Repository, range: &str) -> Option<Vec<String>> {
    let end = ["--end-of-options".to_owned(), range.to_owned(), "--".to_owned()];
    let Some((from, to)) = split(range) else { return Some(end.into()) };
    match (is_zero(from), is_zero(to)) {
        (_, true) => None,
        // No ref reaches the commits of a push that is not accepted yet, and commits that a ref reaches are old.
        (true, _) if repository.has_quarantine() => {
            Some(["--not", "--all", "--not", "--end-of-options", to, "--"].map(str::to_owned).into())
        }
        (true, _) => Some(["--end-of-options", to, "--"].map(str::to_owned).into()),
        _ => Some(end.into()),
    }
}

/// Returns whether this is the name of zeros, which stands for no commit in the input of hooks.
fn is_zero(name: &str) -> bool {
    name.len() >= 40 && name.bytes().all(|byte| byte == b'0')
}

/// Returns the time of a date or a period in seconds since 1970. git would accept any text, and read one that it does not
/// understand as the present time. No commit is older than 1970, and git would read such a time as one in the future.
fn parse_date(git: &Git, text: &str) -> Result<u64, String> {
    let text = text.trim();
    let length = shortest_period(text);
    if !is_day(text) && length.is_none() {
        return Err(
            "--since is not a date; write it as 2026-11-01, 2026-11-01T12:00:00Z or \"2 weeks\"".to_owned()
        );
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    if length.is_some_and(|length| length >= now) {
        return Ok(0);
    }
    // For a day without a time, git would use the present time of day.
    let midnight = if is_day(text) && text.len() == 10 { "T00:00:00" } else { "" };
    let limit = git.output(&["rev-parse", &format!("--since={text}{midnight}")])?;
    let limit = String::from_utf8_lossy(&limit);
    let time = limit.trim_ascii().strip_prefix("--max-age=").and_then(|time| time.parse::<u64>().ok());
    let time = time.ok_or("git can't read the date of --since; write it in another way")?;
    Ok(if i64::try_from(time).is_ok() { time } else { 0 })
}

/// Returns whether this is `YYYY-MM-DD`, which a time may follow: `THH:MM` or `THH:MM:SS`, and perhaps `Z`.
fn is_day(text: &str) -> bool {
    let (day, time) = text.split_once(['T', ' ']).map_or((text, None), |(day, time)| (day, Some(time)));
    let parts: Vec<_> = day.split('-').map(|part| (part.len(), number(part))).collect();
    let is_date = matches!(parts[..], [(4, Some(1970..)), (2, Some(1..=12)), (2, Some(1..=31))]);
    let is_time = |time: &str| {
        let time = time.strip_suffix('Z').unwrap_or(time);
        let parts: Vec<_> = time.split(':').map(|part| (part.len(), number(part))).collect();
        matches!(
            parts[..],
            [(2, Some(0..=23)), (2, Some(0..=59))]
                | [(2, Some(0..=23)), (2, Some(0..=59)), (2, Some(0..=60))]
        )
    };
    is_date && time.is_none_or(is_time)
}

/// Returns the least number of seconds of a period such as `2 weeks`, `1.day` or `3 months ago`, or nothing if the text
/// is not such a period.
fn shortest_period(text: &str) -> Option<u64> {
    let text = match text.strip_suffix("ago") {
        Some(rest) if !rest.ends_with([' ', '.']) => return None,
        rest => rest.unwrap_or(text).trim_end_matches([' ', '.']),
    };
    // git ignores a number of three or more digits that begins with a zero.
    let (count, unit) =
        text.split_once([' ', '.']).filter(|(count, _)| count.len() < 3 || !count.starts_with('0'))?;
    let seconds = match unit.strip_suffix('s').unwrap_or(unit) {
        "second" => 1,
        "minute" => 60,
        "hour" => 3600,
        "day" => 86_400,
        "week" => 7 * 86_400,
        "month" => 28 * 86_400,
        "year" => 365 * 86_400,
        _ => return None,
    };
    Some(u64::from(number(count)?) * seconds)
}

fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}
