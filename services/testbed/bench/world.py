"""The fixed world of the benchmark: consignments, boxes, notes, trains and wagons, by arithmetic from their number.

Half of the consignments ride on trains, fifty to a train, two boxes to a wagon. Nothing here is random, so every
process of a run, and every run, speaks of the same objects.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from services.testbed.simulator import numbers

PER_TRAIN = 50
PER_WAGON = 2
WAGONS = PER_TRAIN // PER_WAGON
ORIGIN, DESTINATION = "railnet:xian-intl-port", "railnet:duisburg"
SERVICE_DAY = "2026-03-01"
FOUNDED, LOADED, COMPOSED = (
    "2026-02-20T08:00:00+08:00",
    "2026-03-01T02:00:00+08:00",
    "2026-03-01T06:00:00+08:00",
)
STARTS = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp()) * 1_000_000
"""When the measured events begin to be published, UTC microseconds: long before any run, so no clock is ahead."""

STATIONS = {
    "cr": ("xian-intl-port", "baoji", "lanzhou", "jiayuguan", "hami", "urumqi", "shihezi", "alashankou"),
    "ktz": ("dostyk", "aktogay", "mointy", "zharyk", "saksaul", "kandyagash", "aktobe", "uralsk"),
    "rzd": ("ozinki", "rtishchevo", "smolensk", "krasnoe"),
    "bch": ("osinovka", "orsha", "minsk", "baranovichi", "zhabinka", "brest-severny"),
    "pkp": ("malaszewicze", "lukow", "warsaw", "poznan", "rzepin"),
}
"""Where each railway's word is an authority's, on the way from Xi'an to the German border."""


@dataclass(frozen=True, slots=True)
class World:
    """``consignments`` of them, numbered from 0; beyond their number come further boxes, notes and declarations."""

    consignments: int = 100_000

    def __post_init__(self) -> None:
        if self.consignments < 2 * PER_TRAIN:
            raise ValueError(f"a world has at least {2 * PER_TRAIN} consignments, a train's worth twice")

    @property
    def trains(self) -> int:
        """How many trains run: one for every hundred consignments, at least one."""
        return max(1, self.consignments // (2 * PER_TRAIN))

    def riders(self, train: int) -> range:
        """The consignments whose boxes are on ``train``."""
        first = train * PER_TRAIN
        return range(min(first, self.consignments), min(first + PER_TRAIN, self.consignments))

    def declared(self, consignment: int) -> bool:
        """Whether a declaration covers the consignment's note from the beginning: every fourth."""
        return consignment % 4 == 0

    def openings(self) -> Iterator[tuple[str, str, str, str]]:
        """(publisher, type, object, payload without salt) of all that stands before the measured events begin."""
        for number in range(self.consignments):
            yield founder(number), "cre.link.consignment_opened.v1", box(number), _opening(number)
            if self.declared(number):
                paper = f'"from":"{FOUNDED}","declaration":"{declaration(number)}","notes":["{note(number)}"]'
                yield founder(number), "cre.link.declaration_covers.v1", note(number), paper
        for train_number in range(self.trains):
            riders = self.riders(train_number)
            wagons = ",".join(f'"{wagon(train_number, place)}"' for place in range(WAGONS))
            composed = (
                f'"from":"{COMPOSED}","train":"{train(train_number)}","wagons":[{wagons}],"place":"{ORIGIN}"'
            )
            yield "cr", "cre.link.train_composed.v1", train(train_number), composed
            for place in range(0, len(riders), PER_WAGON):
                boxes = ",".join(f'"{box(rider)}"' for rider in riders[place : place + PER_WAGON])
                on = wagon(train_number, place // PER_WAGON)
                loaded = f'"from":"{LOADED}","wagon":"{on}","containers":[{boxes}],"place":"{ORIGIN}"'
                yield "cr", "cre.link.wagon_loaded.v1", box(riders[place]), loaded


def founder(consignment: int) -> str:
    """Who founded the consignment: the operator, every fourth time the forwarder."""
    return "sinolink" if consignment % 4 == 3 else "xianport"


def reference(consignment: int) -> str:
    """The founder's own reference."""
    return f"B26-{consignment:07d}"


def key(consignment: int) -> str:
    """The name under which everybody knows the consignment."""
    return f"{founder(consignment)}/{reference(consignment)}"


@lru_cache(maxsize=1 << 17)
def box(number: int) -> str:
    """The container of a consignment, or a further one; with its check digit (ISO 6346)."""
    return numbers.container(number)


def note(number: int) -> str:
    """The consignment note of a consignment, or a further one."""
    return numbers.note("SMGS", "CN", "XAY", number, "2026")


def declaration(number: int) -> str:
    """The export declaration of a consignment, or a further one."""
    return f"CN/900820260{number:09d}"


def train(number: int) -> str:
    """A train: company, number, service date, origin."""
    return f"cr/X{8_000 + number}/{SERVICE_DAY}/{ORIGIN}"


@lru_cache(maxsize=1 << 15)
def wagon(train_number: int, place: int) -> str:
    """The wagon at ``place`` of a train; places from WAGONS on are wagons that are loaded later."""
    return numbers.wagon("cr", train_number * 4 * WAGONS + place)


def _opening(number: int) -> str:
    seller, buyer = ("qinling", "ruhr") if number % 2 else ("weihe", "lodz")
    other = "xianport" if founder(number) == "sinolink" else "hansa"
    named = (
        (seller, "shipper"),
        (buyer, "consignee"),
        (other, "operator" if other == "xianport" else "forwarder"),
    )
    parties = ",".join(f'{{"party":"{party}","role":"{role}"}}' for party, role in named)
    return (
        f'"from":"{FOUNDED}","reference":"{reference(number)}","parties":[{parties}],"notes":["{note(number)}"],'
        f'"containers":["{box(number)}"],"commodities":["850440","847130"],'
        f'"place_of_receipt":"{ORIGIN}","place_of_delivery":"{DESTINATION}"'
    )
