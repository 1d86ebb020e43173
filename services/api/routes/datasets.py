"""Trades: the versions of their data, each reader's prices apart, and whether what was declared from them is in step."""

from __future__ import annotations

from services.api.access.datasets import visible_trade
from services.api.access.declarations_in_step import visible_statuses
from services.api.auth.permissions import Needs, Scope
from services.api.calls import Answer, Call
from services.api.problems import Problem
from services.api.responses.datasets import TradeStatuses, TradeVersions
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
