"""Trades: the versions of their data, how they follow one another and what changed, each reader's prices apart."""

from __future__ import annotations

from services.api.access.datasets import visible_trade
from services.api.auth.permissions import Needs, Scope
from services.api.calls import Answer, Call
from services.api.problems import Problem
from services.api.responses.datasets import TradeVersions
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
