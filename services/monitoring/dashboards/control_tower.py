"""The control tower: is anything wrong on the corridors, and where does one look next?"""

from __future__ import annotations

from services.monitoring.dashboards import statement
from services.monitoring.dashboards.definitions import (
    TO_BORDER,
    TO_CORRIDOR,
    TO_CROSSING,
    TO_FINANCING,
    TO_OBJECTIVES,
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

_UNDER_WAY = 'max by (corridor, phase) (lianyun_consignments{corridor=~"$corridor"})'
_OF = '{corridor=~"$corridor"}'
_BEHIND = "the process that keeps cases is behind, so nobody judged it"
_UNESTIMATED = "nothing that somebody had estimated arrived in the last 28 days"
_WAITING = "max by (crossing, station) (lianyun_border_trains_waiting)"
_HEARD = "max by (partner) (lianyun_partner_last_accepted_timestamp_seconds)"
_USUAL = "max by (partner) (lianyun_partner_expected_interval_seconds)"

NOW = Row(
    "Now",
    (
        Panel("Consignments under way", "none", "Consignments not yet delivered, on the corridors chosen above.",
              Kind.NUMBER, (Metric(f"sum({_UNDER_WAY})"),), (TO_BORDER,), width=4, height=4),
        Panel("Trains waiting at borders", "none",
              "Trains that stand beside a crossing and were not handed over: what the border board shows as queued.",
              Kind.NUMBER, (Metric(f"sum({_WAITING})"),), (TO_BORDER,), width=4, height=4),
        Panel("Restrictions in force", "none",
              "Closures, embargoes, acceptance bans and tightened controls of crossings and stations that hold now.",
              Kind.NUMBER, (Rows(statement("restrictions_in_force")),), (TO_BORDER,), width=4, height=4, alarming=1),
        Panel("Open cases", "none", "Trouble that somebody has to look at; alerts of pledges are not counted here.",
              Kind.NUMBER, (Rows(statement("cases_open")),), (TO_BORDER,), width=4, height=4, worrying=1),
        Panel("Silent partners", "none", "Partners from which nothing was accepted for longer than is usual for them.",
              Kind.NUMBER, (Metric(f"count(time() - {_HEARD} > on (partner) {_USUAL}) or vector(0)"),),
              (TO_PARTNERS,), width=4, height=4, alarming=1),
        Panel("Error budget spent, the most", "percentunit",
              "Of the promise that is worst off: how much of what may be bad in 30 days was bad in the last 3.",
              Kind.NUMBER, (Metric("1 - min(slo:error_budget_left:ratio)"),), (TO_OBJECTIVES,), width=4, height=4,
              empty="nothing was counted yet", worrying=0.5, alarming=1),
    ),
)  # fmt: skip

CORRIDORS = Row(
    "Corridors",
    (
        Panel("Consignments by corridor", "none",
              "Not yet delivered, by the crossing at China's border that their planned route passes.",
              Kind.LINES, (Metric(f"sum by (corridor) ({_UNDER_WAY})", "{{corridor}}"),), (TO_CORRIDOR,)),
        Panel("Consignments by phase", "none",
              "Not yet delivered, by what the latest fact about their own boxes says.",
              Kind.LINES, (Metric(f"sum by (phase) ({_UNDER_WAY})", "{{phase}}"),), (TO_BORDER,)),
        Panel("In dispute", "none", "Consignments about which publishers disagree beyond the tolerance.", Kind.LINES,
              (Metric('max by (corridor) (lianyun_consignments_disputed{corridor=~"$corridor"})', "{{corridor}}"),),
              (TO_CORRIDOR,)),
        Panel("With an open exception", "none", "Consignments that are held, detained, damaged and the like.", Kind.LINES,
              (Metric('max by (corridor) (lianyun_consignments_exceptional{corridor=~"$corridor"})', "{{corridor}}"),),
              (TO_CORRIDOR,)),
    ),
)  # fmt: skip

LATENESS = Row(
    "Late, overdue and silent",
    (
        Panel("Late, by how much", "none",
              "Consignments of which an announced movement is overdue, by how long ago the earliest of these was to happen.",
              Kind.LINES,
              (Metric(f"sum by (bucket) (max by (corridor, bucket) (lianyun_consignments_late{_OF}))", "{{bucket}}"),),
              (TO_BORDER,), empty=_BEHIND),
        Panel("Late, by corridor", "none", "The same consignments, by the crossing at China's border on their route.",
              Kind.LINES,
              (Metric(f"sum by (corridor) (max by (corridor, bucket) (lianyun_consignments_late{_OF}))", "{{corridor}}"),),
              (TO_CORRIDOR,), empty=_BEHIND),
        Panel("Overdue milestones, the ten most", "none",
              "Consignments of which this milestone was announced for a time that has passed, and is not known.", Kind.BARS,
              (Metric(f"topk(10, sum by (milestone) (max by (milestone, corridor) (lianyun_milestones_overdue{_OF})))",
                      "{{milestone}}"),),
              (TO_BORDER,), empty="no announced milestone is overdue"),
        Panel("Silent for a week", "none", "Consignments on their way of which nobody has said anything for a week.",
              Kind.LINES, (Metric(f"max by (corridor) (lianyun_consignments_silent{_OF})", "{{corridor}}"),),
              (TO_CORRIDOR,), empty=_BEHIND),
        Panel("Transit, median and nine in ten", "s",
              "From the first fact on the way of a consignment's own boxes until the first at its destination, in 28 days.",
              Kind.LINES,
              (Metric(f"max by (corridor) (lianyun_transit_median_seconds{_OF})", "{{corridor}} median"),
               Metric(f"max by (corridor) (lianyun_transit_p90_seconds{_OF})", "{{corridor}} nine in ten")),
              (TO_CORRIDOR,), empty="nothing arrived in the last 28 days"),
        Panel("Estimates, how far off", "s",
              "How far the last estimate before an arrival at the destination was from it, too early or too late, in 28 days.",
              Kind.LINES,
              (Metric(f"max by (corridor) (lianyun_eta_error_median_seconds{_OF})", "{{corridor}} median"),
               Metric(f"max by (corridor) (lianyun_eta_error_p90_seconds{_OF})", "{{corridor}} nine in ten")),
              (TO_CORRIDOR,), empty=_UNESTIMATED),
        Panel("Estimates, how much too early", "s",
              "How much later than estimated half of these arrived at most: above 0 the estimates are too hopeful.", Kind.LINES,
              (Metric(f"max by (corridor) (lianyun_eta_late_median_seconds{_OF})", "{{corridor}}"),), (TO_CORRIDOR,),
              empty=_UNESTIMATED),
        Panel("Arrivals with an estimate", "percentunit",
              "The share of the arrivals of the last 28 days that somebody had estimated; with few, the errors say little.",
              Kind.LINES,
              (Metric('max by (corridor) (lianyun_eta_arrivals{corridor=~"$corridor",outcome="estimated"}) '
                      f"/ (sum by (corridor) (max by (corridor, outcome) (lianyun_eta_arrivals{_OF})) > 0)", "{{corridor}}"),),
              (TO_CORRIDOR,), empty="nothing arrived in the last 28 days"),
        Panel("What transit is taken from", "none", "Consignments that came to their destination in the last 28 days.",
              Kind.LINES, (Metric(f"max by (corridor) (lianyun_transits{_OF})", "{{corridor}}"),), (TO_CORRIDOR,),
              empty="nothing arrived in the last 28 days"),
    ),
)  # fmt: skip

BORDERS = Row(
    "Borders",
    (
        Panel("Trains waiting by crossing", "none", "Trains that stand beside a crossing and were not handed over: what the border board shows as queued.",
              Kind.BARS, (Metric(f"sort_desc(sum by (crossing) ({_WAITING}) > 0)", "{{crossing}}"),), (TO_CROSSING,),
              empty="no train waits at any border"),
        Panel("The longest wait", "s", "How long the train has stood that arrived first and still waits, by crossing.",
              Kind.LINES,
              (Metric("time() - max by (crossing) (lianyun_border_longest_waiting_arrival_timestamp_seconds)",
                      "{{crossing}}"),),
              (TO_CROSSING,), empty="no train waits at any border"),
        Panel("Dwell at the border, median", "s",
              "From a train's arrival beside the crossing until most of its boxes went on: the median of 28 days.", Kind.LINES,
              (Metric("max by (crossing) (lianyun_border_dwell_median_seconds)", "{{crossing}}"),), (TO_CROSSING,),
              empty="no train went on in the last 28 days"),
        Panel("Dwell at the border, nine in ten", "s",
              "From a train's arrival beside the crossing until most of its boxes went on: nine in ten took no longer.",
              Kind.LINES, (Metric("max by (crossing) (lianyun_border_dwell_p90_seconds)", "{{crossing}}"),),
              (TO_CROSSING,), empty="no train went on in the last 28 days"),
    ),
)  # fmt: skip

TROUBLE = Row(
    "Trouble",
    (
        Panel("Open cases by crossing and kind", "none",
              "How many cases of a kind are open, how many nobody owns, and by when the first wants to be looked at. Cases "
              "away from a border have no crossing.",
              Kind.TABLE, (Rows(statement("cases_by_kind")),), (TO_BORDER,), empty="no case is open",
              widths={"crossing": 165, "kind": 90, "open": 70, "nobody's": 80, "first is due": 160},
              cells={"crossing": Link("Trains at this crossing", "lianyun-border-board",
                                      {"crossing": "${__data.fields.crossing}"})}),
        Panel("Alerts that fire", "none", "By name; alerts that always fire are left out.", Kind.BARS,
              (Metric('count by (alertname, dashboard_uid) (ALERTS{alertstate="firing",severity!="none"})',
                      "{{alertname}}"),),
              (TO_PIPELINE, TO_OBJECTIVES, TO_FINANCING, TO_PARTNERS), empty="no alert fires"),
    ),
)  # fmt: skip

CONTROL_TOWER = Dashboard(
    "control-tower",
    "Control tower",
    "Is anything wrong on the corridors, and where does one look next? For whoever is on duty.",
    (NOW, CORRIDORS, LATENESS, BORDERS, TROUBLE),
    (Variable("corridor", "Corridor", "lianyun_consignments", "corridor"),),
    (TO_BORDER, TO_PARTNERS, TO_PIPELINE, TO_FINANCING, TO_OBJECTIVES),
)
