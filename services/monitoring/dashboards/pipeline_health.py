"""Pipeline health: does what partners publish become visible, how fast, and what stands in its way?"""

from __future__ import annotations

from services.monitoring.dashboards.definitions import (
    TO_FINANCING,
    TO_OBJECTIVES,
    TO_PARTNERS,
    Dashboard,
    Kind,
    Metric,
    Panel,
    Row,
)

_LATENCY = "histogram_quantile({0}, sum by (stage, le) (rate(lianyun_pipeline_latency_seconds_bucket[$__rate_interval])))"
_STEP = "histogram_quantile(0.99, sum by (step, le) (rate(lianyun_step_seconds_bucket[$__rate_interval])))"
_REST = "nothing was applied in this time"
_DOWN = (TO_PARTNERS,)

NOW = Row(
    "Now",
    (
        Panel("Workers ready", "none", "How many workers have their assignment and work.", Kind.NUMBER,
              (Metric("sum(lianyun_worker_ready)"),), _DOWN, width=4, height=4, alarming_below=1),
        Panel("Processes that do not answer", "none", "Of all that Prometheus asks.", Kind.NUMBER,
              (Metric("count(up == 0) or vector(0)"),), _DOWN, width=4, height=4, alarming=1),
        Panel("Messages that wait", "none", "Between the workers' positions and the end of the log.", Kind.NUMBER,
              (Metric("sum(lianyun_ledger_lag_events)"),), _DOWN, width=4, height=4, worrying=1_000),
        Panel("Since the last commit", "s", "How long ago a worker committed a batch; at rest it grows and means nothing.",
              Kind.NUMBER, (Metric("time() - max(lianyun_last_commit_timestamp_seconds)"),), _DOWN, width=4, height=4,
              empty=_REST),
        Panel("Partitions stopped", "none", "Partitions that wait for an operator's decision because their log moved.",
              Kind.NUMBER,
              (Metric("count(max by (topic, partition) (lianyun_partition_stopped) > 0) or vector(0)"),), _DOWN,
              width=4, height=4, alarming=1),
        Panel("Topics missing or resting", "none",
              "Declared topics that do not exist, and topics that rest because nearly all of them was refused.",
              Kind.NUMBER,
              (Metric("(count(max by (topic) (lianyun_topic_missing) > 0) or vector(0)) + "
                      "(count(max by (topic) (lianyun_topic_rests_until_timestamp_seconds) > time()) or vector(0))"),),
              _DOWN, width=4, height=4, alarming=1),
    ),
)  # fmt: skip

FLOW = Row(
    "Flow",
    (
        Panel("Messages read", "cps", "Messages read from each topic and judged, a second.", Kind.LINES,
              (Metric("sum by (topic) (rate(lianyun_events_received_total[$__rate_interval]))", "{{topic}}"),), _DOWN),
        Panel("Events stored and messages refused", "cps",
              "Events stored for the first time, and messages that became dead letters, a second.", Kind.LINES,
              (Metric("sum(rate(lianyun_events_stored_total[$__rate_interval]))", "stored"),
               Metric("sum(rate(lianyun_events_refused_total[$__rate_interval]))", "refused")), _DOWN),
        Panel("Latency, 99 in 100", "s",
              "From publishing to the log (published_to_log) and from there to the visible commit (log_to_state).",
              Kind.LINES, (Metric(_LATENCY.format("0.99"), "{{stage}}"),), (TO_OBJECTIVES,), empty=_REST),
        Panel("Latency, median", "s", "The same for one in two messages.", Kind.LINES,
              (Metric(_LATENCY.format("0.5"), "{{stage}}"),), (TO_OBJECTIVES,), empty=_REST),
        Panel("Messages that wait, by topic", "none", "Between the workers' positions and the end of the log.", Kind.LINES,
              (Metric("sum by (topic) (lianyun_ledger_lag_events)", "{{topic}}"),), _DOWN),
        Panel("The oldest that waits, by topic", "s", "How long ago the oldest message was appended that is not applied.",
              Kind.LINES,
              (Metric("time() - min by (topic) (lianyun_oldest_waiting_timestamp_seconds)", "{{topic}}"),), _DOWN,
              empty="nothing waits"),
    ),
)  # fmt: skip

WORK = Row(
    "Work",
    (
        Panel("Parts of the transaction", "percentunit", "Share of a second spent in each stage of the batch transaction.",
              Kind.LINES,
              (Metric("sum by (stage) (rate(lianyun_transaction_stage_seconds_total[$__rate_interval]))", "{{stage}}"),),
              _DOWN, empty=_REST),
        Panel("Work per batch, 99 in 100", "s", "By step: admission, transaction, credit, cases.", Kind.LINES,
              (Metric(_STEP, "{{step}}"),), _DOWN, empty=_REST),
        Panel("Followers behind", "s",
              "Since credit signals, cases and arrival times last stood at all events that were visible.", Kind.LINES,
              (Metric("time() - max(lianyun_credit_whole_timestamp_seconds)", "credit signals"),
               Metric("time() - max(lianyun_cases_whole_timestamp_seconds)", "cases"),
               Metric("time() - max(lianyun_arrival_whole_timestamp_seconds)", "arrival times")), (TO_FINANCING,)),
        Panel("Rebalances and ended workers", "none",
              "Changes of the assignment, and worker processes that ended, in the interval. The supervisor of a machine shows the second; in "
              "containers nobody does, and restarts show as new starts.",
              Kind.LINES,
              (Metric("sum(increase(lianyun_rebalances_total[$__rate_interval]))", "rebalances"),
               Metric("sum by (exit) (increase(lianyun_worker_exits_total[$__rate_interval]))", "{{exit}}")), _DOWN, empty="no worker ended"),
        Panel("Faults while reading", "none",
              "Fetches that did not continue and were read again, and the broker's errors, in the interval.", Kind.LINES,
              (Metric("sum(increase(lianyun_fetch_gaps_total[$__rate_interval]))", "gaps"),
               Metric("sum(increase(lianyun_fetch_errors_total[$__rate_interval]))", "errors")), _DOWN),
        Panel("Read and not applied", "none", "Messages that workers hold in memory.", Kind.LINES,
              (Metric("sum(lianyun_backlog_events)", "messages"),), _DOWN),
    ),
)  # fmt: skip

LOG = Row(
    "Transparency log",
    (
        Panel("Entries", "none", "How many have joined the log, and how many of them the quorum of witnesses has cosigned.", Kind.LINES,
              (Metric("max(lianyun_transparency_entries)", "joined"),
               Metric("max(lianyun_transparency_cosigned_entries)", "cosigned")), _DOWN, width=8),
        Panel("Since the log held all", "s", "How long ago it last held all that was visible.", Kind.LINES,
              (Metric("time() - max(lianyun_transparency_whole_timestamp_seconds)", "age"),), _DOWN, width=8, alarming=120),
        Panel("Since it was cosigned", "s", "How long ago the quorum last cosigned; while nothing joins it grows and means nothing.",
              Kind.LINES, (Metric("time() - max(lianyun_transparency_cosigned_timestamp_seconds > 0)", "age"),), _DOWN, width=8,
              empty="nothing was cosigned in this time"),
    ),
)  # fmt: skip

DATABASE = Row(
    "Database and exporter",
    (
        Panel("Sessions", "none", "Sessions of the server that are open, and how many it allows.", Kind.LINES,
              (Metric("max(lianyun_database_connections)", "open"),
               Metric("max(lianyun_database_connections_max)", "allowed")), _DOWN, width=8),
        Panel("Size", "bytes", "What the database takes on disk.", Kind.LINES,
              (Metric("max(lianyun_database_size_bytes)", "database"),), _DOWN, width=8),
        Panel("Sessions that wait for a lock", "none", "Held up by other sessions; workers wait for milliseconds.", Kind.LINES,
              (Metric("max(lianyun_database_lock_waits)", "sessions"),), _DOWN, width=8),
        Panel("The oldest transaction that writes", "s",
              "Webhooks, credit signals, cases and exports wait for it.", Kind.LINES,
              (Metric("time() - min(lianyun_oldest_writing_transaction_timestamp_seconds)", "age"),), _DOWN, width=8,
              empty="no transaction writes", alarming=300),
        Panel("To be looked at once more", "none",
              "Changes of structure that are not settled; a head may be stale until they are.", Kind.LINES,
              (Metric("max(lianyun_unsettled_notes)", "notes"),), _DOWN, width=8),
        Panel("Since the exporter had an answer", "s", "By question; what a stale answer showed is gone after a while.",
              Kind.LINES,
              (Metric("time() - max by (question) (lianyun_exporter_refreshed_timestamp_seconds)", "{{question}}"),),
              _DOWN, width=8, alarming=900),
        Panel("How long answers took", "s", "The latest answer to each question of the exporter.", Kind.LINES,
              (Metric("max by (question) (lianyun_exporter_question_seconds)", "{{question}}"),), _DOWN, width=8),
        Panel("Clock of the database", "s", "How far it is ahead of the exporter's; negative where it is behind.", Kind.LINES,
              (Metric("max(lianyun_database_clock_offset_seconds)", "ahead"),), _DOWN, width=24),
        Panel("Consignments whose state failed", "none",
              "Their values are old until that is mended; `lianyun fsck` names them.", Kind.NUMBER,
              (Metric("max(lianyun_consignments_broken)"),), _DOWN, width=8, height=4, alarming=1),
        Panel("Releases at work", "none", "How many processes work by which release.", Kind.BARS,
              (Metric("count by (version) (lianyun_build_info)", "{{version}}"),), _DOWN, width=8, height=4),
        Panel("Version of the registry", "none", "By which the workers judge; they agree within seconds of a change.",
              Kind.NUMBER, (Metric("max(lianyun_registry_version)"),), _DOWN, width=8, height=4),
    ),
)  # fmt: skip

STORAGE = Row(
    "Servers and disks",
    (
        Panel("Database and broker", "none", "1 where a new session or client is answered, 0 where it is not.", Kind.NUMBER,
              (Metric("(min(lianyun_database_up) * min(lianyun_broker_up)) or min(lianyun_database_up)"),), _DOWN, width=4, height=8, alarming_below=1,
              empty="the exporter probes neither"),
        Panel("Disks, taken", "percentunit", "By disk: of the database, of the archive of its log, of backups, and of each broker.", Kind.LINES,
              (Metric("1 - min by (disk) (lianyun_disk_free_bytes / lianyun_disk_size_bytes)", "{{disk}}"),), _DOWN, width=10, alarming=0.95,
              empty="no disk is named to the exporter, and no broker answers with its own"),
        Panel("Log of Kafka", "bytes", "What the topics of each broker take on its disks.", Kind.LINES,
              (Metric("max by (disk) (lianyun_broker_log_size_bytes)", "{{disk}}"),), _DOWN, width=10,
              empty="no broker answers with its disks"),
        Panel("Since a segment of the database's log was archived", "s", "At rest one a minute; what lies behind it is lost with the disk.", Kind.LINES,
              (Metric("time() - max(lianyun_archiver_last_archived_timestamp_seconds > 0)", "age"),), _DOWN, width=8,
              empty="nothing is archived"),
        Panel("Log of the database", "bytes", "What its write-ahead log takes beside the data; it grows where archiving fails.", Kind.LINES,
              (Metric("max(lianyun_wal_size_bytes)", "write-ahead log"),), _DOWN, width=8,
              empty="the exporter's role may not see it"),
        Panel("Certificates", "s", "How long what servers show now counts.", Kind.LINES,
              (Metric("min by (certificate) (lianyun_certificate_expires_timestamp_seconds) - time()", "{{certificate}}"),), _DOWN, width=8,
              empty="no server with a certificate is named to the exporter"),
    ),
)  # fmt: skip

PIPELINE_HEALTH = Dashboard(
    "pipeline-health",
    "Pipeline health",
    "Does what partners publish become visible, how fast, and what stands in its way? For who runs the platform.",
    (NOW, STORAGE, FLOW, WORK, LOG, DATABASE),
    links=(TO_PARTNERS, TO_OBJECTIVES, TO_FINANCING),
    since="now-1h",
)
