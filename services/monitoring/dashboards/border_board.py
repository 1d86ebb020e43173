"""The border board: which trains come to a crossing, stand there and were handed over, and what keeps which box."""

from __future__ import annotations

from services.monitoring.dashboards import statement
from services.monitoring.dashboards.definitions import (
    BORDER_BOARD_UID,
    TO_PARTNERS,
    Dashboard,
    Kind,
    Link,
    Metric,
    Panel,
    Row,
    Rows,
    Variable,
)

_AT = 'crossing=~"$crossing"'
_DOWN = (TO_PARTNERS,)
_SAME = Link(
    "Boxes of these trains that are not ready", BORDER_BOARD_UID, {"crossing": "${crossing:queryparam}"}
)
_NOBODY = "no train is due, queued or handed over"

NUMBERS = Row(
    "Now",
    tuple(
        Panel(
            title,
            "none",
            text,
            Kind.NUMBER,
            (Rows(statement(name)),),
            (_SAME, *_DOWN),
            width=6,
            height=4,
            worrying=from_,
        )
        for title, name, text, from_ in (
            (
                "Due in 12 h",
                "border_due",
                "Trains that come to the crossings chosen above within 12 hours.",
                None,
            ),
            (
                "Queued",
                "border_queued",
                "Trains that stand beside a crossing and were not handed over.",
                None,
            ),
            ("Handed over", "border_handed_over", "Trains that were handed over in the last 12 hours.", None),
            (
                "Boxes not ready",
                "border_not_ready",
                "Boxes on trains that are due or queued and that something holds up.",
                1,
            ),
        )
    ),
)

TRAINS = Row(
    "Trains",
    (
        Panel("Trains", "none",
              "By crossing: due within 12 h, queued, handed over in the last 12 h; the numbers of both railways; 去程 is towards Europe, "
              "回程 towards China. Ready is n of N boxes. Times are Beijing, local (of the station before the crossing) and Moscow. "
              "What this table reckons by the database alone differs from `lianyun top` in four points: it takes the order of a "
              "planned route from running times; it knows of a broken seal, a rejected document or a hold from the open causes of "
              "cases, some seconds later; where two names of one train are not linked it shows both; and a train that was led to a border "
              "beside its planned route it does not show.",
              Kind.TABLE, (Rows(statement("border_trains")),), (_SAME, *_DOWN), width=24, height=14, empty=_NOBODY,
              cells={"train": Link("Only this train", BORDER_BOARD_UID, {"train": "${__data.fields.train}"})},
              widths={"crossing": 165, "phase": 120, "train": 225, "bound": 60, "ready": 60, "Beijing": 95, "local": 95,
                      "Moscow": 95, "due by": 95, "position": 110, "case owner": 85, "cases": 55}),
        Panel("Boxes that are not ready", "none",
              "Each box on these trains that something keeps, and what: release, prior information, ENS, translation, seal, "
              "held by customs. `lianyun track` says of its consignment who said what.",
              Kind.TABLE, (Rows(statement("border_boxes")),), _DOWN, width=12, height=12, empty="every box is ready",
              widths={"crossing": 165, "container": 120, "waits for": 160}),
        Panel("Open cases at these crossings", "none",
              "About trains, boxes and hand-overs, with their owner and by when somebody wants to look. `lianyun cases show` "
              "tells what was done.",
              Kind.TABLE, (Rows(statement("border_cases")),), _DOWN, width=12, height=12, empty="no case is open here",
              widths={"crossing": 150, "kind": 85, "what": 180, "about": 110, "due": 155, "owner": 75, "snoozed until": 155}),
    ),
)  # fmt: skip

QUEUE = Row(
    "Queue",
    (
        Panel("Restrictions", "none", "Of these crossings and their stations, that hold now or will.", Kind.TABLE,
              (Rows(statement("border_restrictions")),), _DOWN, width=24, height=6, empty="nothing is restricted"),
        Panel("Trains waiting", "none", "Trains that stand beside a crossing and were not handed over, by station: those that the table shows as queued.",
              Kind.LINES,
              (Metric(f"max by (crossing, station) (lianyun_border_trains_waiting{{{_AT}}})", "{{crossing}} {{station}}"),),
              _DOWN),
        Panel("The longest wait", "s", "How long the train has stood that arrived first and still waits.", Kind.LINES,
              (Metric(f"time() - max by (crossing) (lianyun_border_longest_waiting_arrival_timestamp_seconds{{{_AT}}})",
                      "{{crossing}}"),), _DOWN, empty="no train waits at these crossings"),
        Panel("Dwell, median and nine in ten", "s",
              "From a train's arrival beside the crossing until most of its boxes went on, in 28 days.", Kind.LINES,
              (Metric(f"max by (crossing) (lianyun_border_dwell_median_seconds{{{_AT}}})", "{{crossing}} median"),
               Metric(f"max by (crossing) (lianyun_border_dwell_p90_seconds{{{_AT}}})", "{{crossing}} nine in ten"),
               Metric(f"max by (crossing) (lianyun_border_dwell_lately_median_seconds{{{_AT}}})",
                      "{{crossing}} median of 3 days")), _DOWN,
              empty="no train went on in the last 28 days"),
        Panel("Estimates of trains, how far off", "s",
              "How far the last estimate before a train's arrival beside the crossing was from it, too early or too late, in 28 days.",
              Kind.LINES,
              (Metric(f"max by (crossing) (lianyun_border_eta_error_median_seconds{{{_AT}}})", "{{crossing}} median"),
               Metric(f"max by (crossing) (lianyun_border_eta_error_p90_seconds{{{_AT}}})", "{{crossing}} nine in ten"),
               Metric(f"max by (crossing) (lianyun_border_eta_late_median_seconds{{{_AT}}})", "{{crossing}} later, median")),
              _DOWN, empty="no train that somebody had estimated arrived in the last 28 days"),
        Panel("Forecasts missed", "percentunit",
              "Of the waits and hand-overs of 26 weeks, those outside P10 to P90 of what was forecast before their week; 0.2 is right.",
              Kind.LINES,
              (Metric(f'1 - max by (crossing) (lianyun_border_forecasts{{{_AT},outcome="within"}}) / on (crossing) '
                      f"sum by (crossing) (max by (crossing, outcome) (lianyun_border_forecasts{{{_AT}}}))", "{{crossing}}"),), _DOWN,
              empty="too few trains were handed over at these crossings", alarming=0.25),
        Panel("Arrival times behind", "s", "Since what they are learned from last stood at all events that were visible.", Kind.LINES,
              (Metric("time() - max(lianyun_arrival_whole_timestamp_seconds)", "age"),), _DOWN, alarming=900),
        Panel("Trains that were estimated", "none", "Trains of the last 28 days that the error of estimates is taken from.",
              Kind.LINES,
              (Metric(f'max by (crossing) (lianyun_border_eta_arrivals{{{_AT},outcome="estimated"}})', "{{crossing}}"),), _DOWN),
        Panel("Trains that the dwell is taken from", "none", "With few of them the dwell says little.", Kind.LINES,
              (Metric(f"max by (crossing) (lianyun_border_trains_passed{{{_AT}}})", "{{crossing}}"),), _DOWN,
              empty="no train went on in the last 28 days"),
    ),
)  # fmt: skip

BORDER_BOARD = Dashboard(
    "border-board",
    "Border board",
    "Which trains come to a crossing, stand there and were handed over, and what keeps which box. For dispatchers.",
    (NUMBERS, TRAINS, QUEUE),
    (
        Variable("crossing", "Crossing", "lianyun_border_trains_waiting", "crossing"),
        Variable("train", "Train (a part of its number)"),
    ),
    (TO_PARTNERS,),
    since="now-24h",
)
