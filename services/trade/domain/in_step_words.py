"""Statuses of declarations for whoever shows them: one plain form for programs, and its texts in the reader's language.

The form is that of `GET /v1/trade/statuses`; who may see a number or a value is decided by whoever makes it. Terminals and pages take their
texts from it, so that what a person reads of a status is the same wherever it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Final, NamedTuple

from schemas.rfc3339 import format_micros
from services.trade.domain.crosswalk import elements
from services.trade.domain.in_step_filings import Reason
from services.trade.domain.in_step_pair import Lag, PairStatus, Status
from services.trade.domain.in_step_rules import SIDES, Due
from services.trade.domain.values import Field, table

Json = dict[str, Any]
Form = Mapping[str, Any]
Words = Mapping[str, str]
FINE: Final = (Status.SAME, Status.ALLOWED)
"""Statuses of which nothing follows."""
_OF_DATASET: Final = frozenset({Reason.FORK, Reason.GAP, Reason.MISNUMBERED, Reason.DATASET_BEHIND})


def step_words(language: str, as_of: date) -> Words:
    """The texts in ``language`` (``crosswalk.NAMED_IN``) by their keys; elements of the crosswalk by ``element.`` and their number."""
    names = {f"element.{number}": each.names[language] for number, each in elements(as_of).items()}
    return {**names, **{row["key"]: row[language] for row in table("in_step_texts")}}


def plain_status(
    status: PairStatus,
    declarations: Callable[[Iterable[str]], list[Json]],
    values: Callable[[tuple[str, ...], Iterable[Field[Any]]], list[str] | None],
    *,
    amendments: bool = False,
) -> Json:
    """A status as JSON; ``declarations`` and ``values`` give what is shown of the numbers and values of a side, ``amendments`` shows their numbers."""
    paired = zip((status.left, status.right), status.values, strict=True)
    return {
        "left": declarations(status.left),
        "right": declarations(status.right),
        "element": status.element,
        "lines": status.line,
        "status": status.status,
        "reason": status.reason,
        "values": [values(of, several) for of, several in paired],
        "rule": None
        if status.rule is None
        else {
            "follows": status.rule.follows,
            "rule": status.rule.rule,
            "source": status.rule.source,
            "valid_from": status.rule.valid_from.isoformat(),
        },
        "behind": [_lag(each, declarations, amendments) for each in status.lags],
        "due": None if status.due is None else _due(status.due),
    }


def _lag(lag: Lag, declarations: Callable[[Iterable[str]], list[Json]], numbered: bool) -> Json:
    return {
        "side": SIDES[lag.kind],
        "declarations": declarations(lag.declarations),
        "status": lag.status,
        "reason": lag.reason,
        "since": {
            "version": lag.since.version,
            "amended": None if lag.since.at is None else format_micros(lag.since.at),
            **({"amendment": lag.since.amendment} if numbered else {}),
        },
        "due": _due(lag.due),
    }


def _due(due: Due) -> Json:
    return {"day": None if due.day is None else due.day.isoformat(), "source": due.source}


def element_name(form: Form, words: Words) -> str:
    """The element of a status by number and name."""
    return f"{form['element']} {words['element.' + form['element']]}"


def side_name(side: Iterable[Form]) -> str:
    """The declarations of a side by their numbers, by the side alone where a number is not shown."""
    return " + ".join(" = ".join((each["declaration"] or each["side"], *each["also"])) for each in side)


def written(form: Form) -> Iterator[tuple[str, list[str] | None]]:
    """Of each side that there is its declarations and what they state; None of values that are not shown."""
    for side, values in zip((form["left"], form["right"]), form["values"], strict=True):
        if side:
            yield side_name(side), values


def why(form: Form, words: Words) -> list[str]:
    """Why the status is as it is, and what was not followed."""
    rule = form["rule"]
    found = [words[form["reason"]]]
    if rule is not None and form["reason"] == Reason.BY_RULE:
        found.append(words[f"rule.{rule['rule']}"])
    found += [text for each in form["behind"] if (text := _since(each["since"], words))]
    return list(dict.fromkeys(found))


def _since(since: Form, words: Words) -> str:
    if since["version"] is not None:
        return f"{words['since version']} {since['version']}"
    amendment = [text for text in (since.get("amendment"), since["amended"]) if text]
    return " ".join((words["since amendment"], *amendment)) if amendment else ""


class Act(NamedTuple):
    """What somebody has to do; ``who`` is "" where it is nobody in particular, ``due`` None where no term runs."""

    who: str
    to_do: str
    due: Form | None


def acts(form: Form, words: Words) -> list[Act]:
    """What is to do, by whoever is behind; of a question what decides it."""
    if form["behind"]:
        return [
            Act(
                f"{words['actor.' + each['side']]} ({side_name(each['declarations'])})",
                words[f"{each['reason']}.do"],
                each["due"],
            )
            for each in form["behind"]
        ]
    actor = ""
    if form["reason"] in _OF_DATASET:
        actor = words["actor.dataset"]
    elif form["status"] == Status.QUESTION and form["right"]:
        actor = words["actor.both"]
    return [Act(actor, words[f"{form['reason']}.do"], form["due"])]
