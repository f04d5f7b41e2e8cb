//! The figures of the running process, for Prometheus. They are the process's, not a merchant's.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Seconds, from a quick disk to one that something is wrong with.
const SECONDS: [f64; 10] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0];
/// Seconds that a receiver elsewhere takes to answer.
const ANSWER_SECONDS: [f64; 8] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0];
/// Seconds of a call of a pack, from a rule of a few lines to the longest that a pack can be given.
const RUN_SECONDS: [f64; 8] = [2e-5, 5e-5, 1e-4, 5e-4, 2e-3, 1e-2, 1e-1, 1.0];
/// Units of fuel, from a rule of a few lines to the most that a pack can be given.
const FUEL: [f64; 6] = [1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
/// Things that are gathered.
const COUNTS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 256.0];

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// What was recorded since the process has begun to, as text; `None` when another recorder is in its place.
pub(super) fn rendered() -> Option<String> {
    RECORDER.get_or_init(|| install().ok()).as_ref().map(PrometheusHandle::render)
}

/// Adds up what was recorded since the last time.
pub(super) fn keep_up() {
    if let Some(Some(recorder)) = RECORDER.get() {
        recorder.run_upkeep();
    }
}

fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Full("punchcard_webhook_attempt_seconds".into()), &ANSWER_SECONDS)?
        .set_buckets_for_metric(Matcher::Full("punchcard_message_attempt_seconds".into()), &ANSWER_SECONDS)?
        .set_buckets_for_metric(Matcher::Full("punchcard_pack_run_seconds".into()), &RUN_SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_transactions".into()), &COUNTS)?
        .set_buckets_for_metric(Matcher::Full("punchcard_pack_fuel".into()), &FUEL)?
        .install_recorder()?;
    metrics::describe_gauge!("punchcard_store_state_bytes", "Files of the state");
    metrics::describe_gauge!("punchcard_store_journal_bytes", "Files of the journal");
    metrics::describe_gauge!("punchcard_store_snapshot_bytes", "Files of the snapshots");
    metrics::describe_gauge!("punchcard_store_logical_bytes", "Keys and values in the store, at most");
    metrics::describe_gauge!("punchcard_store_bloated", "1 when the state is worth to compact");
    metrics::describe_counter!("punchcard_store_retries_total", "Transactions run again after a conflict");
    metrics::describe_histogram!("punchcard_store_commit_seconds", "Writing and syncing one record of the journal");
    metrics::describe_histogram!("punchcard_store_group_transactions", "Transactions in one record of the journal");
    metrics::describe_counter!("punchcard_http_requests_total", "Requests by route, method and class of status");
    metrics::describe_histogram!("punchcard_http_request_duration_seconds", "From a request's head to its reply's");
    metrics::describe_gauge!("punchcard_http_requests_in_flight", "Requests that are being served");
    metrics::describe_counter!(
        "punchcard_webhook_attempts_total",
        "Attempts to deliver events to webhooks, by outcome"
    );
    metrics::describe_counter!(
        "punchcard_webhook_deliveries_total",
        "Attempts that were recorded as delivered or failed, and events that were given up"
    );
    metrics::describe_counter!(
        "punchcard_pack_cache_total",
        "Packs that were loaded, by whether they were there compiled: hit, miss, or refused as not what the host has kept"
    );
    metrics::describe_counter!("punchcard_webhook_paused_total", "Webhooks that were paused because they failed");
    metrics::describe_histogram!("punchcard_webhook_attempt_seconds", "Attempts to deliver, with their answers");
    metrics::describe_gauge!("punchcard_webhook_lag_events", "Events that the webhook furthest behind has not come to");
    metrics::describe_gauge!("punchcard_webhook_lagging", "Webhooks that have not come to every event");
    metrics::describe_gauge!("punchcard_webhook_at_work", "Webhooks that are delivered to at the moment");
    metrics::describe_counter!("punchcard_message_attempts_total", "Attempts to send messages, by channel and outcome");
    metrics::describe_histogram!(
        "punchcard_message_attempt_seconds",
        "Attempts to send, with their answers, by channel"
    );
    metrics::describe_counter!("punchcard_messages_total", "Messages by channel, and by what became of them");
    metrics::describe_gauge!("punchcard_message_at_work", "Channels of merchants that are sent by at the moment");
    metrics::describe_counter!(
        "punchcard_recordings_lost_total",
        "Recordings of packs' calls that were not kept, by reason"
    );
    metrics::describe_counter!("punchcard_pack_runs_total", "Calls of packs, by pack and outcome");
    metrics::describe_histogram!("punchcard_pack_fuel", "Units of fuel of a call, by pack");
    metrics::describe_histogram!("punchcard_pack_run_seconds", "A call of a pack, with what it asks of the host");
    metrics::describe_counter!("punchcard_pack_calls_total", "Calls of packs after the fact, by outcome");
    metrics::describe_gauge!("punchcard_pack_lag_events", "Events that the pack furthest behind has not come to");
    metrics::describe_gauge!("punchcard_pack_lagging", "Packs that have not come to every event");
    metrics::describe_gauge!("punchcard_pack_calls_at_work", "Packs that are called after the fact at the moment");
    Ok(handle)
}
