//! The SQL that is built into the binary, listed by hand, in the order in which it is applied.
//!
//! By hand, because the order matters and a folder has none; and because cargo then knows every file:
//! `include_str!` rebuilds on an edit, while a directory scan in a macro misses new files. One line is one
//! file. A test compares the lists with the folders.

use refinery::Migration;

use super::error::SchemaError;

/// A name (`V1__outbox`) or path (`functions/watch.sql`) and the text of that file.
pub type SqlFile<'a> = (&'a str, &'a str);

/// Lists files of `migrations/` by name without `.sql`.
macro_rules! migrations {
    ($($name:literal,)*) => {
        &[$(($name, include_str!(concat!("../../migrations/", $name, ".sql"))),)*]
    };
}

/// Lists files of `sql/` by path.
macro_rules! definitions {
    ($($path:literal,)*) => {
        &[$(($path, include_str!(concat!("../../sql/", $path))),)*]
    };
}

/// State, oldest first. A released file never changes again; a change is a new file at the end.
pub const MIGRATIONS: &[SqlFile<'static>] = migrations!["V1__outbox",];

/// Behaviour: what others call comes first, views after functions, `grants.sql` last.
pub const DEFINITIONS: &[SqlFile<'static>] = definitions![
    "functions/capture_signature.sql",
    "functions/descendants.sql",
    "functions/add_triggers.sql",
    "functions/admit.sql",
    "functions/admit_batch.sql",
    "functions/adopt_database.sql",
    "functions/anchor_value.sql",
    "functions/await_commit.sql",
    "functions/backfill.sql",
    "functions/backfill_cancel.sql",
    "functions/backfill_lock.sql",
    "functions/backfill_plan.sql",
    "functions/backfill_send.sql",
    "functions/backfill_start.sql",
    "functions/backfill_step.sql",
    "functions/backfill_to.sql",
    "functions/body.sql",
    "functions/by_hand.sql",
    "functions/cancel.sql",
    "functions/cancel_gone.sql",
    "functions/capture_awaited.sql",
    "functions/capture_branches.sql",
    "functions/capture_changes.sql",
    "functions/capture_elsewhere.sql",
    "functions/capture_finish.sql",
    "functions/capture_insert.sql",
    "functions/capture_is_trusted.sql",
    "functions/capture_knows.sql",
    "functions/capture_planned.sql",
    "functions/capture_row.sql",
    "functions/capture_rows.sql",
    "functions/capture_size.sql",
    "functions/capture_source.sql",
    "functions/capture_touches.sql",
    "functions/capture_values.sql",
    "functions/capture_wanted.sql",
    "functions/check_auth.sql",
    "functions/check_batch.sql",
    "functions/check_builder.sql",
    "functions/check_called.sql",
    "functions/check_envelope.sql",
    "functions/check_filter.sql",
    "functions/check_headers.sql",
    "functions/check_object_name.sql",
    "functions/check_setting.sql",
    "functions/check_subscription.sql",
    "functions/check_url.sql",
    "functions/check_watch_settings.sql",
    "functions/check_watchable.sql",
    "functions/choose_subscriptions.sql",
    "functions/cloudevents_source.sql",
    "functions/cloudevent.sql",
    "functions/formatted.sql",
    "functions/copied_headers.sql",
    "functions/claim_more.sql",
    "functions/pack.sql",
    "functions/claim.sql",
    "functions/claim_key.sql",
    "functions/close_breaker.sql",
    "functions/compact.sql",
    "functions/condition_of.sql",
    "functions/context_headers.sql",
    "functions/count_delivered.sql",
    "functions/count_troubled.sql",
    "functions/define_event_type.sql",
    "functions/define_object.sql",
    "functions/deliver.sql",
    "functions/deliver_matching.sql",
    "functions/deliver_plain.sql",
    "functions/deliver_special.sql",
    "functions/deliver_type.sql",
    "functions/diff.sql",
    "functions/doorbell_silence.sql",
    "functions/drop_through.sql",
    "functions/due_leaves.sql",
    "functions/emit.sql",
    "functions/empty_leaf.sql",
    "functions/end_deliveries.sql",
    "functions/end_delivery.sql",
    "functions/end_subscriptions.sql",
    "functions/enable.sql",
    "functions/endpoint.sql",
    "functions/envelop.sql",
    "functions/event_of.sql",
    "functions/uid_mark.sql",
    "functions/event_uid.sql",
    "functions/excluded_words.sql",
    "functions/expand.sql",
    "functions/explain.sql",
    "functions/explain_open.sql",
    "functions/explainable.sql",
    "functions/fan_out_max.sql",
    "functions/filter_anchor.sql",
    "functions/find.sql",
    "functions/find_function.sql",
    "functions/forget_watch.sql",
    "functions/function_name.sql",
    "functions/heads.sql",
    "functions/home.sql",
    "functions/is_home.sql",
    "functions/judge_subscriptions.sql",
    "functions/keep_needed.sql",
    "functions/keep_subscriptions.sql",
    "functions/keep_tombstone.sql",
    "functions/labels_in.sql",
    "functions/labels_stand.sql",
    "functions/leave_duty.sql",
    "functions/let_call.sql",
    "functions/link_events.sql",
    "functions/lock_for_triggers.sql",
    "functions/lock_heads.sql",
    "functions/make_signing_key.sql",
    "functions/make_through.sql",
    "functions/match_words.sql",
    "functions/measure.sql",
    "functions/merge_diffs.sql",
    "functions/merge_events.sql",
    "functions/mismatch.sql",
    "functions/missing_triggers.sql",
    "functions/net_type.sql",
    "functions/next_due.sql",
    "functions/note_ended.sql",
    "functions/object_key.sql",
    "functions/pass_barrier.sql",
    "functions/path_holds.sql",
    "functions/patterns.sql",
    "functions/pause.sql",
    "functions/payload_omitted.sql",
    "functions/permit_watch.sql",
    "functions/ping.sql",
    "functions/probe_conditions.sql",
    "functions/probe_id.sql",
    "functions/probes.sql",
    "functions/purge_old.sql",
    "functions/rate_left.sql",
    "functions/reach_again.sql",
    "functions/reach_query.sql",
    "functions/read_conditions.sql",
    "functions/read_signing_secret.sql",
    "functions/readers.sql",
    "functions/record_change.sql",
    "functions/refuse_explained.sql",
    "functions/refuse_truncate.sql",
    "functions/regenerate.sql",
    "functions/register_object.sql",
    "functions/register_watch.sql",
    "functions/remaining.sql",
    "functions/release_lanes.sql",
    "functions/render_bravely.sql",
    "functions/render_object.sql",
    "functions/render_query.sql",
    "functions/reopen.sql",
    "functions/reopen_watches.sql",
    "functions/repair.sql",
    "functions/replay.sql",
    "functions/replay_all.sql",
    "functions/replay_events.sql",
    "functions/replay_pairs.sql",
    "functions/report_certificates.sql",
    "functions/reorder_lanes.sql",
    "functions/report_relay.sql",
    "functions/report_stop.sql",
    "functions/require_backfill.sql",
    "functions/require_event_type.sql",
    "functions/require_home.sql",
    "functions/require_object_owner.sql",
    "functions/require_subscriptions.sql",
    "functions/reset_health.sql",
    "functions/resolve_function.sql",
    "functions/resume.sql",
    "functions/retry.sql",
    "functions/rewatch.sql",
    "functions/ring.sql",
    "functions/rotate_signing_secret.sql",
    "functions/route.sql",
    "functions/runs_apart.sql",
    "functions/schedule.sql",
    "functions/seal.sql",
    "functions/seal_one.sql",
    "functions/seal_watch.sql",
    "functions/set_signing_secret.sql",
    "functions/settle.sql",
    "functions/settle_breaker.sql",
    "functions/settle_gone.sql",
    "functions/settle_health.sql",
    "functions/severity.sql",
    "functions/settle_lanes.sql",
    "functions/short_id.sql",
    "functions/shortened_id.sql",
    "functions/signing_public_key.sql",
    "functions/signing_secret.sql",
    "functions/skip.sql",
    "functions/skip_capture.sql",
    "functions/skip_held.sql",
    "functions/skipped_words.sql",
    "functions/slot.sql",
    "functions/subscribe.sql",
    "functions/subscription_settings.sql",
    "functions/supersede.sql",
    "functions/supersede_claimed.sql",
    "functions/sweep_lanes.sql",
    "functions/take_duty.sql",
    "functions/take_over.sql",
    "functions/throttle.sql",
    "functions/throttle_taken.sql",
    "functions/through_of.sql",
    "functions/try_builder.sql",
    "functions/turn_ring.sql",
    "functions/unsubscribe.sql",
    "functions/unwatch.sql",
    "functions/wake_lanes.sql",
    "functions/watch.sql",
    "functions/watches_of.sql",
    "functions/webhook_id.sql",
    "functions/why.sql",
    "functions/within_allowance.sql",
    "functions/write_call.sql",
    "functions/write_calls.sql",
    "functions/write_rendered.sql",
    "functions/written.sql",
    "views/unwatched.sql",
    "views/backfilling.sql",
    "views/backlog.sql",
    "views/blocked.sql",
    "views/broken_watch.sql",
    "views/delivery_history.sql",
    "views/destination.sql",
    "views/expiring.sql",
    "views/failing.sql",
    "views/fanning_out.sql",
    "views/oldest_xmin.sql",
    "views/signing.sql",
    "triggers/dead_letter_gone.sql",
    "triggers/delivery_ended.sql",
    "triggers/explaining_refuse.sql",
    "triggers/sealing_seal.sql",
    "triggers/setting_check.sql",
    "triggers/subscription_check.sql",
    "triggers/subscription_record.sql",
    "triggers/subscription_reorder.sql",
    "triggers/subscription_signing_key.sql",
    "triggers/subscription_tombstone.sql",
    "triggers/subscription_truncate.sql",
    "grants.sql",
];

/// A set of migrations and definitions that belong together.
///
/// The binary has one, [`Manifest::BUILT_IN`]. Tests make others to play through upgrades that no release
/// has seen yet.
#[derive(Debug, Clone, Copy)]
pub struct Manifest<'a> {
    /// State, oldest first, named `V{n}__{name}`.
    pub migrations: &'a [SqlFile<'a>],
    /// Behaviour, in the order in which it is applied.
    pub definitions: &'a [SqlFile<'a>],
}

impl Manifest<'static> {
    /// What this binary carries.
    pub const BUILT_IN: Self = Self { migrations: MIGRATIONS, definitions: DEFINITIONS };
}

impl Manifest<'_> {
    /// The migrations as refinery wants them, with its checksums.
    ///
    /// # Errors
    /// [`SchemaError::Manifest`] when a name is not of the form `V{n}__{name}`.
    pub(super) fn parsed(&self) -> Result<Vec<Migration>, SchemaError> {
        self.migrations
            .iter()
            .map(|(name, sql)| Migration::unapplied(name, sql).map_err(SchemaError::Manifest))
            .collect()
    }

    /// A fingerprint of all definitions. Paths and order count, so a rename or a move is a change too.
    ///
    /// It is the checksum refinery gives a migration: pinned for good by refinery (old histories must stay
    /// valid), and it spares a hash crate. Each text is preceded by its length, so that no two different
    /// lists of files run together to the same bundle.
    ///
    /// # Errors
    /// [`SchemaError::Manifest`]; only if refinery stopped accepting the fixed name used here.
    pub(super) fn fingerprint(&self) -> Result<u64, SchemaError> {
        let file = |(path, sql): &SqlFile<'_>| format!("{path} {}\n{sql}", sql.len());
        let bundle = self.definitions.iter().map(file).collect::<Vec<_>>().concat();
        let bundle = Migration::unapplied("V0__definitions", &bundle).map_err(SchemaError::Manifest)?;
        Ok(bundle.checksum())
    }
}

#[cfg(test)]
mod tests;
