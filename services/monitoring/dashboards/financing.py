"""Financing and the API for banks: are decisions taken, calls answered and parties told? No bank's own figures."""

from __future__ import annotations

from services.monitoring.alerting.alerts import counter_increase
from services.monitoring.dashboards.definitions import (
    TO_OBJECTIVES,
    TO_PARTNERS,
    TO_PIPELINE,
    Dashboard,
    Kind,
    Metric,
    Panel,
    Row,
)

_DOWN = (TO_PIPELINE,)
_SLOW = "histogram_quantile({0}, sum by ({1}le) (rate(lianyun_api_request_seconds_bucket[$__rate_interval])))"
_FAILED, _ANSWERED = (
    f"sum({counter_increase(f'lianyun_api_requests_total{which}', '1h')})"
    for which in ('{status=~"5.."}', "")
)
_UNASKED = "nobody called in this time"

FINANCING = Row(
    "Financing, all banks together",
    (
        Panel("Financings that hold an interest", "none",
              "Reserved (also where that has run out unasked) or pledged, of all banks together: a bank's own figures are for "
              "the bank.", Kind.LINES, (Metric("max by (status) (lianyun_financings)", "{{status}}"),), _DOWN),
        Panel("Requests without an answer", "none", "Signed requests for a decision that nothing has answered yet.",
              Kind.LINES, (Metric("max(lianyun_financing_requests_open)", "requests"),), _DOWN, alarming=1),
        Panel("The oldest request", "s", "How long ago the request was appended that waits longest.", Kind.LINES,
              (Metric("time() - min(lianyun_financing_request_oldest_timestamp_seconds)", "age"),), _DOWN,
              empty="no request waits", alarming=600),
        Panel("Changes of financings", "none",
              "From where to where, by recorded decisions, of all that were ever taken.", Kind.LINES,
              (Metric("max by (from, to) (lianyun_financing_transitions_total)", "{{from}} to {{to}}"),), _DOWN,
              empty="no decision was ever taken"),
        Panel("Financings that nobody touches", "s",
              "How long ago the financing was last decided on of which nothing was decided for longest, by its status.",
              Kind.LINES,
              (Metric("time() - min by (status) (lianyun_financing_last_decision_timestamp_seconds)", "{{status}}"),), _DOWN,
              empty="no financing holds an interest"),
        Panel("Credit signals behind", "s", "Since they last stood at all events that were visible.", Kind.LINES,
              (Metric("time() - max(lianyun_credit_whole_timestamp_seconds)", "age"),), _DOWN, alarming=900),
        Panel("What credit follows", "cps", "Events followed and observations of shippers that changed, a second.",
              Kind.LINES,
              (Metric("sum(rate(lianyun_credit_events_followed_total[$__rate_interval]))", "events"),
               Metric("sum(rate(lianyun_credit_observations_changed_total[$__rate_interval]))", "observations")), _DOWN),
        Panel("What credit cannot judge", "none",
              "Events, cargoes and shippers that it fails on; their values are old until that is mended.", Kind.NUMBER,
              (Metric("max(lianyun_credit_broken)"),), (TO_PARTNERS, *_DOWN), height=8, alarming=1),
    ),
)  # fmt: skip

API = Row(
    "API",
    (
        Panel("Requests", "reqps", "Requests answered, by status, a second.", Kind.LINES,
              (Metric("sum by (status) (rate(lianyun_api_requests_total[$__rate_interval]))", "{{status}}"),),
              (TO_OBJECTIVES,)),
        Panel("Share that failed on our side", "percentunit", "Answers of 500 and above among all, in the last hour.",
              Kind.LINES,
              (Metric(f"({_FAILED} or vector(0)) / {_ANSWERED}", "failed"),), (TO_OBJECTIVES,), alarming=0.001,
              empty=_UNASKED),
        Panel("Time to answer", "s", "Half of all requests, 19 in 20, 99 in 100.", Kind.LINES,
              tuple(Metric(_SLOW.format(q, ""), f"{q}") for q in ("0.5", "0.95", "0.99")), (TO_OBJECTIVES,),
              empty=_UNASKED),
        Panel("The slowest routes, 19 in 20", "s", "By route as declared.", Kind.BARS,
              (Metric("topk(10, " + _SLOW.format("0.95", "route, ") + ")", "{{route}}"),), (TO_OBJECTIVES,), empty=_UNASKED),
        Panel("Calls by route", "reqps", "The ten that are called most, a second.", Kind.LINES,
              (Metric("topk(10, sum by (route) (rate(lianyun_api_requests_total[$__rate_interval])))", "{{route}}"),),
              _DOWN),
        Panel("Callers not let in", "reqps", "By why: whoever asked is not proven, or may not do this.", Kind.LINES,
              (Metric("sum by (reason) (rate(lianyun_api_auth_failures_total[$__rate_interval]))", "{{reason}}"),), _DOWN,
              empty="everybody was let in"),
        Panel("Calls beyond a budget", "reqps", "By client; `other` stands for whoever is not known.", Kind.LINES,
              (Metric("sum by (client) (rate(lianyun_api_rate_limited_total[$__rate_interval]))", "{{client}}"),), _DOWN,
              empty="nobody called too often"),
        Panel("At work", "none",
              "Requests that are being answered, and sessions with the database: held, in use, waited for.", Kind.LINES,
              (Metric("sum(lianyun_api_requests_in_progress)", "requests"),
               Metric("sum(lianyun_database_pool_size)", "sessions held"),
               Metric("sum(lianyun_database_pool_in_use)", "sessions in use"),
               Metric("sum(lianyun_database_pool_waiting)", "waiting for a session")), _DOWN),
        Panel("Until the certificate runs out", "s", "Of the API; then nobody can call it.", Kind.LINES,
              (Metric("min(lianyun_api_certificate_expires_timestamp_seconds > 0) - time()", "left"),), _DOWN,
              empty="the API serves no certificate itself", alarming_below=14 * 86_400),
        Panel("Refused calls", "reqps", "Answers of 400 to 499, by status: wrong tokens, missing rights, wrong input.",
              Kind.LINES,
              (Metric('sum by (status) (rate(lianyun_api_requests_total{status=~"4.."}[$__rate_interval]))',
                      "{{status}}"),), (TO_PARTNERS,), empty="no call was refused"),
    ),
)  # fmt: skip

WEBHOOKS = Row(
    "Webhooks",
    (
        Panel("Deliveries", "cps", "Attempts by what came of them, a second.", Kind.LINES,
              (Metric("sum by (outcome) (rate(lianyun_webhook_deliveries_total[$__rate_interval]))", "{{outcome}}"),),
              (TO_OBJECTIVES,), empty="nothing was to be delivered"),
        Panel("From commit to delivery, 99 in 100", "s", "Of what was delivered.", Kind.LINES,
              (Metric("histogram_quantile(0.99, sum by (le) "
                      "(rate(lianyun_webhook_delivery_seconds_bucket[$__rate_interval])))", "99 in 100"),),
              (TO_OBJECTIVES,), empty="nothing was delivered in this time", alarming=60),
        Panel("Deliveries that wait", "none", "For endpoints that are enabled.", Kind.LINES,
              (Metric("max(lianyun_webhook_waiting)", "waiting"),), _DOWN, width=8),
        Panel("The oldest attempt due", "s", "How long ago it was due that waits longest.", Kind.LINES,
              (Metric("time() - min(lianyun_webhook_oldest_due_timestamp_seconds > 0)", "age"),), _DOWN, width=8,
              empty="no delivery waits", alarming=600),
        Panel("Endpoints disabled", "none", "By the platform, after long failure.", Kind.NUMBER,
              (Metric("max(lianyun_webhook_disabled)"),), _DOWN, width=8, alarming=1),
    ),
)  # fmt: skip

FINANCING_API = Dashboard(
    "financing",
    "Financing and bank API",
    "Are decisions taken, calls answered and parties told? For who looks after banks; no bank's own figures are in it.",
    (FINANCING, API, WEBHOOKS),
    links=(TO_OBJECTIVES, TO_PIPELINE),
)
