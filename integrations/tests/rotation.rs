//! The rotation example: a key is replaced under load.

#[allow(dead_code, reason = "main is the example's own")]
#[path = "../examples/rotation.rs"]
mod rotation;

use ctx_key::{Denied, Reason};
use rotation::run;

fn reason(answer: Result<(), Denied>) -> Result<(), Reason> {
    answer.map_err(|denied| denied.reason())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_refused_while_both_keys_are_in_use() {
    let summary = run(120).await.unwrap();
    assert_eq!(summary.counts.refused, 0, "{summary:?}");
    assert!((10_000..100_000).contains(&summary.counts.requests), "{summary:?}");
    assert!(summary.counts.old_in_overlap > 1000 && summary.counts.new_in_overlap > 1000, "{summary:?}");
    assert_eq!(reason(summary.old_after_overlap), Err(Reason::Retired));
    assert_eq!(reason(summary.old_after_deletion), Err(Reason::UnknownKey));
    assert_eq!(summary.new_at_the_end, Ok(()));
    // Whoever still has the old key is told the same, whether its record is there or not.
    assert_eq!(
        summary.old_after_overlap.unwrap_err().message(),
        summary.old_after_deletion.unwrap_err().message()
    );
}

/// The count can fail: without overlap, the clients that have not changed yet are refused.
#[tokio::test(flavor = "multi_thread")]
async fn requests_are_refused_without_an_overlap() {
    let summary = run(0).await.unwrap();
    assert!(summary.counts.refused > 0 && summary.counts.refused < summary.counts.requests, "{summary:?}");
    assert_eq!((summary.counts.old_in_overlap, summary.counts.new_in_overlap), (0, 0));
    assert_eq!(reason(summary.old_after_overlap), Err(Reason::Retired));
    assert_eq!(summary.new_at_the_end, Ok(()));
}

/// Nor is one that ends before the last client has changed long enough.
#[tokio::test(flavor = "multi_thread")]
async fn requests_are_refused_with_too_short_an_overlap() {
    let summary = run(20).await.unwrap();
    assert!(summary.counts.refused > 0, "{summary:?}");
    assert!(summary.counts.old_in_overlap > 0 && summary.counts.new_in_overlap > 0, "{summary:?}");
}
