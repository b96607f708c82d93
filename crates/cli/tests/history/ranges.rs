//! Ranges and dates select commits.

use std::time::{SystemTime, UNIX_EPOCH};

use ctx_key::ApiKey;

use crate::common::{command, finish, git, run_in};
use crate::{commit, commit_at, findings, repository, text, write};

#[test]
fn ranges_and_dates_select_commits() {
    let (repository, keys) = (repository(), [(); 4].map(|()| ApiKey::generate()));
    let path = repository.path();
    write(path, "old", text(&keys[0]));
    commit_at(path, "2020-01-01T00:00:00Z", "old");
    write(path, "new", text(&keys[1]));
    commit(path, "new");
    git(path, &["rm", "-q", "new"]);
    let message = format!("last\n\n{}", text(&keys[2]));
    commit(path, &message);
    git(path, &["tag", "-a", "-m", text(&keys[3]), "v1"]);
    let ids = |options: &[&str]| {
        let found = findings(path, options);
        keys.iter().map(|key| found.iter().any(|found| found["id"] == key.id().as_str())).collect::<Vec<_>>()
    };
    let head = git(path, &["rev-parse", "HEAD"]);
    let zero = "0".repeat(40);
    // A deletion in a range does not cause an error.
    for range in ["HEAD", "HEAD~..HEAD", &format!("{zero}..{head}"), &format!("{}..{head}", "0".repeat(64))] {
        let scan = run_in(path, &["scan", "--history", "--range", range]).exits(1);
        assert_eq!(scan.stderr, "revoke these keys in the dashboard under API Keys, and create new ones\n");
    }
    assert_eq!(ids(&["--range", "HEAD", "--since", "2021-01-01"]), [false, true, true, true]);
    assert_eq!(ids(&["--range", "HEAD~", "--since", "2021-01-01"]), [false, true, false, false]);
    for date in [
        "1 day",
        "2.weeks",
        "3 months ago",
        "1 second ago",
        "40 years",
        "1.hour.ago",
        "5 minutes",
        "1970-01-01",
        "2026-12-31 23:59",
        "2026-12-31T23:59:60Z",
    ] {
        let scan = run_in(path, &["scan", "--history", "--since", date]);
        assert!(!scan.stderr.contains("is not a date"), "{date} {scan:?}");
    }
    // Only a full name of zeros stands for no commit.
    let almost = format!("{}g", "0".repeat(39));
    for name in ["0", "000", &almost] {
        git(path, &["tag", name]);
        run_in(path, &["scan", "--history", "--range", &format!("{name}..HEAD")]).exits(0);
        assert_eq!(ids(&["--range", &format!("HEAD~..{name}")]), [false, false, true, true]);
        git(path, &["tag", "-d", name]);
    }
    run_in(path, &["scan", "--history", "--range", "..HEAD"]).exits(0);
    assert_eq!(ids(&["--range", "HEAD~.."]), [false, false, true, true]);
    assert_eq!(ids(&["--range", "HEAD...HEAD~"]), [false, false, true, true]);
    assert_eq!(ids(&["--range", "HEAD~2..HEAD"]), [false, true, true, true]);
    assert_eq!(ids(&["--range", "HEAD~..HEAD"]), [false, false, true, true]);
    assert_eq!(ids(&["--range", "HEAD~2..HEAD~"]), [false, true, false, false]);
    assert_eq!(ids(&["--range", "HEAD"]), [true; 4]);
    assert_eq!(ids(&["--range", &format!("{zero}..{head}")]), [true; 4]);
    assert_eq!(ids(&["--range", &format!("{zero}..")]), [true; 4]);
    assert_eq!(ids(&["--since", "2021-01-01"]), [false, true, true, true]);
    assert_eq!(ids(&["--since", "2 days"]), [false, true, true, true]);
    assert_eq!(ids(&["--since", "2019-12-31T12:00:00Z"]), [true; 4]);
    let scan = run_in(path, &["scan", "--history", "--range", &format!("{head}..{zero}")]).exits(0);
    assert!(scan.stderr.contains("nothing was searched"), "{scan:?}");
    for range in ["HEAD..nonsense", "nonsense", "", "HEAD~99..HEAD", "--all", "^HEAD"] {
        let scan = run_in(path, &["scan", "--history", &format!("--range={range}")]);
        assert!(scan.code == Some(2) || (range == "^HEAD" && scan.code == Some(0)), "{range} {scan:?}");
    }
    let scan = run_in(path, &["scan", "--history", "--range", "HEAD..nonsense"]).exits(2);
    let message = "git can't list the commits of the range HEAD..nonsense; correct it, or fetch its commits";
    assert_eq!(scan.stderr.lines().next(), Some(&*format!("ctx-key: {message}")), "{scan:?}");
    for date in [
        "yesterdayish",
        "garbage",
        "",
        "2026-13-01",
        "2026-01-32",
        "--all",
        "26-01-01",
        "2026-00-01",
        "2026-01-00",
        "2026-1-01",
        "1969-01-01",
        "2026-01-01T24:00",
        "2026-01-01T12",
        "2026-01-01T12:60",
        "2026-01-01T12:00:61",
        "2026-01-01T",
        "2026-01-01 noon",
        "2026-01-01T12:00ZZ",
        "2 weeks agoago",
        "2 fortnights",
        "days",
        "two days",
        "-1 day",
        "4294967296 days",
        "002 weeks",
        "2 weeksago",
        "1day",
    ] {
        let scan = run_in(path, &["scan", "--history", &format!("--since={date}")]).exits(2);
        let message = "--since is not a date; write it as 2026-11-01, 2026-11-01T12:00:00Z or \"2 weeks\"";
        assert_eq!(scan.stderr.lines().next(), Some(&*format!("ctx-key: {message}")), "{date} {scan:?}");
    }
    run_in(path, &["scan", "--range", "HEAD"]).exits(2);
}

/// A day begins at midnight. Only the date of the commit itself counts, not the dates of its children or the refs
/// that reach it.
#[test]
fn commits_since_a_day_are_selected() {
    let (repository, keys) = (repository(), [(); 3].map(|()| ApiKey::generate()));
    let path = repository.path();
    commit_at(path, "2020-01-01T00:00:00Z", "first");
    write(path, "a", text(&keys[0]));
    commit_at(path, "2024-05-05T00:00:01Z", "at midnight");
    write(path, "amended", text(&keys[1]));
    commit_at(path, "2024-05-06T00:00:00Z", "amended");
    git(path, &["reset", "-q", "--hard", "HEAD~"]);
    write(path, "late", text(&keys[2]));
    commit_at(path, "2020-02-02T00:00:00Z", "a clock that is late");
    let found_in = |zone: &str, date: &str| {
        let mut command = command(&["scan", "--history", "--format", "json", "--since", date]);
        let report = finish(command.current_dir(path).env("TZ", zone), b"").json();
        let found = report["findings"].as_array().unwrap().iter();
        found.map(|found| found["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let found = |date: &str| found_in("UTC", date);
    assert_eq!(found("2024-05-05"), ["a", "amended"]);
    for time in ["T00:00:02", " 00:00:02", "T00:00:02Z", " 00:00:02Z", "T00:01", " 00:01"] {
        assert_eq!(found(&format!("2024-05-05{time}")), ["amended"], "{time}");
    }
    assert_eq!(found("2024-05-07"), [] as [&str; 0]);
    let none = run_in(path, &["scan", "--history", "--since", "2024-05-07"]).exits(0);
    assert_eq!(none.stderr, "note: no commit is in this range, so nothing was searched\n");
    assert_eq!(found("2020-02-02"), ["a", "amended", "late"]);
    // A day begins at midnight in the time zone of the user: here nine hours east of UTC, then nine hours west.
    assert_eq!(found_in("EAST-9", "2024-05-06"), ["amended"]);
    assert_eq!(found_in("WEST+9", "2024-05-06"), [] as [&str; 0]);
}

/// git reads a time before 1970 as one in the future.
#[test]
fn a_time_before_the_first_commit_of_all_selects_all_commits() {
    let (repository, key) = (repository(), ApiKey::generate());
    let path = repository.path();
    write(path, "a", text(&key));
    commit_at(path, "1970-01-01T00:00:00Z", "at the beginning");
    let old = run_in(path, &["scan", "--history", "--since", "50 years"]).exits(0);
    assert_eq!(old.stderr, "note: no commit is in this range, so nothing was searched\n");
    let numbers = ["second", "minute", "hour", "day", "week", "month", "year"]
        .map(|unit| format!("4294967295 {unit}s"));
    let dates = ["1970-01-01", "100 years", "100.years.ago", "30000 weeks", "30000 days", "99999999 hours"];
    // With 28 days for each month, this period begins after 1970. In the calendar, it begins before.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let months = format!("{} months", now / (28 * 86_400));
    for date in dates.into_iter().map(str::to_owned).chain(numbers).chain([months]) {
        for zone in ["EAST-9", "UTC"] {
            let mut command = command(&["scan", "--history", "--since", &date]);
            let scan = finish(command.current_dir(path).env("TZ", zone), b"").exits(1);
            assert!(scan.stdout.starts_with("a:1:1: "), "{date} {zone} {scan:?}");
        }
    }
}

/// For a merge, only the changes that the merge itself makes count.
#[test]
fn a_range_does_not_include_changes_that_were_merged_into_it() {
    let (repository, keys) = (repository(), [(); 2].map(|()| ApiKey::generate()));
    let path = repository.path();
    commit(path, "first");
    git(path, &["checkout", "-q", "-b", "side"]);
    write(path, "side", "clean");
    commit(path, "side");
    git(path, &["checkout", "-q", "main"]);
    write(path, "main", text(&keys[0]));
    commit(path, "main");
    git(path, &["checkout", "-q", "side"]);
    git(path, &["merge", "-q", "--no-edit", "main"]);
    run_in(path, &["scan", "--history", "--range", "main..side"]).exits(0);
    write(path, "side", text(&keys[1]));
    commit(path, "leak");
    assert_eq!(findings(path, &["--range", "main..side"]).len(), 1);
}

/// A commit can have several annotated tags, and a tag can name another tag.
#[test]
fn each_annotated_tag_of_a_range_is_searched() {
    let (repository, keys) = (repository(), [(); 4].map(|()| ApiKey::generate()));
    let path = repository.path();
    commit(path, "first");
    git(path, &["tag", "-a", "-m", text(&keys[0]), "outside"]);
    commit(path, "second");
    git(path, &["tag", "-a", "-m", text(&keys[1]), "one"]);
    git(path, &["tag", "-a", "-m", text(&keys[2]), "two"]);
    git(path, &["tag", "-a", "-m", text(&keys[3]), "of-a-tag", "two"]);
    let found = findings(path, &["--range", "HEAD~..HEAD"]);
    let mut found: Vec<_> = found.iter().map(|found| found["id"].as_str().unwrap()).collect();
    let mut expected: Vec<_> = keys[1..].iter().map(|key| key.id()).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected.iter().map(|id| id.as_str()).collect::<Vec<_>>());
}

/// The end of a range may be a tag of an older commit, or of an object that is not a commit.
#[test]
fn the_object_that_ends_a_range_is_searched() {
    let (repository, keys) = (repository(), [(); 3].map(|()| ApiKey::generate()));
    let path = repository.path();
    commit(path, "first");
    git(path, &["tag", "-a", "-m", text(&keys[0]), "old"]);
    commit(path, "second");
    write(path, "staged", text(&keys[1]));
    git(path, &["tag", "-a", "-m", text(&keys[2]), "blob", &git(path, &["hash-object", "-w", "staged"])]);
    let ids = |range: &str| {
        let found = findings(path, &["--range", range]);
        keys.iter()
            .map(|key| found.iter().filter(|found| found["id"] == key.id().as_str()).count())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids("HEAD..old"), [1, 0, 0]);
    assert_eq!(ids("old"), [1, 0, 0]);
    assert_eq!(ids("HEAD..blob"), [0, 1, 1]);
    assert_eq!(ids("blob"), [0, 1, 1]);
    // The start of a range excludes what it names.
    for range in ["old..old", "blob..blob"] {
        run_in(path, &["scan", "--history", "--range", range]).exits(0);
    }
}
