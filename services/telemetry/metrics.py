"""What processes count of their own work, each metric declared once; `gauges` has what is read from the database.

Times are exported as timestamps, not as ages, so that a dead process is still seen as late (`time() - x`).
"""

from __future__ import annotations

from services.telemetry.definitions import Definition as Definition

_LATENCY = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_AGE = (1.0, 5.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0, 604_800.0)
_WORK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SIZE = (1, 5, 20, 50, 100, 250, 500, 1_000, 2_000, 5_000)

# --- ingest -----------------------------------------------------------------------------------------------------
EVENTS_RECEIVED = Definition(
    "lianyun_events_received_total", "counter", "Messages read from a topic and judged.", ("topic",)
)
EVENTS_ACCEPTED = Definition(
    "lianyun_events_accepted_total",
    "counter",
    "Messages admitted and committed, duplicates included.",
    ("partner", "event_type"),
)
EVENTS_REFUSED = Definition(
    "lianyun_events_refused_total",
    "counter",
    "Messages refused: stored as dead letters, or counted beyond the bound on them.",
    ("partner", "reason"),
)
EVENTS_STORED = Definition("lianyun_events_stored_total", "counter", "Events stored for the first time.")
EVENTS_DUPLICATE = Definition(
    "lianyun_events_duplicate_total",
    "counter",
    "Events that were stored already, byte for byte.",
    ("partner",),
)
EVENTS_EQUIVOCATING = Definition(
    "lianyun_events_equivocating_total",
    "counter",
    "Events whose id was used before for other content: none of them counts.",
    ("partner",),
)
EVENTS_OUT_OF_ORDER = Definition(
    "lianyun_events_out_of_order_total",
    "counter",
    "Accepted messages published before one that stands earlier in the same partition.",
    ("partner",),
)
IDENTIFIER_DOUBTS = Definition(
    "lianyun_identifier_doubts_total",
    "counter",
    "Remarks on accepted events: ids, places and times about which something is doubtful, by what it is.",
    ("partner", "flag"),
)
BATCH_EVENTS = Definition(
    "lianyun_batch_events", "histogram", "Messages per transaction.", buckets=tuple(map(float, _SIZE))
)

# --- freshness --------------------------------------------------------------------------------------------------
EVENT_AGE = Definition(
    "lianyun_event_age_seconds",
    "histogram",
    "From the publisher's own time of publishing to the broker's append, so not longer while we catch up.",
    ("partner",),
    _AGE,
)
PARTNER_LAST_EVENT = Definition(
    "lianyun_partner_last_event_timestamp_seconds",
    "gauge",
    "Latest time of publishing among a partner's accepted events.",
    ("partner",),
)
TOPIC_WATERMARK = Definition(
    "lianyun_topic_watermark_timestamp_seconds",
    "gauge",
    "Append time of the latest message applied, by topic.",
    ("topic",),
)

# --- pipeline ---------------------------------------------------------------------------------------------------
PIPELINE_LATENCY = Definition(
    "lianyun_pipeline_latency_seconds",
    "histogram",
    "From publishing to the broker's append time (published_to_log), from there to the visible commit (log_to_state).",
    ("stage",),
    _LATENCY,
)
STEP_SECONDS = Definition(
    "lianyun_step_seconds", "histogram", "Work per batch, by step of the pipeline.", ("step",), _WORK
)
TRANSACTION_STAGE_SECONDS = Definition(
    "lianyun_transaction_stage_seconds_total",
    "counter",
    "Time spent in each stage of the batch transaction.",
    ("stage",),
)
LEDGER_LAG = Definition(
    "lianyun_ledger_lag_events",
    "gauge",
    "Messages between the worker's position and the end of the log.",
    ("topic", "partition"),
)
BACKLOG_EVENTS = Definition("lianyun_backlog_events", "gauge", "Messages read and not yet applied.")
OLDEST_WAITING = Definition(
    "lianyun_oldest_waiting_timestamp_seconds",
    "gauge",
    "Append time of the oldest message read and not yet applied, by topic; absent where none waits.",
    ("topic",),
)
LAST_COMMIT = Definition(
    "lianyun_last_commit_timestamp_seconds", "gauge", "When the worker last committed a batch."
)
REBALANCES = Definition(
    "lianyun_rebalances_total", "counter", "Changes of the group's assignment seen by the worker."
)
FETCH_GAPS = Definition(
    "lianyun_fetch_gaps_total", "counter", "Fetches that did not continue and were read again."
)
FETCH_ERRORS = Definition("lianyun_fetch_errors_total", "counter", "Errors of the broker while fetching.")
LOG_COMPARISONS = Definition(
    "lianyun_log_comparisons_total",
    "counter",
    "Fetches before which the last record was looked at in the log again: the first after a claim, a new connection, a new leader.",
)
PARTITION_STOPPED = Definition(
    "lianyun_partition_stopped",
    "gauge",
    "1 while a partition waits for an operator because its log moved.",
    ("topic", "partition", "reason"),
)
TOPIC_MISSING = Definition(
    "lianyun_topic_missing", "gauge", "1 while a topic that is to be read does not exist.", ("topic",)
)
TOPIC_RESTS_UNTIL = Definition(
    "lianyun_topic_rests_until_timestamp_seconds",
    "gauge",
    "Until when a topic of one party alone rests whose messages were nearly all refused; in the past when it flows.",
    ("topic",),
)
WORKER_READY = Definition("lianyun_worker_ready", "gauge", "1 while the worker has its assignment and works.")
REGISTRY_VERSION = Definition(
    "lianyun_registry_version", "gauge", "Version of the registry that the worker judges by."
)

# --- API --------------------------------------------------------------------------------------------------------
API_REQUESTS = Definition(
    "lianyun_api_requests_total",
    "counter",
    "Requests answered, by route as declared and status.",
    ("route", "status"),
)
API_SECONDS = Definition(
    "lianyun_api_request_seconds", "histogram", "From a request to its answer, by route.", ("route",), _WORK
)
API_IN_PROGRESS = Definition(
    "lianyun_api_requests_in_progress", "gauge", "Requests that are being answered now."
)
API_AUTH_FAILURES = Definition(
    "lianyun_api_auth_failures_total",
    "counter",
    "Requests that were not let in, by why: whoever asked is not proven, or may not do this.",
    ("reason",),
)
API_RATE_LIMITED = Definition(
    "lianyun_api_rate_limited_total",
    "counter",
    "Requests beyond the budget of a client, or of an address at the token endpoint.",
    ("client",),
)
API_EVENTS_REFUSED = Definition(
    "lianyun_api_events_refused_total",
    "counter",
    "Posted events that were refused at once, with the reason, and not published: they are no dead letters.",
    ("reason",),
)
API_CERTIFICATE_EXPIRES = Definition(
    "lianyun_api_certificate_expires_timestamp_seconds",
    "gauge",
    "When the certificate that the API serves with runs out; 0 where it serves none itself.",
)
PAGES_REQUESTS = Definition(
    "lianyun_pages_requests_total",
    "counter",
    "Requests of browsers answered, by route as declared and status.",
    ("route", "status"),
)
PAGES_SECONDS = Definition(
    "lianyun_pages_request_seconds",
    "histogram",
    "From a browser's request to its answer, by route.",
    ("route",),
    _WORK,
)
PAGES_RATE_LIMITED = Definition(
    "lianyun_pages_rate_limited_total", "counter", "Requests of browsers beyond the budget of their address."
)
EXCHANGE_REQUESTS = Definition(
    "lianyun_exchange_requests_total",
    "counter",
    "Requests of other platforms answered, by route as declared and status.",
    ("route", "status"),
)
EXCHANGE_SECONDS = Definition(
    "lianyun_exchange_request_seconds",
    "histogram",
    "From another platform's request to its answer, by route.",
    ("route",),
    _WORK,
)
EXCHANGE_IN_PROGRESS = Definition(
    "lianyun_exchange_requests_in_progress",
    "gauge",
    "Requests of other platforms that are being answered now.",
)
EXCHANGE_RATE_LIMITED = Definition(
    "lianyun_exchange_rate_limited_total",
    "counter",
    "Requests of other platforms beyond a budget, by whose it is: of an address, or of the platform that signed.",
    ("by",),
)
EXCHANGE_WAITING = Definition(
    "lianyun_exchange_waiting",
    "gauge",
    "Documents on their way that are not settled: sent (out), or come and not accepted yet (in).",
    ("direction",),
)
DATABASE_POOL_SIZE = Definition(
    "lianyun_database_pool_size", "gauge", "Sessions that the process holds with the database."
)
DATABASE_POOL_IN_USE = Definition(
    "lianyun_database_pool_in_use", "gauge", "Sessions of them that a request is using now."
)
DATABASE_POOL_WAITING = Definition(
    "lianyun_database_pool_waiting", "gauge", "Requests that wait for a session."
)

# --- webhooks ---------------------------------------------------------------------------------------------------
WEBHOOK_DELIVERIES = Definition(
    "lianyun_webhook_deliveries_total",
    "counter",
    "Attempts to deliver a message, by what came of it: delivered, failed (tried again), dead (given up).",
    ("outcome",),
)
WEBHOOK_SECONDS = Definition(
    "lianyun_webhook_delivery_seconds",
    "histogram",
    "From the commit of what a message tells of to its delivery.",
    (),
    _LATENCY,
)
WEBHOOK_WAITING = Definition(
    "lianyun_webhook_waiting", "gauge", "Deliveries that wait for endpoints that are enabled."
)
WEBHOOK_OLDEST = Definition(
    "lianyun_webhook_oldest_due_timestamp_seconds",
    "gauge",
    "When the delivery that waits longest for its next attempt was or is due; 0 where none waits.",
)
WEBHOOK_DISABLED = Definition(
    "lianyun_webhook_disabled", "gauge", "Endpoints that the platform disabled after long failure."
)

# --- notifications ----------------------------------------------------------------------------------------------
NOTIFICATION_MAILS = Definition(
    "lianyun_notification_mails_total",
    "counter",
    "Attempts to send mail to a subscriber: sent, failed (tried again), refused (by its address, for good), dead (given up), dropped "
    "(not to be seen any more).",
    ("outcome",),
)
NOTIFICATIONS_WAITING = Definition(
    "lianyun_notifications_waiting", "gauge", "Mails to subscribers that wait to be sent."
)
NOTIFICATIONS_OLDEST = Definition(
    "lianyun_notifications_oldest_due_timestamp_seconds",
    "gauge",
    "When the mail or the look at a subscription that waits longest was or is due; 0 where there is none.",
)
NOTIFICATIONS_SUSPENDED = Definition(
    "lianyun_notifications_suspended", "gauge", "Subscriptions whose address refuses mail."
)

# --- credit signals ---------------------------------------------------------------------------------------------
CREDIT_WHOLE = Definition(
    "lianyun_credit_whole_timestamp_seconds",
    "gauge",
    "When the credit signals last stood at all events that were visible.",
)
CREDIT_EVENTS_FOLLOWED = Definition(
    "lianyun_credit_events_followed_total",
    "counter",
    "Events that the credit signals have followed, those put aside later counted once more.",
)
CREDIT_OBSERVATIONS_CHANGED = Definition(
    "lianyun_credit_observations_changed_total",
    "counter",
    "Observations of shippers that came, went or were judged otherwise.",
)
CREDIT_BROKEN = Definition(
    "lianyun_credit_broken",
    "gauge",
    "Events, cargoes and shippers that the credit signals cannot read or judge; their values are old until it is mended.",
)

# --- transparency log -------------------------------------------------------------------------------------------
TRANSPARENCY_WHOLE = Definition(
    "lianyun_transparency_whole_timestamp_seconds",
    "gauge",
    "When the transparency log last held all that was visible.",
)
TRANSPARENCY_ENTRIES = Definition("lianyun_transparency_entries", "gauge", "Entries of the transparency log.")
TRANSPARENCY_COSIGNED = Definition(
    "lianyun_transparency_cosigned_entries",
    "gauge",
    "Entries of the transparency log that the quorum of witnesses has cosigned.",
)
TRANSPARENCY_COSIGNED_AT = Definition(
    "lianyun_transparency_cosigned_timestamp_seconds",
    "gauge",
    "When the quorum of witnesses last cosigned the log.",
)

# --- arrival times ----------------------------------------------------------------------------------------------
ARRIVAL_WHOLE = Definition(
    "lianyun_arrival_whole_timestamp_seconds",
    "gauge",
    "When the legs behind arrival times last stood at all events that were visible.",
)
ARRIVAL_EVENTS_FOLLOWED = Definition(
    "lianyun_arrival_events_followed_total",
    "counter",
    "Events that the legs behind arrival times have followed.",
)
ARRIVAL_BROKEN = Definition(
    "lianyun_arrival_broken",
    "gauge",
    "Consignments whose journey cannot be evaluated; their legs are old until it is mended.",
)

# --- cases ------------------------------------------------------------------------------------------------------
CASES_WHOLE = Definition(
    "lianyun_cases_whole_timestamp_seconds",
    "gauge",
    "When the causes of cases last stood at all events that were visible.",
)
CASES_EVENTS_FOLLOWED = Definition(
    "lianyun_cases_events_followed_total",
    "counter",
    "Events that cases have followed, those put aside later counted once more, and decisions on financings.",
)
CASES_STEPS = Definition(
    "lianyun_cases_steps_total", "counter", "Steps of cases taken by rule: opened, reopened, closed."
)
CASES_UNREAD = Definition(
    "lianyun_cases_unread_total",
    "counter",
    "Consignments whose events could not be read when their cases were looked at; these stayed as they were.",
)

# --- processes --------------------------------------------------------------------------------------------------
WORKER_EXITS = Definition(
    "lianyun_worker_exits_total",
    "counter",
    "Worker processes that ended, by exit; a fence shows here as FENCED.",
    ("worker", "exit"),
)
BUILD_INFO = Definition(
    "lianyun_build_info", "gauge", "Always 1; the version is in the labels.", ("version",)
)
