"""Alertmanager's configuration: routes by severity, receivers, and inhibitions.

Mail and plain webhooks are sent by Alertmanager itself, group robots of WeCom and DingTalk through the relay. JSON is YAML.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from services.monitoring.alerting.rules import all_alerts

WECOM, DINGTALK = "/wecom", "/dingtalk"
"""The relay's paths, one per robot."""


@dataclass(frozen=True, slots=True)
class Receivers:
    """Where alerts are sent; without any, they are shown on Alertmanager's page alone.

    ``smarthost`` is host:port of the mail server; ``relay`` the relay's URL without a path; ``watchdog`` the URL of an external dead
    man's switch.
    """

    mail_to: str = ""
    mail_from: str = ""
    smarthost: str = ""
    webhook: str = ""
    relay: str = ""
    wecom: bool = False
    dingtalk: bool = False
    watchdog: str = ""


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While ``source`` fires, notifications of ``targets`` are suppressed where the labels ``equal`` are the same.

    ``of`` and ``where`` are further matchers, of the source's labels and of the targets'.
    """

    source: str
    targets: tuple[str, ...]
    why: str
    equal: tuple[str, ...] = ()
    of: tuple[str, ...] = ()
    where: tuple[str, ...] = ()


_APPLYING = ("ConsumerStuck", "ConsumerLagGrowing", "VisibleTooSlow", "PartnerSilent", "PublisherSilent")
_FOLLOWING = (
    "CreditSignalsBehind",
    "CasesBehind",
    "ArrivalTimesBehind",
    "PublisherSilent",
    "WebhooksWaiting",
    "WebhooksTooSlow",
    "TransparencyLogBehind",
)
"""Of what is applied, and of those who read by position."""


INHIBITIONS = (
    Inhibition(
        "DatabaseDown",
        (
            "NoWorkerReady",
            *_APPLYING,
            *(name for name in _FOLLOWING if name not in _APPLYING),
            "ExporterStale",
            "NotificationsWaiting",
            "FinancingRequestsWaiting",
            "ApiFailing",
            "TransparencyLogRefused",
            "TransparencyNotCosigned",
            "ProcessRestarting",
        ),
        "no process works without it",
    ),
    Inhibition(
        "DatabaseDown",
        ("TargetDown",),
        "these end without it, and are started again",
        where=('job=~"workers|credit|arrival|cases|api|pages|exchange|webhooks|notifications|transparency"',),
    ),
    Inhibition(
        "BrokerDown",
        (
            "NoWorkerReady",
            *_APPLYING,
            "TopicMissing",
            "ApiFailing",
            "FinancingRequestsWaiting",
            "ProcessRestarting",
        ),
        "nothing is published or read without it",
    ),
    Inhibition("BrokerDown", ("TargetDown",), "these end without it", where=('job=~"workers|api"',)),
    Inhibition(
        "DiskFilling",
        ("ArchivingFailing",),
        "nothing more fits into the archive",
        of=('disk=~"archive.*"',),
    ),
    Inhibition(
        "NoWorkerReady", _APPLYING, "nothing is applied, so everything else about intake follows from it"
    ),
    Inhibition("NoWorkerReady", ("TargetDown",), "the same, of each of them", where=('job="workers"',)),
    Inhibition(
        "ConsumerStuck",
        ("ConsumerLagGrowing", "VisibleTooSlow", "PartnerSilent", "PublisherSilent"),
        "the same, seen from the other side",
    ),
    Inhibition(
        "TransactionOpenLong",
        _FOLLOWING,
        "who reads by position waits for it",
    ),
    Inhibition(
        "ConsumerLagGrowing",
        ("PublisherSilent",),
        "what it published may be among what waits to be applied",
    ),
    Inhibition("CasesBehind", ("PublisherSilent",), "the cases that it is read from are old"),
    Inhibition("ArrivalTimesBehind", ("PublisherSilent",), "what is usual is not known as of now"),
    Inhibition(
        "TransparencyLogRefused",
        ("TransparencyLogBehind", "TransparencyNotCosigned"),
        "nothing joins it while its sequencer is down",
    ),
    Inhibition("TransparencyLogRefused", ("TargetDown",), "the same process", where=('job="transparency"',)),
    Inhibition(
        "PublisherSilent",
        ("PartnerSilent",),
        "the same party, with the leg on which it is missed",
        ("partner",),
    ),
    Inhibition("TopicResting", ("ConsumerLagGrowing",), "it is paused on purpose", ("topic",)),
    Inhibition("PartitionStopped", ("ConsumerLagGrowing",), "it waits for a decision", ("topic",)),
)


def configuration(receivers: Receivers, group_wait: str = "30s", group_interval: str = "5m") -> str:
    """The text of alertmanager.yml. Raises ValueError where mail lacks its server or sender, or a robot the relay."""
    if receivers.mail_to and not (receivers.mail_from and receivers.smarthost):
        raise ValueError("mail needs a sender and a server: mail_from and smarthost")
    if (receivers.wecom or receivers.dingtalk) and not receivers.relay:
        raise ValueError("robots are reached through the relay: its URL is missing")
    body = {
        "route": {
            "receiver": "people",
            "group_by": ["alertname", "partner", "topic", "crossing", "slo"],
            "group_wait": group_wait,
            "group_interval": group_interval,
            "repeat_interval": "12h",
            "routes": [
                # A dead man's switch: its absence shows that alerts do not arrive.
                {"receiver": "watchdog", "matchers": ['severity="none"'], "repeat_interval": "5m"},
                {"receiver": "people", "matchers": ['severity="page"'], "repeat_interval": "1h"},
            ],
        },
        "inhibit_rules": [*_inhibitions()],
        "receivers": [
            {
                "name": "watchdog",
                **_hooks([receivers.watchdog] if receivers.watchdog else [], resolved=False),
            },
            {"name": "people", **_people(receivers)},
        ],
    }
    head = "# Written by `lianyun alerts config`; services/monitoring/alerting/alertmanager.py says why.\n"
    return head + json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def _inhibitions() -> Iterator[Mapping[str, Any]]:
    known = {alert.name for alert in all_alerts()}
    for one in INHIBITIONS:
        assert known >= {one.source, *one.targets}, one
        yield {
            "source_matchers": [f'alertname="{one.source}"', *one.of],
            "target_matchers": [f'alertname=~"{"|".join(one.targets)}"', *one.where],
            "equal": list(one.equal),
        }
    # A fast burn pages; the slow burn of the same objective adds nothing.
    yield {
        "source_matchers": ['severity="page"', 'slo=~".+"'],
        "target_matchers": ['severity="ticket"', 'slo=~".+"'],
        "equal": ["alertname", "slo"],
    }


def _people(receivers: Receivers) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    if receivers.mail_to:
        found["email_configs"] = [
            {
                "to": receivers.mail_to,
                "from": receivers.mail_from,
                "smarthost": receivers.smarthost,
                "send_resolved": True,
            }
        ]
    hooks = [receivers.webhook] if receivers.webhook else []
    hooks += [receivers.relay.rstrip("/") + WECOM] if receivers.wecom else []
    hooks += [receivers.relay.rstrip("/") + DINGTALK] if receivers.dingtalk else []
    return {**found, **_hooks(hooks, resolved=True)}


def _hooks(urls: list[str], resolved: bool) -> Mapping[str, Any]:
    return {"webhook_configs": [{"url": url, "send_resolved": resolved} for url in urls]} if urls else {}
