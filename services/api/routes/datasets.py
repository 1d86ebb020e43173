"""Trades: the versions of their data, each reader's prices apart, whether what was declared from them is in step, and what the checks find."""

from __future__ import annotations

from services.api.access.datasets import visible_trade
from services.api.access.declarations_in_step import visible_statuses
from services.api.access.trade_findings import visible_findings
from services.api.auth.permissions import Needs, Scope
from services.api.calls import Answer, Call
from services.api.problems import Problem
from services.api.responses.datasets import TradeFindings, TradeStatuses, TradeVersions
from services.api.router import Routes

routes = Routes("trade")


@routes.get(
    "/v1/trade/datasets/{ref:path}",
    Needs(Scope.EVENTS_READ, foreign="absent"),
    answers=TradeVersions,
    problems=("not-found",),
)
def trade_versions(call: Call, ref: str) -> Answer:
    """The versions of a trade's data that the caller may see, by the code of its owner and the owner's reference (`optic/T-2026-031`), with what
    changed. Forks, gaps and versions out of number are shown and never decided here; prices only to whom they belong or whom the owner lets see them.
    """
    found = visible_trade(call, ref)
    if found is None:
        raise Problem("not-found")
    return Answer(found)


@routes.get(
    "/v1/trade/statuses/{ref:path}",
    Needs(Scope.EVENTS_READ, foreign="absent"),
    answers=TradeStatuses,
    problems=("not-found",),
)
def trade_statuses(call: Call, ref: str) -> Answer:
    """Whether the declarations made from a trade's data have followed its versions and one another, per pair of sides and element, by the dated
    table of what must follow. Values only to who lodged them; nothing is decided or sent to an authority.
    """
    found = visible_statuses(call, ref)
    if found is None:
        raise Problem("not-found")
    return Answer(found)


@routes.get(
    "/v1/trade/findings/{ref:path}",
    Needs(Scope.EVENTS_READ, foreign="absent"),
    answers=TradeFindings,
    problems=("not-found",),
)
def trade_findings(call: Call, ref: str) -> Answer:
    """Where the data of a trade, the declarations made from them and the rail notes contradict one another, by dated tolerances. The verdict to whom
    it concerns; both values and the arithmetic only to whoever may read both. An explained finding stays and is marked.
    """
    found = visible_findings(call, ref)
    if found is None:
        raise Problem("not-found")
    return Answer(found)
