"""Which dashboard shows what an alert is about, by its uid; a test of the dashboards holds that there is one."""

from __future__ import annotations

from services.monitoring.alerting.alert import Alert

_TOWER, _BORDER = "lianyun-control-tower", "lianyun-border-board"
_PIPELINE, _PARTNERS = "lianyun-pipeline-health", "lianyun-partner-quality"
_MONEY, _PROMISES = "lianyun-financing", "lianyun-promises"

_SHOWN_ON = {
    "Watchdog": _TOWER,
    "MilestoneOverdue": _TOWER,
    "BorderTrainsStuck": _BORDER,
    "BorderDwellAnomaly": _BORDER,
    "CasesBehind": _BORDER,
    "PartnerSilent": _PARTNERS,
    "EventsArriveLate": _PARTNERS,
    "PartnerEquivocates": _PARTNERS,
    "PartnerKeyExpires": _PARTNERS,
    "RefusedRatioHigh": _PARTNERS,
    "DeadLettersGrowing": _PARTNERS,
    "DeadLetterOld": _PARTNERS,
    "FinancingRequestsWaiting": _MONEY,
    "FinancingStatusStale": _MONEY,
    "CertificateExpires": _MONEY,
    "CreditSignalsBehind": _MONEY,
    "WebhooksWaiting": _MONEY,
    "WebhookDisabled": _MONEY,
}


def dashboard_of(alert: Alert) -> str:
    """Its uid: that of the promises for an alert on one, and for what is not named here that of the pipeline."""
    return _PROMISES if alert.slo else _SHOWN_ON.get(alert.name, _PIPELINE)
