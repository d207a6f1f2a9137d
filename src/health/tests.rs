//! Reasons, from facts noted by hand and with the clock moved on.

use super::*;

fn later(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

fn head(due_at: f64, due_for: f64) -> Vec<Waiting> {
    vec![Waiting { subscription: 5, subscriber: "a\nb".to_owned(), delivery: 7, due_at, due_for }]
}

#[tokio::test]
async fn a_task_is_missed_while_it_should_turn_and_not_once_it_is_done() {
    let health = Health::default();
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    let mut task = pin!(health.beating("claim", wait));
    assert!(timeout(Duration::from_millis(1), &mut task).await.is_err(), "it waits");
    assert_eq!(health.facts().lifeless(later(9)), Vec::<String>::new());
    assert_eq!(health.facts().lifeless(later(12)), ["task claim has not turned for 12 s"]);
    go.send(()).expect("somebody waits");
    task.await.expect("sent");
    assert!(health.facts().lifeless(later(100)).is_empty());
}

#[tokio::test]
async fn a_task_that_dies_is_missed() {
    let health = Health::default();
    let dying = health.clone();
    let task = tokio::spawn(async move {
        dying.beating("settle", async { panic!("as a bug would") }).await;
    });
    assert!(task.await.is_err());
    // Writing the panic down may have taken a second or two.
    let reasons = health.facts().lifeless(later(11));
    assert!(reasons.len() == 1 && reasons[0].starts_with("task settle has not turned for 1"), "{reasons:?}");
    health.retire("settle");
    assert!(health.facts().lifeless(later(11)).is_empty());
}

#[test]
fn a_database_that_is_away_is_a_reason_after_a_while_and_no_death() {
    let health = Health::default();
    assert_eq!(health.unready(), ["starting: nothing has been claimed yet"]);
    health.failed("claim", "no\nroute", false);
    assert_eq!(health.unready(), ["claims have failed for 0 s: no route"], "nothing worked before");
    health.worked("claim");
    health.claimed(true);
    assert!(health.unready().is_empty());
    health.failed("claim", "gone", false);
    assert!(health.unready().is_empty(), "a hiccup");
    assert_eq!(health.facts().unready(later(4)), ["claims have failed for 4 s: gone"]);
    health.failed("claim", "still gone", false);
    assert_eq!(health.facts().unready(later(4)), ["claims have failed for 4 s: still gone"]);
    assert!(health.lifeless().is_empty());
    health.worked("claim");
    assert!(health.facts().unready(later(100)).is_empty());
    health.failed("housekeeping", "refused", true);
    assert!(health.facts().unready(later(100)).is_empty(), "deliveries go on without it");
    assert!(!health.is_refused());
    health.failed("settle", "refused", true);
    assert!(health.is_refused());
}

#[test]
fn a_claim_without_an_answer_is_a_reason() {
    let health = Health::default();
    health.claimed(true);
    health.claiming();
    assert!(health.facts().unready(later(4)).is_empty());
    assert_eq!(health.facts().unready(later(7)), ["the database has not answered a claim for 7 s"]);
    health.claimed(false);
    assert!(health.facts().unready(later(7)).is_empty());
}

#[test]
fn outcomes_that_find_no_way_are_a_reason_with_the_cause() {
    let health = Health::default();
    health.claimed(true);
    health.recording_is_stuck(true);
    health.failed("settle", "lock timeout", false);
    health.recording_is_stuck(true);
    let reason = "outcomes cannot be recorded for 5 s, and nothing is claimed: lock timeout";
    assert_eq!(health.facts().unready(later(5)), [reason]);
    health.worked("settle");
    health.recording_is_stuck(false);
    assert!(health.facts().unready(later(5)).is_empty());
}

#[test]
fn a_due_delivery_counts_as_stalled_once_it_was_passed_over() {
    let health = Health::default();
    health.claimed(true);
    health.measured(head(1000.0, 70.0), health.last_look());
    health.measured(head(1000.0, 80.0), health.last_look());
    assert!(health.unready().is_empty(), "no claim in between: it may have been too busy");
    health.claimed(false);
    health.measured(head(1000.0, 90.0), health.last_look());
    assert!(health.unready().is_empty(), "that claim was full");
    health.claimed(true);
    assert!(health.unready().is_empty(), "it may have been claimed just now");
    health.measured(head(1000.0, 100.0), health.last_look());
    let reasons = health.unready();
    assert!(
        reasons.len() == 1 && reasons[0].contains("subscription 5 (a b) has been due for 100 s"),
        "{reasons:?}"
    );
    health.claimed(true);
    assert_eq!(health.unready(), reasons, "that claim did not get it either, for all we know");
    health.measured(head(1000.0, 110.0), health.last_look());
    assert_eq!(health.unready().len(), 1);
    health.measured(head(1001.0, 99.0), health.last_look());
    assert!(health.unready().is_empty(), "another one is first: the queue moves");
    health.claimed(true);
    health.measured(head(1001.0, 59.0), health.last_look());
    assert!(health.unready().is_empty(), "not for long");
    health.measured(Vec::new(), health.last_look());
    assert!(health.unready().is_empty());
}

#[test]
fn a_queue_that_moves_is_not_stalled_though_all_of_it_became_due_at_once() {
    let health = Health::default();
    for delivery in 1..9 {
        health.claimed(true);
        let found = head(1000.0, 100.0).into_iter().map(|head| Waiting { delivery, ..head }).collect();
        health.measured(found, health.last_look());
        assert!(health.unready().is_empty(), "{delivery} is first now");
    }
}

#[test]
fn a_claim_that_began_before_it_was_seen_has_not_passed_it_over() {
    let health = Health::default();
    health.claiming();
    health.measured(head(1000.0, 70.0), health.last_look());
    health.claimed(true);
    health.measured(head(1000.0, 80.0), health.last_look());
    assert!(health.unready().is_empty(), "it was paused when that claim began");
    health.claiming();
    health.claimed(true);
    health.measured(head(1000.0, 90.0), health.last_look());
    assert_eq!(health.unready().len(), 1);
}

#[test]
fn schema_and_stop_are_reasons_at_once() {
    let health = Health::default();
    health.claimed(true);
    health.schema(Some("run `outboxd migrate`"));
    health.stopping();
    assert_eq!(health.unready(), ["stopping", "run `outboxd migrate`"]);
    health.schema(None);
    assert_eq!(health.unready(), ["stopping"]);
}
