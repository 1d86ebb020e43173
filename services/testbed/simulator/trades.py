"""Trades of shippers whose goods go into the Eurasian union: their data, and what both declarations made from them state.

Some trades are amended once. Where that is before the export is lodged, both sides declare the second version and are in step; where
it is after, China's declaration still states the first one. All follows from the world's seed and the cargo; the events are written
here, without the code that reads them.
"""

from __future__ import annotations

import hashlib
import json
from random import Random
from typing import Any, Final, NamedTuple

from schemas import railnet
from schemas.railnet import CustomsUnion
from services.testbed.simulator.world import HOUR, Cargo, Details, Happening, World

SHARE: Final = 0.3
"""How many of the cargoes that go into the union have data that are stated."""
AMENDED: Final = 0.5
BEHIND: Final = 0.5
"""Of the amended ones, how many were amended after the export was lodged."""
_SERIES: Final = "trade "
_GOODS: Final = (
    ("8471300000", "8471300000", "便携式电脑", "Ноутбуки"), ("9403200000", "9403208009", "金属家具", "Мебель металлическая"),
    ("8504409999", "8504408300", "变流器", "Преобразователи"), ("3926909090", "3926909709", "塑料制品", "Изделия из пластмасс"),
)  # fmt: skip
"""Codes of both sides, which share six digits, and descriptions."""
_PIECE: Final = {"base": "C62", "factor": "1"}
_KILOGRAM: Final = {"base": "KGM", "factor": "1"}


class _Goods(NamedTuple):
    """One line of goods; money in hundredths, masses in kilograms."""

    kind: int
    article: str
    pieces: int
    price: int
    net: int
    gross: int
    packages: int


class Trade(NamedTuple):
    """The trade of a cargo: the goods of each version, its digests, and whether the export was lodged before the last version."""

    reference: str
    versions: tuple[tuple[_Goods, ...], ...]
    digests: tuple[str, ...]
    behind: bool


class Trades:
    """The trades of a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def of(self, cargo: str, destination: str) -> Trade | None:
        """The trade of ``cargo``, by its key, to the country ``destination``; most have none."""
        random = self._world.random("trade", cargo)
        if railnet.customs_union(destination) is not CustomsUnion.EAEU or random.random() >= SHARE:
            return None
        first = tuple(_goods(random, n) for n in range(1, random.randint(2, 4)))
        versions = [first]
        if amended := random.random() < AMENDED:
            more = first[0]._replace(pieces=first[0].pieces + random.randrange(5, 60))
            versions.append((more, *first[1:]))
        reference, digests = f"T-{cargo.rpartition('/')[2]}", list[str]()
        for number, goods in enumerate(versions, 1):
            digests.append(_digest(_stated(reference, number, digests[-1] if digests else "", goods)))
        behind = amended and random.random() < BEHIND
        return Trade(reference, tuple(versions), tuple(digests), behind)

    def state(self, cargo: Cargo, destination: str, lodged: int) -> None:
        """The shipper states the versions: the first before ``lodged``, when the export is declared, a late second one after it."""
        trade = self.of(cargo.key, destination)
        for n, goods in enumerate(trade.versions if trade else ()):
            assert trade is not None
            at = lodged - (12 - 6 * n) * HOUR
            if n and trade.behind:
                at = lodged + 20 * HOUR
            stated = _stated(trade.reference, n + 1, trade.digests[n - 1] if n else "", goods)
            about = (("consignment", cargo.key),)
            self._world.happen(
                Happening(
                    at, "trade.dataset_stated", about, (cargo.shipper,), cargoes=frozenset({cargo.key}), details={"dataset": stated}
                ),
                _SERIES,
            )  # fmt: skip

    def exported(self, cargo: Cargo, destination: str) -> Details:
        """What China's declaration adds: the version it was made from, what it declares, which lines state which; empty without a trade."""
        trade = self.of(cargo.key, destination)
        return {} if trade is None else _filed(cargo, trade, 0 if trade.behind else -1, cn=True)

    def imported(self, cargo: Cargo, destination: str) -> Details:
        """What the union's declaration adds: it is made from the last version."""
        trade = self.of(cargo.key, destination)
        return {} if trade is None else _filed(cargo, trade, -1, cn=False)


def _goods(random: Random, n: int) -> _Goods:
    count, each = random.randrange(10, 900), random.randrange(1, 9)
    net = count * each
    article = f"{random.choice('ABCDX')}{random.randrange(100, 9_999)}-{n}"
    return _Goods(
        random.randrange(len(_GOODS)),
        article,
        count,
        random.randrange(100, 90_000),
        net,
        net + net // 8 + 1,
        random.randrange(1, 60),
    )


def _decimal(hundredths: int) -> str:
    whole, part = divmod(hundredths, 100)
    return f"{whole}.{part:02}".rstrip("0").rstrip(".")


def _code(scheme: str, digits: str) -> dict[str, Any]:
    return {"scheme": scheme, "digits": digits, "edition": 2022}


def _stated(reference: str, version: int, previous: str, goods: tuple[_Goods, ...]) -> dict[str, Any]:
    """The data of a trade in the form of its event."""
    lines = [
        {
            "id": f"L{n}", "description": f"{_GOODS[each.kind][3]} {each.article}", "code": _code("HS", _GOODS[each.kind][0]), "origin": "CN",
            "quantity": str(each.pieces), "unit": "C62", "price": _decimal(each.price), "amount": _decimal(each.pieces * each.price),
            "gross": str(each.gross), "net": str(each.net), "packages": each.packages,
        }
        for n, each in enumerate(goods, 1)
    ]  # fmt: skip
    stated = {
        "reference": reference,
        "version": version,
        "previous": previous,
        "currency": "CNY",
        "terms": "FCA",
        "lines": lines,
        "package_level": "CARTON",
    }
    return {name: value for name, value in stated.items() if value != ""}


def _digest(stated: dict[str, Any]) -> str:
    text = json.dumps(stated, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _filed(cargo: Cargo, trade: Trade, version: int, *, cn: bool) -> Details:
    goods = trade.versions[version]
    side, words = (0, 2) if cn else (1, 3)
    lines = []
    for n, each in enumerate(goods, 1):
        counted = {"number": str(each.pieces), "unit": _PIECE, "unit_written": "007" if cn else "796"}
        line: dict[str, Any] = {
            "number": str(n), "description": f"{_GOODS[each.kind][words]} {each.article}",
            "code": _code("CN" if cn else "EAEU", _GOODS[each.kind][side]), "origin": "CN", "quantity": counted,
            "amount": {"amount": _decimal(each.pieces * each.price), "currency": "CNY"}, "net": str(each.net),
        }  # fmt: skip
        if cn:
            line["further"] = [{"number": str(each.net), "unit": _KILOGRAM, "unit_written": "035"}]
        else:
            line |= {"further": [counted], "gross": str(each.gross)}
        lines.append(line)
    packages = sum(each.packages for each in goods)
    whole: dict[str, Any] = {
        "packages": [{"number": packages, "level": "CARTON"} if cn else {"number": packages}],
        "lines": lines,
    }
    if cn:
        declared = {"kind": "CN_DECLARATION", "terms": "3", "currencies": ["CNY"], "gross": str(sum(each.gross for each in goods)),
                    "net": str(sum(each.net for each in goods)), "procedure": "0110", **whole}  # fmt: skip
    else:
        total = _decimal(sum(each.pieces * each.price for each in goods))
        declared = {
            "kind": "EAEU_DECLARATION",
            "terms": "FCA",
            "currency": "CNY",
            "total": {"amount": total, "currency": "CNY"},
            "procedure": "40",
            **whole,
        }
    return {
        "dataset": {"owner": cargo.shipper, "reference": trade.reference, "version": trade.digests[version]},
        "declared": declared,
        "links": [{"dataset": f"L{n}", "declared": str(n)} for n in range(1, len(goods) + 1)],
    }
