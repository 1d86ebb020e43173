"""The metrics of the exporter, which it reads from the database or probes itself, so independent of the number of workers.

Times are exported as timestamps, not as ages, so that a dead process still shows as late (`time() - x`).
"""

from __future__ import annotations

from services.telemetry.definitions import Definition

# --- dead letters -----------------------------------------------------------------------------------------------
DEAD_LETTERS = Definition(
    "lianyun_dead_letters",
    "gauge",
    "Dead letters by whom they are put down to, why, and what became of them.",
    ("partner", "reason", "outcome"),
)
DEAD_LETTERS_OPEN = Definition(
    "lianyun_dead_letters_open",
    "gauge",
    "Dead letters that nobody has dealt with, of all publishers and reasons; 0 where there is none.",
)
DEAD_LETTER_OLDEST = Definition(
    "lianyun_dead_letter_oldest_timestamp_seconds",
    "gauge",
    "Append time of the oldest dead letter that is open.",
    ("partner",),
)
DEAD_LETTERS_CUT = Definition(
    "lianyun_dead_letters_cut_total",
    "counter",
    "Messages refused beyond the bound on letters of one publisher and hour: counted with their place in the log, not stored.",
    ("partner", "reason"),
)
DEAD_LETTER_OUTCOMES = Definition(
    "lianyun_dead_letter_outcomes_total",
    "counter",
    "What came of operators' actions on dead letters that are still kept: redriven, discarded, replaced, refused again.",
    ("outcome",),
)

# --- border crossings, from the database -----------------------------------------------------------------------
BORDER_TRAINS_WAITING = Definition(
    "lianyun_border_trains_waiting",
    "gauge",
    "Trains that stand beside the crossing and were not handed over, by station: those that the border board shows as queued.",
    ("crossing", "station"),
)
BORDER_LONGEST_WAITING = Definition(
    "lianyun_border_longest_waiting_arrival_timestamp_seconds",
    "gauge",
    "Since when the train stands at the crossing that waits longest there; absent where none waits.",
    ("crossing",),
)
BORDER_TRAINS_PASSED = Definition(
    "lianyun_border_trains_passed",
    "gauge",
    "Trains of the last 28 days whose boxes went on from the crossing: what the dwell is taken from.",
    ("crossing",),
)
BORDER_DWELL_MEDIAN = Definition(
    "lianyun_border_dwell_median_seconds",
    "gauge",
    "From a train's arrival beside the crossing until most of its boxes went on: the median of the last 28 days.",
    ("crossing",),
)
BORDER_DWELL_P90 = Definition(
    "lianyun_border_dwell_p90_seconds",
    "gauge",
    "From a train's arrival beside the crossing until most of its boxes went on: nine in ten of 28 days took no longer.",
    ("crossing",),
)
BORDER_DWELL_LATELY = Definition(
    "lianyun_border_dwell_lately_median_seconds",
    "gauge",
    "The same median of the trains of the last 3 days alone.",
    ("crossing",),
)
BORDER_TRAINS_PASSED_LATELY = Definition(
    "lianyun_border_trains_passed_lately",
    "gauge",
    "Trains of the last 3 days whose boxes went on from the crossing.",
    ("crossing",),
)

# --- consignments, from the database ----------------------------------------------------------------------------
CONSIGNMENTS = Definition(
    "lianyun_consignments",
    "gauge",
    "Consignments not yet delivered, by what the latest fact about their own boxes says; facts of their train apart.",
    ("corridor", "phase"),
)
CONSIGNMENTS_DISPUTED = Definition(
    "lianyun_consignments_disputed",
    "gauge",
    "Consignments about which publishers disagree beyond the tolerance.",
    ("corridor",),
)
CONSIGNMENTS_EXCEPTIONAL = Definition(
    "lianyun_consignments_exceptional",
    "gauge",
    "Consignments with an open exception: held, detained, damaged and the like.",
    ("corridor",),
)
CONSIGNMENTS_BROKEN = Definition(
    "lianyun_consignments_broken",
    "gauge",
    "Consignments whose state could not be computed; their values are old until that is mended.",
)
CONSIGNMENTS_LATE = Definition(
    "lianyun_consignments_late",
    "gauge",
    "Consignments of which an announced movement is overdue, by how long ago the earliest of these was to happen.",
    ("corridor", "bucket"),
)
MILESTONES_OVERDUE = Definition(
    "lianyun_milestones_overdue",
    "gauge",
    "Consignments of which this milestone was announced for a time that has passed, and is not known; absent where none is.",
    ("milestone", "corridor"),
)
CONSIGNMENTS_SILENT = Definition(
    "lianyun_consignments_silent",
    "gauge",
    "Consignments on their way without news for longer than is usual on their leg, or for a week where that is not known.",
    ("corridor",),
)
PUBLISHER_SILENT = Definition(
    "lianyun_publisher_silent_since_timestamp_seconds",
    "gauge",
    "Since when a publisher has been silent on a leg for longer than is usual there, by its open case; absent where it is not.",
    ("partner", "leg"),
)
LATENESS_AS_OF = Definition(
    "lianyun_lateness_as_of_timestamp_seconds",
    "gauge",
    "The moment that late, overdue and silent are of: the process that keeps cases judges them; all are absent when it is behind.",
)
TRANSITS = Definition(
    "lianyun_transits",
    "gauge",
    "Consignments that came to their destination in the last 28 days: what transit times are taken from.",
    ("corridor",),
)
TRANSIT_MEDIAN = Definition(
    "lianyun_transit_median_seconds",
    "gauge",
    "From the first fact on the way of a consignment's own boxes until the first at its destination: the median of these.",
    ("corridor",),
)
TRANSIT_P90 = Definition(
    "lianyun_transit_p90_seconds",
    "gauge",
    "The same time, which nine in ten of these did not exceed.",
    ("corridor",),
)

ETA_ARRIVALS = Definition(
    "lianyun_eta_arrivals",
    "gauge",
    "Consignments that arrived at their destination in the last 28 days: estimated by somebody before, or not.",
    ("corridor", "outcome"),
)
ETA_ERROR_MEDIAN = Definition(
    "lianyun_eta_error_median_seconds",
    "gauge",
    "How far the last estimate before an arrival was from it, too early or too late: the median of these.",
    ("corridor",),
)
ETA_ERROR_P90 = Definition(
    "lianyun_eta_error_p90_seconds",
    "gauge",
    "The same distance, which nine in ten of these did not exceed.",
    ("corridor",),
)
ETA_LATE_MEDIAN = Definition(
    "lianyun_eta_late_median_seconds",
    "gauge",
    "How much later than their last estimate half of these arrived at most; below 0 where they came earlier.",
    ("corridor",),
)
BORDER_ETA_ARRIVALS = Definition(
    "lianyun_border_eta_arrivals",
    "gauge",
    "Trains that arrived beside the crossing in the last 28 days: estimated by somebody before, or not.",
    ("crossing", "outcome"),
)
BORDER_FORECASTS = Definition(
    "lianyun_border_forecasts",
    "gauge",
    "Waits and hand-overs of 26 weeks by where they lay in what was forecast before their week: below P10, within, above P90; none where few.",
    ("crossing", "outcome"),
)
BORDER_ETA_ERROR_MEDIAN = Definition(
    "lianyun_border_eta_error_median_seconds",
    "gauge",
    "How far the last estimate before a train's arrival was from it, too early or too late: the median of these.",
    ("crossing",),
)
BORDER_ETA_ERROR_P90 = Definition(
    "lianyun_border_eta_error_p90_seconds",
    "gauge",
    "The same distance, which nine in ten of these did not exceed.",
    ("crossing",),
)
BORDER_ETA_LATE_MEDIAN = Definition(
    "lianyun_border_eta_late_median_seconds",
    "gauge",
    "How much later than their last estimate half of these arrived at most; below 0 where they came earlier.",
    ("crossing",),
)

# --- financing, from the database -------------------------------------------------------------------------------
FINANCINGS = Definition(
    "lianyun_financings",
    "gauge",
    "Financings that hold an interest: reserved (also where that has run out unasked) or pledged.",
    ("status",),
)
FINANCING_LAST_DECISION = Definition(
    "lianyun_financing_last_decision_timestamp_seconds",
    "gauge",
    "When the financing of which nothing was decided for longest was last decided on, by its status; absent where none holds.",
    ("status",),
)
FINANCING_TRANSITIONS = Definition(
    "lianyun_financing_transitions_total",
    "counter",
    "Changes of where financings stand, by recorded decisions, of all that were ever taken.",
    ("from", "to"),
)
FINANCING_REQUESTS = Definition(
    "lianyun_financing_requests_open",
    "gauge",
    "Signed requests for a decision that nothing has answered yet.",
)
FINANCING_REQUEST_OLDEST = Definition(
    "lianyun_financing_request_oldest_timestamp_seconds",
    "gauge",
    "Append time of the oldest of them; absent where none is open.",
)

# --- partners, from the database --------------------------------------------------------------------------------
PARTNER_LAST_ACCEPTED = Definition(
    "lianyun_partner_last_accepted_timestamp_seconds",
    "gauge",
    "Append time of the latest event accepted from a partner, whichever worker took it and however long ago.",
    ("partner",),
)
PARTNER_EXPECTED_INTERVAL = Definition(
    "lianyun_partner_expected_interval_seconds",
    "gauge",
    "After how long without an event a partner counts as silent, as the exporter is told.",
    ("partner",),
)
PARTNER_KEY_EXPIRES = Definition(
    "lianyun_partner_key_expires_timestamp_seconds",
    "gauge",
    "When the last key of a partner that still counts runs out; absent where one has no end.",
    ("partner",),
)

# --- database ---------------------------------------------------------------------------------------------------
DATABASE_CONNECTIONS = Definition(
    "lianyun_database_connections", "gauge", "Sessions of the database server that are open."
)
DATABASE_CONNECTIONS_MAX = Definition(
    "lianyun_database_connections_max", "gauge", "Sessions that the database server allows."
)
DATABASE_LOCK_WAITS = Definition(
    "lianyun_database_lock_waits", "gauge", "Sessions of the database server that wait for a lock."
)
DATABASE_SIZE = Definition("lianyun_database_size_bytes", "gauge", "What the database takes on disk.")
DATABASE_CLOCK_OFFSET = Definition(
    "lianyun_database_clock_offset_seconds",
    "gauge",
    "How far the database's clock is ahead of the exporter's; negative where it is behind.",
)
DATABASE_UP = Definition(
    "lianyun_database_up",
    "gauge",
    "1 where the database lets in a new session and answers it, 0 where it does not.",
)
WAL_SIZE = Definition(
    "lianyun_wal_size_bytes",
    "gauge",
    "What the database's write-ahead log takes beside the data; absent where the exporter's role may not see it.",
)
ARCHIVER_ARCHIVED = Definition(
    "lianyun_archiver_last_archived_timestamp_seconds",
    "gauge",
    "When a segment of the write-ahead log was last archived; 0: never. Absent where nothing is to be archived.",
)
ARCHIVER_FAILED = Definition(
    "lianyun_archiver_last_failed_timestamp_seconds",
    "gauge",
    "When archiving a segment last failed; 0: never. Absent where nothing is to be archived.",
)
ARCHIVER_FAILURES = Definition(
    "lianyun_archiver_failures_total", "counter", "Failures to archive a segment of the write-ahead log."
)
OLDEST_TRANSACTION = Definition(
    "lianyun_oldest_writing_transaction_timestamp_seconds",
    "gauge",
    "Begin of the oldest transaction that writes; whoever reads by position waits for it. Absent where none is open.",
)
UNSETTLED = Definition(
    "lianyun_unsettled_notes",
    "gauge",
    "Changes of structure that are still to be looked at once more; a head may be stale until they are.",
)

# --- broker, disks and certificates ---------------------------------------------------------------------------------
BROKER_UP = Definition(
    "lianyun_broker_up",
    "gauge",
    "1 where a broker lets in a new client and answers it, 0 where it does not; absent where LIANYUN_BOOTSTRAP is not set.",
)
BROKER_LOG_SIZE = Definition(
    "lianyun_broker_log_size_bytes", "gauge", "What the log of a broker holds on one of its disks.", ("disk",)
)
DISK_SIZE = Definition("lianyun_disk_size_bytes", "gauge", "Capacity of a disk.", ("disk",))
DISK_FREE = Definition("lianyun_disk_free_bytes", "gauge", "What can still be written to a disk.", ("disk",))
CERTIFICATE_EXPIRES = Definition(
    "lianyun_certificate_expires_timestamp_seconds",
    "gauge",
    "When the certificate ends that a server shows to who connects now.",
    ("certificate",),
)

# --- the exporter itself --------------------------------------------------------------------------------------------
EXPORTER_REFRESHED = Definition(
    "lianyun_exporter_refreshed_timestamp_seconds",
    "gauge",
    "When the exporter last had an answer, by what it asked.",
    ("question",),
)
EXPORTER_SECONDS = Definition(
    "lianyun_exporter_question_seconds", "gauge", "How long the latest answer took.", ("question",)
)

# --- trades -----------------------------------------------------------------------------------------------------
TRADE_FINDINGS = Definition(
    "lianyun_trade_findings",
    "gauge",
    "Findings of the checks on trades that are for somebody to look at and that nobody explained, by check and verdict.",
    ("check", "verdict"),
)
