"""The border board as JSON-ready data, in a stable form."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from schemas import railnet
from schemas.rfc3339 import format_micros
from services.domain.facts import Restriction
from services.query.board.approach import Phase, TrainReport
from services.query.board.values import (
    Board,
    BoardBox,
    BoardCase,
    BoardCrossing,
    BoardTrain,
    Pipeline,
    milestone_name,
)
from services.query.view_json import place_name


def board_json(board: Board) -> dict[str, Any]:
    """The whole board, in a fixed order of keys."""
    return {
        "at": format_micros(board.at),
        "crossings": [_crossing(each) for each in board.crossings],
        "pipeline": _pipeline(board.pipeline),
    }


def _crossing(shown: BoardCrossing) -> dict[str, Any]:
    stations = railnet.stations()
    sides = [stations[side.station] for side in (shown.crossing.a, shown.crossing.b)]
    return {
        "crossing": shown.crossing.id,
        "names": {
            language: "–".join(side.names.best(language) for side in sides) for language in ("en", "zh", "ru")
        },
        "zones": list(dict.fromkeys(side.tz for side in sides)),
        "due": shown.count(Phase.DUE),
        "queued": shown.count(Phase.QUEUED),
        "handed_over": shown.count(Phase.HANDED_OVER),
        "restrictions": [_restriction(each) for each in shown.restrictions],
        "announced": [_restriction(each) for each in shown.announced],
        "trains": [_train(each) for each in shown.trains],
        "cases": [_case(each) for each in shown.cases],
    }


def _train(train: BoardTrain) -> dict[str, Any]:
    return {
        "numbers": list(train.numbers),
        "phase": str(train.phase),
        "bound": train.bound,
        "expected": None if train.expected is None else format_micros(train.expected),
        "expected_by": "its railway" if train.announced else "running time" if train.expected else None,
        "beside_route": train.beside_route,
        "boxes": len(train.boxes),
        "ready": train.ready,
        "waits_for": {str(blocker): number for blocker, number in train.waits_for.items()},
        "not_ready": [_box(box) for box in train.boxes if box.blockers],
        "last": _report(train.last),
        "position": _report(train.position),
        "cases": [_case(case) for case in train.cases],
    }


def _box(box: BoardBox) -> dict[str, Any]:
    return {"container": box.container, "waits_for": [str(blocker) for blocker in box.blockers]}


def _report(report: TrainReport) -> dict[str, Any]:
    return {
        "milestone": milestone_name(report.milestone),
        "place": report.place,
        "place_name": place_name(report.place),
        "at": format_micros(report.at),
    }


def _case(case: BoardCase) -> dict[str, Any]:
    return {
        "case": case.id.hex(),
        "kind": case.kind,
        "what": case.what,
        "about": str(case.about),
        "due": format_micros(case.due),
        "owner": case.owner or None,
    }


def _restriction(restriction: Restriction) -> dict[str, Any]:
    return {
        "kind": restriction.kind,
        "direction": restriction.direction,
        "by": restriction.publisher,
        "from": format_micros(restriction.start),
        "to": None if restriction.end is None else format_micros(restriction.end),
    }


def _pipeline(pipeline: Pipeline) -> dict[str, Any]:
    return {
        "events_last_minute": pipeline.events_last_minute,
        "last_event": _moment(pipeline.last_event),
        "unsettled": pipeline.unsettled,
        "dead_letters_open": pipeline.dead_letters_open,
        "workers": pipeline.workers,
        "cases_up_to": _moment(pipeline.cases_whole),
        "credit_up_to": _moment(pipeline.credit_whole),
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else format_micros(int(moment.timestamp() * 1_000_000))
