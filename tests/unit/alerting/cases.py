"""For each alert what makes it fire and what does not: series as promtool writes them, in a time that begins at 0."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.monitoring.alerting.alerts import Severity

Series = dict[str, str]
"""Values by series: ``a+bxn`` is a, a+b, ... n times more; ``axn`` is a, n times more."""


@dataclass(frozen=True)
class Case:
    """An alert (by its severity where there are several) that fires for ``labels`` at ``at``, and what keeps it quiet then."""

    alert: str
    fires: Series
    quiet: Series
    at: str
    labels: dict[str, str] = field(default_factory=dict)
    severity: Severity | None = None
    value: str = ""  # as the summary shows it


P = "lianyun_"
LOG = 'lianyun_pipeline_latency_seconds_{}{{stage="log_to_state"{}}}'
COUNT, IN_TIME = LOG.format("count", ""), LOG.format("bucket", ',le="5.0"')
OK, FAILED = (P + f'api_requests_total{{route="/v1/x",status="{status}"}}' for status in (200, 500))
SENT, SENT_IN_TIME = P + "webhook_delivery_seconds_count", P + 'webhook_delivery_seconds_bucket{le="60.0"}'
DEAD = P + 'webhook_deliveries_total{outcome="dead"}'
LAG = P + 'ledger_lag_events{topic="cre.railway.ktz.v1",partition="0"}'
TOPIC = {"topic": "cre.railway.ktz.v1"}
KTZ = {"partner": "ktz"}
OPEN = P + "dead_letters_open"
AGE = P + 'event_age_seconds_{}{{partner="ktz"{}}}'
OVERDUE = P + 'milestones_overdue{milestone="movement.arrived",corridor="alashankou-dostyk"}'
CROSSING = '{crossing="alashankou-dostyk"}'
START = 'process_start_time_seconds{job="workers",instance="worker-1:9464"}'
SEQUENCER = '{}{{job="transparency",instance="transparency:9464"}}'
PROCESS = {"job": "workers", "instance": "worker-1:9464"}


def forecasts(within: int, of: int) -> Series:
    """A border's forecasts, seen by two exporters."""
    labels = ',crossing="alashankou-dostyk"}'
    return {
        P + f'border_forecasts{{instance="{exporter}",outcome="{outcome}"{labels}': f"{count}x90"
        for exporter in ("a", "b")
        for outcome, count in (("within", within), ("below", of - within), ("above", 0))
    }


DISK = P + 'disk_{}_bytes{{disk="archive"}}'
BUILT = P + 'build_info{{job="workers",instance="worker-1:9464",version="{}"}}'

CASES = (
    Case("DatabaseDown", {P + 'database_up{instance="a"}': "0x10", P + 'database_up{instance="b"}': "0x10"},
         {P + 'database_up{instance="a"}': "0x10", P + 'database_up{instance="b"}': "1x10"}, "5m"),
    Case("DatabaseDown", {P + "database_up": "1x3 0x5 1x9"}, {P + "database_up": "1x3 0 1x20"}, "15m"),
    Case("BrokerDown", {P + "broker_up": "0x10"}, {P + "broker_up": "1x10"}, "5m"),
    # 100 bytes a minute: of 10,000 there are 50 minutes left after 50; or a thousandth of that.
    Case("DiskFilling", {DISK.format("free"): "10000-100x60", DISK.format("size"): "20000x60"},
         {DISK.format("free"): "10000-0.1x60", DISK.format("size"): "20000x60"}, "50m", {"disk": "archive"}, value="50m 0s"),
    Case("DiskFilling", {DISK.format("free"): "900x60", DISK.format("size"): "20000x60"},
         {DISK.format("free"): "1100x60", DISK.format("size"): "20000x60"}, "50m", {"disk": "archive"}, value="0s"),
    Case("DiskFilling", {DISK.format("free"): "900x60", DISK.format("size"): "20000x60"},
         {DISK.format("free"): "10000+100x60", DISK.format("size"): "20000x60"}, "50m", {"disk": "archive"}, value="0s"),
    Case("ArchivingFailing",
         {P + "archiver_last_failed_timestamp_seconds": "60x20", P + "archiver_last_archived_timestamp_seconds": "0x20"},
         {P + "archiver_last_failed_timestamp_seconds": "60x20", P + "archiver_last_archived_timestamp_seconds": "0 0 0 120x20"},
         "10m"),
    Case("TargetDown", {'up{job="workers",instance="worker-1:9464"}': "0x20"},
         {'up{job="workers",instance="worker-1:9464"}': "1x20"}, "5m", PROCESS),
    Case("NoWorkerReady", {P + 'worker_ready{instance="a"}': "0x20"},
         {P + 'worker_ready{instance="a"}': "0x20", P + 'worker_ready{instance="b"}': "1x20"}, "5m"),
    Case("NoWorkerReady", {"up": "1x20"}, {P + 'worker_ready{instance="a"}': "1x20"}, "5m"),
    Case("ProcessRestarting", {START: "1 2 3 4 5x20"}, {START: "1x8 2x20"}, "10m", PROCESS),
    # Of one release; of two it is a deployment, and while a server is away they wait for it.
    Case("ProcessRestarting", {START: "1 2 3 4 5x20", BUILT.format("1"): "1x20"},
         {START: "1 2 3 4 5x20", BUILT.format("1"): "1x3 _x20", BUILT.format("2"): "_x4 1x20"}, "10m", PROCESS),
    Case("ProcessRestarting", {START: "1 2 3 4 5x20", P + "database_up": "1x20"},
         {START: "1 2 3 4 5x20", P + "database_up": "1 0 0 0 1x20"}, "10m", PROCESS),
    Case("ExporterStale", {P + 'exporter_refreshed_timestamp_seconds{question="border"}': "60x40"},
         {P + 'exporter_refreshed_timestamp_seconds{question="border"}': "0+60x40"}, "20m", {"question": "border"}),
    Case("DatabaseConnectionsHigh", {P + "database_connections": "90x30", P + "database_connections_max": "100x30"},
         {P + "database_connections": "70x30", P + "database_connections_max": "100x30"}, "15m"),
    Case("TransactionOpenLong", {P + "oldest_writing_transaction_timestamp_seconds": "60x30"},
         {P + "oldest_writing_transaction_timestamp_seconds": "0+60x30"}, "10m"),
    Case("ClockSkew", {P + "database_clock_offset_seconds": "-3x30"}, {P + "database_clock_offset_seconds": "0.5x30"}, "10m"),
    Case("ClockSkew", {P + 'topic_watermark_timestamp_seconds{topic="cre.railway.ktz.v1"}': "10+60x30"},
         {P + 'topic_watermark_timestamp_seconds{topic="cre.railway.ktz.v1"}': "2+60x30"}, "10m"),
    Case("CertificateExpires", {P + 'api_certificate_expires_timestamp_seconds{instance="api:9464"}': "864000x90"},
         {P + 'api_certificate_expires_timestamp_seconds{instance="api:9464"}': "8640000x90",
          P + 'api_certificate_expires_timestamp_seconds{instance="behind-a-proxy:9464"}': "0x90"}, "80m",
         {"instance": "api:9464"}),
    Case("CertificateExpires", {P + 'certificate_expires_timestamp_seconds{instance="exporter:9464",certificate="pages"}': "864000x90"},
         {P + 'certificate_expires_timestamp_seconds{instance="exporter:9464",certificate="pages"}': "8640000x90"}, "80m",
         {"instance": "pages"}),
    Case("PartitionStopped",
         {P + 'partition_stopped{topic="cre.railway.ktz.v1",partition="0",reason="OFFSET_TRUNCATED"}': "1x10"},
         {P + 'partition_stopped{topic="cre.railway.ktz.v1",partition="0",reason="OFFSET_TRUNCATED"}': "0x10"}, "5m",
         {**TOPIC, "partition": "0", "reason": "OFFSET_TRUNCATED"}),
    Case("PartitionStopped",
         {P + 'partition_stopped{topic="cre.railway.ktz.v1",partition="0",reason="LOG_DIVERGED"}': "1x10"},
         {P + 'partition_stopped{topic="cre.railway.ktz.v1",partition="0",reason="NOT_COMPARED"}': "1 0x10"}, "5m",
         {**TOPIC, "partition": "0", "reason": "LOG_DIVERGED"}),
    Case("TopicMissing", {P + 'topic_missing{topic="cre.railway.ktz.v1"}': "1x10"},
         {P + 'topic_missing{topic="cre.railway.ktz.v1"}': "1 1 0x10"}, "5m", TOPIC),
    Case("TopicResting", {P + 'topic_rests_until_timestamp_seconds{topic="cre.railway.ktz.v1"}': "3600x30"},
         {P + 'topic_rests_until_timestamp_seconds{topic="cre.railway.ktz.v1"}': "60x30"}, "5m", TOPIC),
    Case("ConsumerStuck", {LAG: "50x30", P + "last_commit_timestamp_seconds": "60x30"},
         {LAG: "50x30", P + "last_commit_timestamp_seconds": "0+60x30"}, "15m"),
    Case("ConsumerStuck", {LAG: "50x30", P + "last_commit_timestamp_seconds": "60x30"},
         {LAG: "50x30", P + "last_commit_timestamp_seconds": "60x30",
          P + 'topic_rests_until_timestamp_seconds{topic="cre.railway.ktz.v1"}': "36000x30"}, "15m"),
    Case("ConsumerStuck", {LAG: "50x30", P + "last_commit_timestamp_seconds": "60x30"},
         {LAG: "50x30", P + "last_commit_timestamp_seconds": "60x30",
          P + 'partition_stopped{topic="cre.railway.ktz.v1",partition="0",reason="TOPIC_REPLACED"}': "1x30"}, "15m"),
    Case("ConsumerLagGrowing",
         {LAG: "0+500x40", P + 'events_received_total{topic="cre.railway.ktz.v1"}': "0+100x40"},
         {LAG: "5000x40", P + 'events_received_total{topic="cre.railway.ktz.v1"}': "0+100x40"}, "25m", TOPIC),
    Case("PartnerSilent",
         {P + 'partner_last_accepted_timestamp_seconds{partner="ktz"}': "60x40",
          P + 'partner_expected_interval_seconds{partner="ktz"}': "600x40"},
         {P + 'partner_last_accepted_timestamp_seconds{partner="ktz"}': "60x40",
          P + 'partner_expected_interval_seconds{partner="ktz"}': "86400x40"}, "20m", KTZ),
    Case("EventsArriveLate",
         {AGE.format("bucket", ',le="14400.0"'): "0+1x100", AGE.format("bucket", ',le="86400.0"'): "0+10x100",
          AGE.format("bucket", ',le="+Inf"'): "0+10x100", AGE.format("count", ""): "0+10x100"},
         {AGE.format("bucket", ',le="14400.0"'): "0+10x100", AGE.format("bucket", ',le="86400.0"'): "0+10x100",
          AGE.format("bucket", ',le="+Inf"'): "0+10x100", AGE.format("count", ""): "0+10x100"}, "95m", KTZ),
    Case("PartnerEquivocates", {P + 'events_equivocating_total{partner="ktz"}': "0x69 1x30"},
         {P + 'events_equivocating_total{partner="ktz"}': "1x100"}, "80m", KTZ),
    Case("PartnerKeyExpires", {P + 'partner_key_expires_timestamp_seconds{partner="ktz"}': "864000x90"},
         {P + 'partner_key_expires_timestamp_seconds{partner="ktz"}': "8640000x90"}, "80m", KTZ),
    Case("RefusedRatioHigh", {P + 'events_refused_total{partner="ktz",reason="BAD_SIGNATURE"}': "0+10x40"},
         {P + 'events_refused_total{partner="ktz",reason="BAD_SIGNATURE"}': "0+10x40",
          P + 'events_accepted_total{partner="ktz",event_type="t"}': "0+200x40"}, "25m", KTZ),
    Case("RefusedRatioHigh",
         {P + 'events_refused_total{partner="ktz",reason="BAD_SIGNATURE"}': "0+10x40",
          P + 'events_accepted_total{partner="ktz",event_type="t"}': "0+50x40"},
         {P + 'events_refused_total{partner="ktz",reason="BAD_SIGNATURE"}': "0x30 5x10"}, "25m", KTZ),
    Case("DeadLettersGrowing", {OPEN: "0+5x100"}, {OPEN: "500x100"}, "90m"),
    Case("DeadLetterOld", {P + 'dead_letter_oldest_timestamp_seconds{partner="ktz"}': "-172900x40"},
         {P + 'dead_letter_oldest_timestamp_seconds{partner="ktz"}': "-100000x40"}, "20m", KTZ),
    Case("BorderTrainsStuck",
         {P + "border_longest_waiting_arrival_timestamp_seconds" + CROSSING: "-14400x60",
          P + "border_dwell_p90_seconds" + CROSSING: "3600x60", P + "border_trains_passed" + CROSSING: "30x60"},
         {P + "border_longest_waiting_arrival_timestamp_seconds" + CROSSING: "-14400x60",
          P + "border_dwell_p90_seconds" + CROSSING: "3600x60", P + "border_trains_passed" + CROSSING: "5x60"},
         "40m", {"crossing": "alashankou-dostyk"}),
    Case("BorderDwellAnomaly",
         {P + "border_dwell_lately_median_seconds" + CROSSING: "90000x90", P + "border_dwell_p90_seconds" + CROSSING: "80000x90",
          P + "border_trains_passed" + CROSSING: "60x90", P + "border_trains_passed_lately" + CROSSING: "9x90"},
         {P + "border_dwell_lately_median_seconds" + CROSSING: "90000x90", P + "border_dwell_p90_seconds" + CROSSING: "80000x90",
          P + "border_trains_passed" + CROSSING: "60x90", P + "border_trains_passed_lately" + CROSSING: "2x90"},
         "80m", {"crossing": "alashankou-dostyk"}),
    Case("MilestoneOverdue", {OVERDUE: "10x1440 50x90"}, {OVERDUE: "30x1440 50x90"}, "1500m",
         {"milestone": "movement.arrived", "corridor": "alashankou-dostyk"}),
    Case("MilestoneOverdue", {OVERDUE: "_x1440 50x90"}, {OVERDUE: "5x1440 15x90"}, "1500m",
         {"milestone": "movement.arrived", "corridor": "alashankou-dostyk"}),
    Case("PublisherSilent",
         {P + 'publisher_silent_since_timestamp_seconds{partner="ktz",leg="RUNNING railnet:almaty-1"}': "60x40"},
         {P + 'publisher_silent_since_timestamp_seconds{partner="ktz",leg="RUNNING railnet:almaty-1"}': "_x5 60x8 _x40"}, "20m",
         {**KTZ, "leg": "RUNNING railnet:almaty-1"}),
    Case("FinancingStatusStale", {P + 'financing_last_decision_timestamp_seconds{status="reserved"}': "-4000000x90"},
         {P + 'financing_last_decision_timestamp_seconds{status="reserved"}': "-400000x90",
          P + 'financing_last_decision_timestamp_seconds{status="pledged"}': "-9000000x90"}, "80m"),
    Case("ConsignmentsBroken", {P + "consignments_broken": "2x20"}, {P + "consignments_broken": "0x20"}, "10m"),
    Case("FinancingRequestsWaiting", {P + "financing_request_oldest_timestamp_seconds": "60x30"},
         {P + "financing_request_oldest_timestamp_seconds": "0+60x30"}, "15m"),
    Case("CreditSignalsBehind", {P + "credit_whole_timestamp_seconds": "60x40"},
         {P + "credit_whole_timestamp_seconds": "0+60x40"}, "25m"),
    Case("ArrivalTimesBehind", {P + "arrival_whole_timestamp_seconds": "60x40"},
         {P + "arrival_whole_timestamp_seconds": "0+60x40"}, "25m"),
    Case("ForecastCoverageDrifts", forecasts(220, 300), forecasts(240, 300), "80m"),
    Case("ForecastCoverageDrifts", forecasts(260, 300), forecasts(100, 150), "80m"),
    Case("CasesBehind", {P + "cases_whole_timestamp_seconds": "60x40"},
         {P + "cases_whole_timestamp_seconds": "0+60x40"}, "25m"),
    Case("WebhooksWaiting", {P + "webhook_oldest_due_timestamp_seconds": "60x40"},
         {P + "webhook_oldest_due_timestamp_seconds": "0x40"}, "20m"),
    Case("NotificationsWaiting", {P + "notifications_oldest_due_timestamp_seconds": "60x40"},
         {P + "notifications_oldest_due_timestamp_seconds": "0+60x40"}, "20m"),
    Case("WebhookDisabled", {P + "webhook_disabled": "1x20"}, {P + "webhook_disabled": "0x20"}, "10m"),
    Case("TransparencyLogRefused", {SEQUENCER.format("process_start_time_seconds"): "1 2 3 4 5x20"},
         {SEQUENCER.format("process_start_time_seconds"): "1x20", SEQUENCER.format("up"): "1x20"}, "10m"),
    Case("TransparencyLogRefused", {SEQUENCER.format("up"): "0x20"}, {SEQUENCER.format("up"): "1x20"}, "10m"),
    Case("TransparencyLogBehind", {P + "transparency_whole_timestamp_seconds": "60x40"},
         {P + "transparency_whole_timestamp_seconds": "0+60x40"}, "10m"),
    # What joined within the last minute may still be asked for.
    Case("TransparencyNotCosigned", {P + "transparency_entries": "0+10x40", P + "transparency_cosigned_entries": "0x40"},
         {P + "transparency_entries": "10+10x40", P + "transparency_cosigned_entries": "0+10x40"}, "20m"),
    # The promises: half of all is bad, a fire; then 4 times the allowance, which can wait. Few events are no fire.
    Case("VisibleTooSlow", {COUNT: "0+100x60", IN_TIME: "0+50x60"}, {COUNT: "0+100x60", IN_TIME: "0+100x60"}, "30m",
         severity="page"),
    Case("VisibleTooSlow", {COUNT: "0+100x60", IN_TIME: "0+50x60"}, {COUNT: "0+1x60", IN_TIME: "0x60"}, "30m",
         severity="page"),
    Case("VisibleTooSlow", {COUNT: "0+100x200", IN_TIME: "0+96x200"}, {COUNT: "0+1000x200", IN_TIME: "0+995x200"}, "3h",
         severity="ticket"),
    Case("ApiFailing", {OK: "0+980x60", FAILED: "0+20x60"}, {OK: "0+1000x60"}, "30m", severity="page"),
    Case("ApiFailing", {OK: "0+980x60", FAILED: "0+20x60"}, {OK: "0+4x60", FAILED: "0+1x60"}, "30m", severity="page"),
    Case("ApiFailing", {OK: "0+996x200", FAILED: "0+4x200"}, {OK: "0+9995x200", FAILED: "0+5x200"}, "3h",
         severity="ticket"),
    Case("WebhooksTooSlow", {SENT: "0+10x60", SENT_IN_TIME: "0+5x60"}, {SENT: "0+10x60", SENT_IN_TIME: "0+10x60"}, "30m",
         severity="page"),
    Case("WebhooksTooSlow", {SENT: "0+10x60", SENT_IN_TIME: "0+10x60", DEAD: "0+5x60"},
         {SENT: "0+10x60", SENT_IN_TIME: "0+10x60", DEAD: "0x60"}, "30m", severity="page"),
    Case("WebhooksTooSlow", {SENT: "0+100x200", SENT_IN_TIME: "0+96x200"},
         {SENT: "0+1000x200", SENT_IN_TIME: "0+995x200"}, "3h", severity="ticket"),
)  # fmt: skip


# What a process shows first may be the whole of a burst: its series are born at their full value. ``UP`` is the process that has been
# read before without them, ``YOUNG`` one that has just started; of ``OLD`` nobody knows what it had counted before it was first read.
AT = 'job="workers",instance="worker-1:9464"'
UP = {f"up{{{AT}}}": "1x200", f"process_start_time_seconds{{{AT}}}": "0x200"}
YOUNG = {f"up{{{AT}}}": "_x9 1x200", f"process_start_time_seconds{{{AT}}}": "_x9 540x200"}
OLD = {f"up{{{AT}}}": "_x9 1x200", f"process_start_time_seconds{{{AT}}}": "_x9 -864000x200"}


def own(name: str, labels: str = "") -> str:
    """A series of that process."""
    return f"{P}{name}{{{AT}{labels and ','}{labels}}}"


def ages(value: str) -> Series:
    """Events all older than 4 hours and younger than a day when they were applied."""
    late = {own("event_age_seconds_bucket", f'partner="ktz",le="{le}"'): value for le in ("86400.0", "+Inf")}
    return {**late, own("event_age_seconds_bucket", 'partner="ktz",le="14400.0"'): "_x10 0x200",
            own("event_age_seconds_count", 'partner="ktz"'): value}  # fmt: skip


def visible(all_: str, in_time: str) -> Series:
    log = 'stage="log_to_state"'
    return {own("pipeline_latency_seconds_count", log): all_,
            own("pipeline_latency_seconds_bucket", log + ',le="5.0"'): in_time}  # fmt: skip


BURST = "_x10 120x200"
REFUSED_BURST = {own("events_refused_total", 'partner="ktz",reason="BAD_SIGNATURE"'): BURST}
REQUESTS = {own("api_requests_total", 'route="/v1/x",status="200"'): "_x10 400x200"}
FAILED_REQUESTS = {own("api_requests_total", 'route="/v1/x",status="503"'): BURST}
WEBHOOKS = {
    own("webhook_delivery_seconds_count"): BURST,
    own("webhook_delivery_seconds_bucket", 'le="60.0"'): "_x10 9x200",
}

NEWBORN = (
    Case("RefusedRatioHigh", REFUSED_BURST, {}, "17m", KTZ),
    Case("PartnerEquivocates", {own("events_equivocating_total", 'partner="ktz"'): "_x10 1x200"}, {}, "12m", KTZ),
    Case("EventsArriveLate", ages(BURST), {}, "45m", KTZ),
    Case("ConsumerLagGrowing",
         {own("ledger_lag_events", 'topic="cre.railway.ktz.v1",partition="0"'): "_x10 5000+500x60",
          own("events_received_total", 'topic="cre.railway.ktz.v1"'): "_x19 4000x8 4100x60"}, {}, "31m", TOPIC),
    Case("VisibleTooSlow", visible(BURST, "_x10 30x200"), {}, "14m", severity="page"),
    Case("VisibleTooSlow", visible(BURST, "_x10 115x200"), {}, "90m", severity="ticket"),
    Case("ApiFailing", {**REQUESTS, **FAILED_REQUESTS}, {}, "14m", severity="page"),
    Case("ApiFailing", {**REQUESTS, own("api_requests_total", 'route="/v1/x",status="500"'): "_x10 2x200"}, {}, "90m",
         severity="ticket"),
    Case("WebhooksTooSlow", WEBHOOKS, {}, "14m", severity="page"),
    Case("WebhooksTooSlow",
         {own("webhook_delivery_seconds_count"): BURST, own("webhook_delivery_seconds_bucket", 'le="60.0"'): "_x10 115x200"},
         {}, "90m", severity="ticket"),
)  # fmt: skip
"""Every alert over what counters rose by, where they are born at their full value: it fires beside ``UP`` and ``YOUNG``."""

FIRST_HOUR = (
    Case("DeadLettersGrowing", {OPEN: "0x10 150x60"}, {OPEN: "500x80"}, "25m"),
    Case("DeadLettersGrowing", {OPEN: "_x10 150x60", P + 'dead_letter_oldest_timestamp_seconds{partner="ktz"}': "_x10 540x60"},
         {OPEN: "_x10 150x60", P + 'dead_letter_oldest_timestamp_seconds{partner="ktz"}': "_x10 -86400x60"}, "25m"),
    Case("DeadLettersGrowing", {OPEN: "500x30 0x30 150x60"}, {OPEN: "500x30 _x10 500x60"}, "80m"),
)  # fmt: skip
"""Letters that come before there was an hour to look back on, after an answer that failed, and after others were dealt with."""
