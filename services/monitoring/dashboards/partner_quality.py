"""Partner data quality and dead letters: whose messages are late, silent, doubtful or refused, and what is to be done."""

from __future__ import annotations

from services.monitoring.alerting.alerts import counter_increase
from services.monitoring.dashboards import statement
from services.monitoring.dashboards.definitions import (
    PARTNERS_UID,
    TO_PARTNER,
    TO_PARTNERS,
    TO_PIPELINE,
    Dashboard,
    Kind,
    Link,
    Metric,
    Panel,
    Row,
    Rows,
    Variable,
)

_OF = '{partner=~"$partner"}'
_CELL = {"partner": Link("Only this partner", PARTNERS_UID, {"partner": "${__data.fields.partner}"})}
_QUIET = "nothing was published in this time"
_REFUSED, _ACCEPTED = (
    f"sum by (partner) ({counter_increase(f'lianyun_events_{what}_total{_OF}', '1h')})"
    for what in ("refused", "accepted")
)


def _a_second(counter: str) -> tuple[Metric, ...]:
    return (Metric(f"sum by (partner) (rate({counter}{_OF}[$__rate_interval]))", "{{partner}}"),)


_DEAD_LETTERS = 'max by (partner, reason, outcome) (lianyun_dead_letters{partner=~"$partner"%s})'

SCORECARD = Row(
    "Scorecard",
    (
        Panel("Partners", "none",
              "Who may publish: when it was heard last by the broker's time, how many of its letters are open and since when, and "
              "when its last key runs out. `lianyun party show` tells more of each.",
              Kind.TABLE, (Rows(statement("partners")),), (TO_PARTNERS, TO_PIPELINE), width=24, cells=_CELL,
              units={"heard": "dateTimeAsIso", "oldest open letter": "dateTimeAsIso", "last key ends": "dateTimeAsIso"}),
    ),
)  # fmt: skip

FRESHNESS = Row(
    "Freshness",
    (
        Panel("Silence", "s", "How long ago something was accepted from each partner, by the broker's time.", Kind.LINES,
              (Metric(f"time() - max by (partner) (lianyun_partner_last_accepted_timestamp_seconds{_OF})", "{{partner}}"),),
              (TO_PARTNER,)),
        Panel("Silence against what is usual", "percentunit",
              "1 is the interval after which a partner counts as silent, as the exporter is told.", Kind.LINES,
              (Metric(f"(time() - max by (partner) (lianyun_partner_last_accepted_timestamp_seconds{_OF})) / on (partner) "
                      "max by (partner) (lianyun_partner_expected_interval_seconds)", "{{partner}}"),),
              (TO_PARTNER,), alarming=1),
        Panel("Silent on a leg", "s", "For how long a partner reports nothing on a leg beyond what is usual there, by the open cases.", Kind.LINES,
              (Metric(f"time() - max by (partner, leg) (lianyun_publisher_silent_since_timestamp_seconds{_OF})", "{{partner}} {{leg}}"),),
              (TO_PARTNER,), empty="nobody is silent for longer than usual"),
        Panel("Age of events, nine in ten", "s",
              "From the publisher's own time of publishing to the commit.", Kind.LINES,
              (Metric("histogram_quantile(0.9, sum by (partner, le) "
                      f"(rate(lianyun_event_age_seconds_bucket{_OF}[$__rate_interval])))", "{{partner}}"),),
              (TO_PARTNER,), empty=_QUIET),
        Panel("Until the last key runs out", "s", "After that all that the partner publishes is refused.", Kind.LINES,
              (Metric(f"max by (partner) (lianyun_partner_key_expires_timestamp_seconds{_OF}) - time()", "{{partner}}"),),
              (TO_PARTNER,), empty="no key has an end", alarming_below=14 * 86_400),
    ),
)  # fmt: skip

QUALITY = Row(
    "Quality",
    (
        Panel("Accepted", "cps", "Messages admitted and committed, duplicates included, a second.", Kind.LINES,
              _a_second("lianyun_events_accepted_total"), (TO_PARTNER,)),
        Panel("What is accepted, by type", "cps", "Messages admitted, by type of event, a second.", Kind.LINES,
              (Metric(f"sum by (event_type) (rate(lianyun_events_accepted_total{_OF}[$__rate_interval]))",
                      "{{event_type}}"),), (TO_PARTNERS,)),
        Panel("Refused", "cps", "Messages that became dead letters, by partner and reason, a second.", Kind.LINES,
              (Metric(f"sum by (partner, reason) (rate(lianyun_events_refused_total{_OF}[$__rate_interval])) > 0",
                      "{{partner}} {{reason}}"),), (TO_PARTNER,), empty="nothing was ever refused"),
        Panel("Share that is refused", "percentunit", "Of what a partner published in the last hour.", Kind.LINES,
              (Metric(f"{_REFUSED} / ({_REFUSED} + ({_ACCEPTED} or {_REFUSED} * 0) > 0)", "{{partner}}"),),
              (TO_PARTNER,), alarming=0.1, empty="nothing was ever refused"),
        Panel("Sent again", "cps", "Events that were stored already, byte for byte, a second.", Kind.LINES,
              _a_second("lianyun_events_duplicate_total"), (TO_PARTNER,),
              empty="nothing was sent twice"),
        Panel("Out of order", "cps",
              "Messages published before one that stands earlier in the same partition, a second.", Kind.LINES,
              _a_second("lianyun_events_out_of_order_total"), (TO_PARTNER,),
              empty="everything came in order"),
        Panel("Doubtful identifiers", "cps", "Accepted although something about a number is doubtful, by what it is.",
              Kind.LINES,
              (Metric(f"sum by (partner, flag) (rate(lianyun_identifier_doubts_total{_OF}[$__rate_interval]))",
                      "{{partner}} {{flag}}"),), (TO_PARTNER,), empty="no identifier was doubtful"),
        Panel("One id for two contents", "none",
              "Events whose id was used before for other content; none of them counts.", Kind.LINES,
              (Metric(f"sum by (partner) (lianyun_events_equivocating_total{_OF})", "{{partner}}"),), (TO_PARTNER,),
              empty="no partner did this", alarming=1),
    ),
)  # fmt: skip

DEAD_LETTERS = Row(
    "Dead letters",
    (
        Panel("Open", "none", "Letters that nobody has dealt with, by partner and reason.", Kind.BARS,
              (Metric("sort_desc(" + _DEAD_LETTERS % ',outcome="OPEN"' + ")", "{{partner}} {{reason}}"),), (TO_PARTNER,),
              empty="no letter is open"),
        Panel("The oldest open one", "s", "How long ago it was appended, by partner.", Kind.LINES,
              (Metric(f"time() - min by (partner) (lianyun_dead_letter_oldest_timestamp_seconds{_OF})", "{{partner}}"),),
              (TO_PARTNER,), empty="no letter is open", alarming=172_800),
        Panel("What became of letters", "none", "All letters that are kept, by where they stand.", Kind.LINES,
              (Metric("sum by (outcome) (" + _DEAD_LETTERS % "" + ")", "{{outcome}}"),), (TO_PARTNERS,),
              empty="nothing was ever refused"),
        Panel("What operators did", "none",
              "Outcomes of redriving, discarding and replacing letters that are still kept; `lianyun dlq` does it.",
              Kind.LINES, (Metric("max by (outcome) (lianyun_dead_letter_outcomes_total)", "{{outcome}}"),),
              (TO_PARTNERS,), empty="nobody has dealt with a letter yet"),
        Panel("Open letters by reason", "none",
              "With how many messages they stand for and what their publisher can do. `lianyun dlq list` names each, "
              "`lianyun dlq show` its bytes.",
              Kind.TABLE, (Rows(statement("letters")),), (TO_PARTNERS,), width=24, cells=_CELL, empty="no letter is open",
              units={"first": "dateTimeAsIso", "last": "dateTimeAsIso"}),
    ),
)  # fmt: skip

PARTNER_QUALITY = Dashboard(
    "partner-quality",
    "Partner data quality and dead letters",
    "Whose messages are late, silent, doubtful or refused, and what is to be done. For who looks after partners.",
    (SCORECARD, FRESHNESS, QUALITY, DEAD_LETTERS),
    (Variable("partner", "Partner", "lianyun_partner_expected_interval_seconds", "partner"),),
    (TO_PIPELINE,),
)
