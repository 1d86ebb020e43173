"""What a pledgee sees of its goods: their cargo, who names them elsewhere, and what is named no longer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.domain.facts import Micros
from services.financing.domain.cargo import Cargo, Report
from services.financing.domain.goods_elsewhere import NamedElsewhere, named_before, named_elsewhere
from services.financing.domain.goods_unnamed import GoodsUnnamed, Unnamed
from services.financing.domain.pledged_goods import KnownFacts, Pledge, PledgedGoods


@dataclass(frozen=True, slots=True)
class FollowedGoods:
    """The goods of a financing; of one without a pledge nothing but the cargo."""

    cargo: tuple[Cargo, ...] = ()
    elsewhere: tuple[NamedElsewhere, ...] = ()
    unnamed: tuple[Unnamed, ...] = ()


def follow(reports: Iterable[Report], pledge: Pledge, as_of: Micros) -> FollowedGoods:
    """The goods of ``pledge`` as of ``as_of`` by all of ``reports``, whose order does not matter."""
    every = tuple(reports)
    goods = PledgedGoods(KnownFacts(every, pledge), pledge, as_of)
    unnamed = GoodsUnnamed(goods)
    elsewhere = (
        *named_elsewhere(goods, unnamed.restowed),
        *named_before(goods, every, unnamed.restowed),
    )
    return FollowedGoods(goods.cargo, elsewhere, unnamed.found)
