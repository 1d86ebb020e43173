"""Filings: a declaration as it was lodged from one version of a dataset, what became of it, and what of it was amended."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.events.customs_filing import ChangeClass as ChangeClass
from schemas.events.customs_filing import Phase as Phase
from services.trade.domain.paper import Kind, Paper


@dataclass(frozen=True, slots=True)
class LineLink:
    """Which line of the dataset (its lasting id) a line of a declaration (its number) states; N to M."""

    dataset: str
    declared: str


@dataclass(frozen=True, slots=True)
class Amendment:
    """A change of a declaration: by its authority's number, on a ground of its law, in classes; what is declared from then on.

    ``by_customs``: the authority itself corrected it, so that the other side need not follow.
    """

    number: str
    at: int
    ground: str
    classes: frozenset[ChangeClass]
    version: str
    declared: Paper
    by_customs: bool = False
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Filing:
    """A declaration of one side: ``dataset`` by its reference, ``version`` by the digest of what it was made from ("" where unknown).

    ``at`` and the amendments' are microseconds since the epoch; ``frozen`` is since when it may not be changed, None where it may.
    """

    declaration: str
    kind: Kind
    dataset: str
    version: str
    at: int
    declared: Paper
    phase: Phase = Phase.LODGED
    frozen: int | None = None
    links: tuple[LineLink, ...] = ()
    amendments: tuple[Amendment, ...] = ()
