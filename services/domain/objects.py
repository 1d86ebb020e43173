"""Objects that events are about, and their ids.

An object is named by its kind and the key in use for it (a container number, a note's number with country, station and
year). Its 16-byte id is a digest of both: every process and every replay computes the same id.
"""

from __future__ import annotations

import hashlib
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from schemas.events.base import ObjectKind
from schemas.events.trade_offshore import DealPaper

ObjectId = bytes
"""16 bytes: SHA-256 of the kind's byte and the key in UTF-8, cut to 16."""


class Thing(NamedTuple):
    """An object named by kind and key; ``id`` is its arrival-independent identity."""

    kind: ObjectKind
    key: str

    @property
    def id(self) -> ObjectId:
        return object_id(self.kind, self.key)

    @property
    def rides(self) -> bool:
        """Whether it is a train or a wagon: facts about it reach cargo only through what it carries."""
        return self.kind in (ObjectKind.TRAIN, ObjectKind.WAGON)

    def __str__(self) -> str:
        return f"{self.kind.name.lower()}:{self.key}"


class Aliases(dict[Thing, Thing]):
    """The smallest name of each thing that bears several names; every other thing is its own name."""

    def __missing__(self, thing: Thing) -> Thing:
        return thing


@lru_cache(maxsize=1 << 15)
def object_id(kind: ObjectKind, key: str) -> ObjectId:
    """The 16-byte id of the object of ``kind`` named ``key`` (already in canonical spelling)."""
    return hashlib.sha256(bytes((kind,)) + key.encode()).digest()[:16]


def consignment(founder: str, reference: str) -> Thing:
    """The consignment that ``founder`` calls ``reference``: its identity never depends on who arrives first."""
    return Thing(ObjectKind.CONSIGNMENT, f"{founder}/{reference}")


TRADE_DATA = "dataset:"
"""How the key of a trade's object begins."""


def trade_data(owner: str, reference: str) -> Thing:
    """The object under which the versions of one trade's data are found, and what was declared from them."""
    return Thing(ObjectKind.PLACE, f"{TRADE_DATA}{owner}/{reference}")


def offshore_deal(owner: str, reference: str) -> Thing:
    """The object under which what ``owner`` states of an offshore deal is found."""
    return Thing(ObjectKind.PLACE, f"offshore:{owner}/{reference}")


def deal_paper(owner: str, paper: DealPaper) -> Thing:
    """The object under which the deals of all owners that name one paper meet: by its kind, its issuer and its number, whatever its separators."""
    issuer = f"PARTY:{owner}" if paper.issuer is None else f"{paper.issuer.scheme}:{paper.issuer.number}"
    number = "".join(filter(str.isalnum, unicodedata.normalize("NFKC", paper.number).upper()))
    digest = hashlib.sha256(f"{paper.kind}\0{issuer.upper()}\0{number}".encode()).hexdigest()
    return Thing(ObjectKind.PLACE, f"offshore-paper:{digest[:32]}")
