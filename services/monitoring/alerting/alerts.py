"""The declaration of an alert, and the alerts that are not about an objective."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Severity = Literal["page", "ticket", "none"]
RUNBOOKS = "ops/runbooks"
RUNBOOKS_URL = "{{ $externalURL }}/user"
"""Where Prometheus serves the folder of its --web.user-assets, which is that of the runbooks."""

_NAME = re.compile(r"([A-Z][a-z0-9]*)+")
_LABEL = re.compile(r"\{\{ \$labels\.([a-z_]+) \}\}")
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400}


def counter_increase(series: str, window: str) -> str:
    """PromQL: the increase of each counter of ``series`` in ``window`` (15m, 1h, 3d), its first value included.

    ``increase`` takes the first sample for the value that the counter always had, so a first burst would not count. Here it counts from
    0 where its process was scraped at the start of the window without that series, or has started since; where neither is known, as
    Prometheus itself is new, only the observed increase counts.
    """
    risen = f"increase({series}[{window}])"
    seconds = int(window[:-1]) * _SECONDS[window[-1]]
    began = f"(up offset {window} == 1 or time() - process_start_time_seconds < {seconds})"
    first = f"(({series} unless {series} offset {window}) and on (job, instance) {began})"
    return f"{first} > {risen} or {risen}"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alerting rule: it fires when ``expression`` (PromQL) has held for ``after``.

    ``page`` wakes somebody, ``ticket`` waits for working hours, ``none`` is for the watchdog alone. ``summary`` is one sentence for an
    operator, with ``{{ $labels.x }}`` for the subject. Once it fires it goes on for ``lingers`` after its end, so that what follows from
    it can end first, and what comes and goes is one alert. Raises ValueError for a name or a text that breaks a rule.
    """

    name: str
    severity: Severity
    expression: str
    after: str
    summary: str
    slo: str = ""
    lingers: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name}: an alert is named in CamelCase")
        if not self.summary.endswith("."):
            raise ValueError(f"{self.name}: the summary is a sentence")
        for duration in (self.after, self.lingers or "0s"):
            if not re.fullmatch(r"\d+[smhd]", duration):
                raise ValueError(f"{self.name}: {duration} is no duration such as 5m, 0s for at once")

    @property
    def runbook(self) -> str:
        """The path of its runbook in the repository."""
        return f"{RUNBOOKS}/{'-'.join(re.findall('[A-Z][a-z0-9]*', self.name)).lower()}.md"

    @property
    def labels(self) -> dict[str, str]:
        """The labels added to those of the expression."""
        return {"severity": self.severity, "team": "platform", **({"slo": self.slo} if self.slo else {})}

    @property
    def summary_labels(self) -> frozenset[str]:
        """The labels that the summary names."""
        return frozenset(_LABEL.findall(self.summary))


DAY = 86_400
_FLOWING = (
    "lianyun_ledger_lag_events unless on (topic) (lianyun_topic_rests_until_timestamp_seconds > time()) "
    "unless on (topic, partition) (lianyun_partition_stopped > 0)"
)
_REFUSED = f"sum by (partner) ({counter_increase('lianyun_events_refused_total', '15m')})"
_ACCEPTED = f"sum by (partner) ({counter_increase('lianyun_events_accepted_total', '15m')})"
_AGES = f"sum by (partner, le) ({counter_increase('lianyun_event_age_seconds_bucket', '1h')})"
_FORECASTS = "sum(max by (crossing, outcome) (lianyun_border_forecasts{}))"
_WITHIN, _FORECAST = _FORECASTS.format('{outcome="within"}'), _FORECASTS.format("")
_OVERDUE = "max by (milestone, corridor) (lianyun_milestones_overdue{})"

_LEFT = "lianyun_disk_free_bytes / (-deriv(lianyun_disk_free_bytes[1h]) > 0)"
_FULL = "lianyun_disk_free_bytes < 0.05 * lianyun_disk_size_bytes"
_BELOW = (
    "lianyun_disk_free_bytes < 0.4 * lianyun_disk_size_bytes"  # a base backup on an empty disk is no growth
)
_OUTAGE = (
    "min(min_over_time(lianyun_database_up[15m])) == 0 or min(min_over_time(lianyun_broker_up[15m])) == 0"
)
_DEPLOYED = "count by (job, instance) (count by (job, instance, version) (count_over_time(lianyun_build_info[20m]))) > 1"
_RESTARTS = 'changes(process_start_time_seconds{job=~"workers|credit|arrival|cases|exporter|api|webhooks|notifications"}[15m]) > 2'
_SHOWN = (
    'label_replace(lianyun_certificate_expires_timestamp_seconds, "instance", "$1", "certificate", "(.+)")'
)

CAUSES = (
    Alert(
        "DatabaseDown",
        "page",
        "max(lianyun_database_up) == 0",
        "1m",
        "The database lets nobody in: nothing is applied, answered or sent until it does.",
        lingers="10m",
    ),
    Alert(
        "BrokerDown",
        "page",
        "max(lianyun_broker_up) == 0",
        "1m",
        "No broker lets anybody in: partners cannot publish, and nothing new is applied.",
        lingers="10m",
    ),
    Alert(
        "DiskFilling",
        "page",
        f"min by (disk) ({_LEFT} and {_BELOW}) < {DAY} or 0 * min by (disk) ({_FULL})",
        "10m",
        "The disk {{ $labels.disk }} is full in {{ $value | humanizeDuration }} as it fills now (0s: less than 5 % is free).",
        lingers="15m",
    ),
    Alert(
        "ArchivingFailing",
        "page",
        "max(lianyun_archiver_last_failed_timestamp_seconds) > max(lianyun_archiver_last_archived_timestamp_seconds)",
        "5m",
        "The write-ahead log is not archived: a lost disk would lose what came since, and the log fills the disk of the data.",
    ),
)

PROCESSES = (
    Alert(
        "Watchdog",
        "none",
        "vector(1)",
        "0s",
        "This alert always fires: where it is missing, alerts do not arrive.",
    ),
    Alert(
        "TargetDown",
        "page",
        "up == 0",
        "2m",
        "{{ $labels.job }} at {{ $labels.instance }} does not answer.",
    ),
    Alert(
        "NoWorkerReady",
        "page",
        "sum(lianyun_worker_ready) == 0 or absent(lianyun_worker_ready)",
        "2m",
        "No worker has its assignment: nothing that partners publish is applied.",
    ),
    Alert(
        "ProcessRestarting",
        "ticket",
        f"{_RESTARTS} unless on (job, instance) ({_DEPLOYED}) unless on () ({_OUTAGE})",
        "0s",
        "{{ $labels.job }} at {{ $labels.instance }} ends and starts again.",
    ),
    Alert(
        "ExporterStale",
        "ticket",
        "time() - max by (question) (lianyun_exporter_refreshed_timestamp_seconds) > 900",
        "2m",
        "The exporter has had no answer about {{ $labels.question }} for 15 minutes; what dashboards show of it is gone.",
    ),
    Alert(
        "DatabaseConnectionsHigh",
        "ticket",
        "max(lianyun_database_connections) / max(lianyun_database_connections_max) > 0.8",
        "10m",
        "Four in five sessions of the database are taken.",
    ),
    Alert(
        "TransactionOpenLong",
        "page",
        "time() - min(lianyun_oldest_writing_transaction_timestamp_seconds) > 300",
        "1m",
        "A transaction has been writing for 5 minutes; webhooks, credit signals, cases and exports stand still behind it.",
    ),
    Alert(
        "ClockSkew",
        "ticket",
        "max(abs(lianyun_database_clock_offset_seconds)) > 2 "
        "or max(lianyun_topic_watermark_timestamp_seconds) - time() > 5",
        "5m",
        "The clock of the database or of the broker differs from the others by seconds; times that they give are wrong by as much.",
    ),
    Alert(
        "CertificateExpires",
        "ticket",
        f"min by (instance) (lianyun_api_certificate_expires_timestamp_seconds > 0 or {_SHOWN}) - time() < {14 * DAY}",
        "1h",
        "The certificate that {{ $labels.instance }} serves with runs out within 14 days; then nobody can connect to it.",
    ),
)

INTAKE = (
    Alert(
        "PartitionStopped",
        "page",
        "max by (topic, partition, reason) (lianyun_partition_stopped) > 0",
        "1m",
        "Partition {{ $labels.partition }} of {{ $labels.topic }} stopped ({{ $labels.reason }}) and waits for your decision.",
    ),
    Alert(
        "TopicMissing",
        "page",
        "max by (topic) (lianyun_topic_missing) > 0",
        "2m",
        "The topic {{ $labels.topic }} is not there: its partner cannot publish.",
    ),
    Alert(
        "TopicResting",
        "ticket",
        "max by (topic) (lianyun_topic_rests_until_timestamp_seconds) - time() > 0",
        "1m",
        "Nearly all of {{ $labels.topic }} is refused, so it is paused and tried again now and then; the others flow.",
    ),
    Alert(
        "ConsumerStuck",
        "page",
        f"sum({_FLOWING}) > 0 and time() - max(lianyun_last_commit_timestamp_seconds) > 300",
        "2m",
        "Messages wait and nothing has been applied for 5 minutes.",
    ),
    Alert(
        "ConsumerLagGrowing",
        "ticket",
        "sum by (topic) (lianyun_ledger_lag_events) > 1000 "
        "and sum by (topic) (lianyun_ledger_lag_events) - sum by (topic) (lianyun_ledger_lag_events offset 10m) > 0 "
        f"and sum by (topic) ({counter_increase('lianyun_events_received_total', '10m')}) > 0",
        "10m",
        "More comes in on {{ $labels.topic }} than is applied, and the difference grows.",
    ),
    Alert(
        "PartnerSilent",
        "ticket",
        "time() - max by (partner) (lianyun_partner_last_accepted_timestamp_seconds) "
        "> on (partner) max by (partner) (lianyun_partner_expected_interval_seconds)",
        "5m",
        "Nothing has been accepted from {{ $labels.partner }} for longer than usual.",
    ),
    Alert(
        "EventsArriveLate",
        "ticket",
        f"histogram_quantile(0.9, {_AGES}) > 14400 "
        f"and sum by (partner) ({counter_increase('lianyun_event_age_seconds_count', '1h')}) >= 10",
        "30m",
        "What {{ $labels.partner }} publishes is more than 4 hours old when it arrives.",
        lingers="1d",
    ),
    Alert(
        "PartnerEquivocates",
        "ticket",
        f"sum by (partner) ({counter_increase('lianyun_events_equivocating_total', '1h')}) > 0",
        "0s",
        "{{ $labels.partner }} used one id for two different events; neither of them counts.",
    ),
    Alert(
        "PartnerKeyExpires",
        "ticket",
        f"max by (partner) (lianyun_partner_key_expires_timestamp_seconds) - time() < {14 * DAY}",
        "1h",
        "The last key of {{ $labels.partner }} runs out within 14 days; then all that it publishes is refused.",
    ),
)

DEAD_LETTERS = (
    Alert(
        "RefusedRatioHigh",
        "ticket",
        f"{_REFUSED} >= 20 unless {_ACCEPTED} >= 9 * {_REFUSED}",
        "5m",
        "More than a tenth of what {{ $labels.partner }} publishes is refused.",
    ),
    Alert(
        "DeadLettersGrowing",
        "ticket",
        "max(lianyun_dead_letters_open) - min(min_over_time(lianyun_dead_letters_open[1h])) > 100 "
        "or max(lianyun_dead_letters_open) > 100 and time() - min(lianyun_dead_letter_oldest_timestamp_seconds) < 3600",
        "10m",
        "More than 100 dead letters have come in an hour that nobody has dealt with.",
    ),
    Alert(
        "DeadLetterOld",
        "ticket",
        f"time() - min by (partner) (lianyun_dead_letter_oldest_timestamp_seconds) > {2 * DAY}",
        "10m",
        "A dead letter of {{ $labels.partner }} has been open for two days.",
    ),
)

BUSINESS = (
    Alert(
        "BorderTrainsStuck",
        "ticket",
        "time() - max by (crossing) (lianyun_border_longest_waiting_arrival_timestamp_seconds) "
        "> on (crossing) 2 * max by (crossing) (lianyun_border_dwell_p90_seconds) "
        "and on (crossing) max by (crossing) (lianyun_border_trains_passed) >= 20",
        "30m",
        "A train waits at {{ $labels.crossing }} for twice as long as nine in ten did in the last 28 days.",
    ),
    Alert(
        "BorderDwellAnomaly",
        "ticket",
        "max by (crossing) (lianyun_border_dwell_lately_median_seconds) "
        "> on (crossing) max by (crossing) (lianyun_border_dwell_p90_seconds) "
        "and on (crossing) max by (crossing) (lianyun_border_trains_passed_lately) >= 5 "
        "and on (crossing) max by (crossing) (lianyun_border_trains_passed) >= 20",
        "1h",
        "Half of the trains of the last 3 days stood at {{ $labels.crossing }} for longer than nine in ten did in 28 days.",
    ),
    Alert(
        "MilestoneOverdue",
        "ticket",
        f"{_OVERDUE.format('')} >= 20 and {_OVERDUE.format('')} > 2 * ({_OVERDUE.format(' offset 1d')} or {_OVERDUE.format('')} * 0)",
        "30m",
        "{{ $labels.milestone }} was announced and is overdue for twice as many consignments of {{ $labels.corridor }} as a day ago.",
    ),
    Alert(
        "PublisherSilent",
        "ticket",
        "time() - max by (partner, leg) (lianyun_publisher_silent_since_timestamp_seconds) > 0",
        "15m",
        "{{ $labels.partner }} reports nothing on {{ $labels.leg }} for longer than is usual there.",
    ),
    Alert(
        "FinancingStatusStale",
        "ticket",
        f'time() - max(lianyun_financing_last_decision_timestamp_seconds{{status="reserved"}}) > {14 * DAY}',
        "1h",
        "A reservation of two weeks ago ran out long since, and its bank has neither pledged nor given it back.",
    ),
    Alert(
        "ConsignmentsBroken",
        "ticket",
        "max(lianyun_consignments_broken) > 0",
        "5m",
        "The state of some consignments could not be computed; what is shown of them is old.",
    ),
    Alert(
        "FinancingRequestsWaiting",
        "page",
        "time() - max(lianyun_financing_request_oldest_timestamp_seconds) > 600",
        "1m",
        "A bank or a party has waited for a decision on financed cargo for 10 minutes.",
    ),
    Alert(
        "CreditSignalsBehind",
        "ticket",
        "time() - max(lianyun_credit_whole_timestamp_seconds) > 900",
        "5m",
        "Credit signals have not followed all events for 15 minutes.",
    ),
    Alert(
        "ArrivalTimesBehind",
        "ticket",
        "time() - max(lianyun_arrival_whole_timestamp_seconds) > 900",
        "5m",
        "What arrival times are learned from has not followed all events for 15 minutes; forecasts and habits are as old.",
    ),
    Alert(
        "ForecastCoverageDrifts",
        "ticket",
        f"({_WITHIN} < 0.75 * {_FORECAST} or {_WITHIN} > 0.85 * {_FORECAST}) and {_FORECAST} >= 200",
        "1h",
        "Of the waits and hand-overs at borders of half a year fewer than 75 or more than 85 in 100 lay within P10 to P90; 80 should.",
    ),
    Alert(
        "CasesBehind",
        "ticket",
        "time() - max(lianyun_cases_whole_timestamp_seconds) > 900",
        "5m",
        "Cases have not followed all events for 15 minutes; new trouble at a border is on no desk's list.",
    ),
    Alert(
        "WebhooksWaiting",
        "ticket",
        "time() - min(lianyun_webhook_oldest_due_timestamp_seconds > 0) > 600",
        "5m",
        "A message to a party was due 10 minutes ago and nobody has tried to deliver it.",
    ),
    Alert(
        "WebhookDisabled",
        "ticket",
        "max(lianyun_webhook_disabled) > 0",
        "5m",
        "An endpoint of a party was disabled after long failure; its messages wait.",
    ),
    Alert(
        "NotificationsWaiting",
        "ticket",
        "time() - min(lianyun_notifications_oldest_due_timestamp_seconds > 0) > 600",
        "5m",
        "A subscriber was to be notified 10 minutes ago and nobody has tried to.",
    ),
)

TRANSPARENCY = (
    Alert(
        "TransparencyLogRefused",
        "page",
        'max(changes(process_start_time_seconds{job="transparency"}[10m])) > 2 or max(up{job="transparency"}) == 0',
        "1m",
        "The sequencer of the transparency log does not stay up: it cannot work, or refuses to continue what is not what was signed.",
    ),
    Alert(
        "TransparencyLogBehind",
        "page",
        "time() - max(lianyun_transparency_whole_timestamp_seconds) > 120",
        "2m",
        "What was accepted has not all joined the transparency log for 2 minutes; there are no receipts for it.",
    ),
    Alert(
        "TransparencyNotCosigned",
        "ticket",
        "max(lianyun_transparency_entries offset 1m) > max(lianyun_transparency_cosigned_entries)",
        "5m",
        "The quorum of witnesses does not cosign the transparency log; there are no receipts for what joins it.",
    ),
)

GROUPS = {
    "causes": CAUSES,
    "processes": PROCESSES,
    "intake": INTAKE,
    "letters": DEAD_LETTERS,
    "business": BUSINESS,
    "transparency": TRANSPARENCY,
}
"""The alerts by rule group."""
