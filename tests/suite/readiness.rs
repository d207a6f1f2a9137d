//! `/readyz` says why not, and ready again once it is mended; `/livez` goes on meanwhile.

use crate::ops_client::Ops;
use crate::stage::{SOON, Stage};
use crate::support::{Cluster, ClusterOptions, RelayProcess, StopMode};

/// A relay with its listener, ready.
fn ready(stage: &Stage) -> (RelayProcess, Ops) {
    let relay = stage.relay_with(&["--ops-listen", "0"]);
    let ops = Ops::of(&relay);
    ops.wait_until_ready();
    assert_eq!(ops.metrics().count("outboxd_ready"), 1);
    (relay, ops)
}

#[test]
fn a_database_that_is_away() {
    let cluster = Cluster::start(&ClusterOptions::default());
    let stage = Stage::on(&cluster, "ready_away");
    stage.subscribe("");
    let (relay, ops) = ready(&stage);
    ops.wait_for_metrics(|seen| !seen.series("outboxd_backlog").is_empty());
    cluster.stop(StopMode::Fast);
    let reason = ops.wait_until_unready("claims have failed for");
    assert!(reason.contains("No such file or directory") || reason.contains("refused"), "{reason}");
    assert_eq!(ops.metrics().count("outboxd_ready"), 0);
    assert_eq!(ops.get("/livez").status, 200);
    cluster.start_again();
    ops.wait_until_ready();
    stage.emit(1);
    stage.wait_until_drained();
    assert!(relay.is_running());
}

#[test]
fn a_relay_that_starts_before_its_database() {
    let cluster = Cluster::start(&ClusterOptions::default());
    let stage = Stage::on(&cluster, "ready_before");
    cluster.stop(StopMode::Fast);
    let relay = stage.relay_with(&["--ops-listen", "0"]);
    let ops = Ops::of(&relay);
    ops.wait_until_unready("the database cannot be used for");
    assert_eq!(ops.get("/livez").status, 200);
    cluster.start_again();
    ops.wait_until_ready();
}

#[test]
fn a_right_taken_away() {
    let stage = Stage::new("ready_revoked");
    let role = format!("{}_relay", stage.db.name());
    stage.db.psql(&format!("create role {role} login in role outbox_relay"));
    let url = stage.db.url_as(&role);
    let relay = crate::stage::outboxd()
        .spawn(&["run", "--database-url", &url, "--poll-ms", "20", "--ops-listen", "0"], &[]);
    let ops = Ops::of(&relay);
    ops.wait_until_ready();
    let claim = "function outbox.claim";
    stage.db.psql(&format!("revoke execute on {claim} from outbox_relay"));
    let reason = ops.wait_until_unready("claims have failed for");
    assert!(reason.contains("permission denied for function claim"), "{reason}");
    assert!(ops.metrics().count("outboxd_claims_total{result=\"failed\"}") > 0);
    stage.db.psql(&format!("grant execute on {claim} to outbox_relay"));
    ops.wait_until_ready();
    // Not part of delivering: it is logged, and no reason.
    stage.db.psql("revoke execute on function outbox.cancel_gone(integer) from outbox_relay");
    relay.wait_for_line("permission denied for function cancel_gone", SOON);
    ops.wait_until_ready();
}

#[test]
fn a_schema_that_does_not_fit_any_more() {
    let stage = Stage::new("ready_schema");
    let (_relay, ops) = ready(&stage);
    stage.db.psql("alter function outbox.claim rename to claim_of_old");
    let reason = ops.wait_until_unready("claims have failed for");
    assert!(reason.contains("function outbox.claim") && reason.contains("does not exist"), "{reason}");
    stage.db.psql("alter function outbox.claim_of_old rename to claim");
    ops.wait_until_ready();
    stage.db.psql("alter schema outbox rename to elsewhere");
    let reason = ops.wait_until_unready("outboxd migrate");
    assert_eq!(reason, "schema outbox is not installed in this database; run `outboxd migrate`");
    stage.db.psql("alter schema elsewhere rename to outbox");
    ops.wait_until_ready();
}

#[test]
fn outcomes_that_cannot_be_recorded() {
    let stage = Stage::new("ready_stuck");
    stage.subscribe("");
    let (_relay, ops) = ready(&stage);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let session = stage.db.session().await;
        session.execute("begin; lock table outbox.attempt in access exclusive mode").await;
        stage.emit(1);
        let reason = ops.wait_until_unready("outcomes cannot be recorded for");
        assert!(reason.contains("nothing is claimed"), "{reason}");
        ops.wait_until_unready("lock timeout");
        assert_eq!(ops.get("/livez").status, 200);
        session.execute("rollback").await;
    });
    ops.wait_until_ready();
    stage.wait_until_drained();
}

#[test]
fn a_database_that_does_not_answer_a_claim() {
    let stage = Stage::new("ready_mute");
    let (relay, ops) = ready(&stage);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let session = stage.db.session().await;
        session.execute("begin; select pg_advisory_lock(1)").await;
        stage.db.psql(
            "create or replace function outbox.webhook_id(event_uid uuid, subscription_key text) returns text \
             language plpgsql as \
             $$ begin set local lock_timeout = 0; perform pg_advisory_xact_lock(1); return 'x'; end $$",
        );
        stage.subscribe("");
        stage.emit(1);
        ops.wait_until_unready("the database has not answered a claim for");
        assert_eq!(ops.get("/livez").status, 200);
        session.execute("select pg_advisory_unlock_all()").await;
        session.execute("rollback").await;
    });
    ops.wait_until_ready();
    assert!(relay.is_running());
}

#[test]
fn a_due_delivery_that_no_claim_gets() {
    let stage = Stage::new("ready_stalled");
    let held = stage.subscribe("");
    stage.db.psql(&format!("update outbox.subscription set status = 'paused' where id = {held}"));
    stage.emit(1);
    stage.db.psql("update outbox.delivery set due_at = clock_timestamp() - interval '2 minutes'");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let session = stage.db.session().await;
        session.execute("begin; select from outbox.delivery for update").await;
        let (_relay, ops) = ready(&stage);
        // Held by its owner: that is no stall.
        let measured = "outboxd_backlog_measured_timestamp_seconds";
        let first = ops.wait_for_metrics(|seen| seen.get(measured).is_some()).value(measured);
        ops.wait_until_ready();
        stage.db.psql(&format!("update outbox.subscription set status = 'active' where id = {held}"));
        let second = ops.wait_for_metrics(|seen| seen.get(measured) > Some(first)).value(measured);
        ops.wait_until_ready();
        ops.wait_for_metrics(|seen| seen.get(measured) > Some(second));
        let reason = ops.wait_until_unready("delivery is stalled");
        assert!(reason.contains(&format!("subscription {held} (acme) has been due for 1")), "{reason}");
        assert!(reason.contains("its row may be locked"), "{reason}");
        session.execute("rollback").await;
        stage.wait_until_drained();
        ops.wait_until_ready();
    });
}
