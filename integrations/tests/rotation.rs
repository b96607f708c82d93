//! In the rotation example, a key is replaced under load. Requests are refused only if the overlap is too short.

#[allow(dead_code, reason = "only the example calls main")]
#[path = "../examples/rotation.rs"]
mod rotation;

use ctx_key::{Denied, Reason};
use rotation::{Counts, run};

fn reason(answer: Result<(), Denied>) -> Result<(), Reason> {
    answer.map_err(|denied| denied.reason())
}

/// The clients get the new key 7, 14, 21, … and 56 seconds after the rotation.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_refused_while_both_keys_are_in_use() {
    let summary = run(120).await.unwrap();
    let expected = Counts {
        requests: (60 + 120 + 30) * 96,
        old_in_overlap: 12 * (7 + 14 + 21 + 28 + 35 + 42 + 49 + 56),
        new_in_overlap: 12 * (113 + 106 + 99 + 92 + 85 + 78 + 71 + 64),
        refused: 0,
    };
    assert_eq!(summary.counts, expected);
    assert_eq!(reason(summary.old_after_overlap), Err(Reason::Retired));
    assert_eq!(reason(summary.old_after_deletion), Err(Reason::UnknownKey));
    assert_eq!(summary.new_at_the_end, Ok(()));
    // The public message is the same, whether the record of the old key exists or not.
    assert_eq!(
        summary.old_after_overlap.unwrap_err().message(),
        summary.old_after_deletion.unwrap_err().message()
    );
}

/// Without an overlap, clients that still have the old key are refused.
#[tokio::test(flavor = "multi_thread")]
async fn requests_are_refused_without_an_overlap() {
    let summary = run(0).await.unwrap();
    let Counts { requests, old_in_overlap, new_in_overlap, refused } = summary.counts;
    assert_eq!((requests, old_in_overlap, new_in_overlap), ((60 + 60 + 30) * 96, 0, 0));
    // In the second of the rotation, requests may come before or after it.
    let until_all_have_changed = 12 * (7 + 14 + 21 + 28 + 35 + 42 + 49 + 56);
    assert!((until_all_have_changed - 96..=until_all_have_changed).contains(&refused), "{refused}");
    assert_eq!(reason(summary.old_after_overlap), Err(Reason::Retired));
    assert_eq!(summary.new_at_the_end, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_refused_if_the_overlap_ends_before_the_last_client_has_the_new_key() {
    let summary = run(20).await.unwrap();
    let expected = Counts {
        requests: (60 + 60 + 30) * 96,
        old_in_overlap: 12 * (7 + 14 + 6 * 20),
        new_in_overlap: 12 * (13 + 6),
        refused: 12 * (1 + 8 + 15 + 22 + 29 + 36),
    };
    assert_eq!(summary.counts, expected);
}
