"""A world as its parties would hand it over: some records in files of the parties' own formats, all others as records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.producers.formats import declarations
from services.producers.formats.model import Settings
from services.testbed.simulator.cast import CAST
from services.testbed.simulator.corridors import Kept
from services.testbed.simulator.files import (
    customs_receipts,
    dcsa,
    handover_list,
    ncts,
    operator_lists,
    taf,
    train_lists,
)
from services.testbed.simulator.files.office_records import OfficeRecords, PartnerFile
from services.testbed.simulator.reports import Message
from services.testbed.simulator.transit import HOLDER

DECLARED = "files.toml"
_WRITERS: tuple[Callable[[OfficeRecords], Iterator[PartnerFile]], ...] = (
    operator_lists.booking_lists,
    operator_lists.train_plans,
    operator_lists.loading_plans,
    train_lists.departure_lists,
    train_lists.consists,
    train_lists.natural_lists,
    handover_list.files,
    taf.files,
    ncts.files,
    customs_receipts.gacc_receipts,
    customs_receipts.eaeu_receipts,
    dcsa.files,
)


@dataclass(frozen=True, slots=True)
class Handed:
    """What parties hand over: records, and files in the order of time.

    ``called`` are the trains of the world by other names that messages have for them.
    """

    messages: tuple[Message, ...]
    files: tuple[PartnerFile, ...] = ()
    called: Mapping[str, str] = field(default_factory=dict)


def handed(kept: Kept) -> Handed:
    """``kept`` with as much of it in files as its parties have formats for; a record is in one file or in none."""
    records = OfficeRecords(kept)
    files = sorted(
        (file for writer in _WRITERS for file in writer(records)),
        key=lambda file: (file.sent, file.party, file.name),
    )
    return Handed(tuple(records.rest()), tuple(files), taf.called(records.trains.values()))


def write(files: tuple[PartnerFile, ...], folder: Path) -> Mapping[tuple[str, str], int]:
    """Write ``files`` into a folder for each party, with ``files.toml``: the section of its profile that its reader needs.

    Returns how many files there are by party and format.
    """
    for file in files:
        (folder / file.party).mkdir(parents=True, exist_ok=True)
        (folder / file.party / file.name).write_bytes(file.content)
    for party in sorted({file.party for file in files}):
        text = declarations.write(settings(party))
        (folder / party / DECLARED).write_text(text, encoding="utf-8")
    return Counter((file.party, file.format) for file in files)


_COMPANIES = {"xianport": "cr", "zzport": "cr", "suzhouport": "cr"}
"""Whose train numbers stand in the lists of operators; railways have their own."""


def settings(party: str) -> Settings:
    """What ``party`` declares."""
    railway = party if "railway" in CAST[party].roles else ""
    zones = (
        {train_lists.NATURAL_LIST: train_lists.WORKING_CLOCK} if party in train_lists.RAILWAYS_1520 else {}
    )
    return Settings(party, CAST[party].zone, _COMPANIES.get(party, railway), zones, _choices(party))


def _choices(party: str) -> Mapping[str, Mapping[str, str]]:
    if party in taf.RAILWAYS:
        named = {f"plc:{code}": f"railnet:{station}" for station, code in taf.locations().items()}
        return {taf.FORMAT: {**named, "grace_hours": f"{taf.GRACE_HOURS}"}}
    if party in customs_receipts.EAEU_COUNTRIES:
        return {
            customs_receipts.EAEU: {
                "system": "eaeu-td",
                "jurisdiction": customs_receipts.EAEU_COUNTRIES[party],
            }
        }
    if party in ncts.SYSTEMS or party in HOLDER:
        return {ncts.FORMAT: {system: customs for customs, system in ncts.SYSTEMS.items()}}
    return {}
