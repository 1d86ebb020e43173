"""A world as its parties would hand it over: some records in files of the parties' own formats, all others as records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from services.producers.formats import declarations as declaring
from services.testbed.simulator.corridors import Kept
from services.testbed.simulator.files import (
    booking_list,
    consist_cn,
    dcsa,
    declared,
    departure_list,
    eaeu_receipts,
    gacc_receipts,
    handover_list,
    loading_plan,
    natural_list,
    ncts,
    taf,
    train_plan,
)
from services.testbed.simulator.files.published_records import PartnerFile, Told
from services.testbed.simulator.files.trains import composed
from services.testbed.simulator.reports import Message

DECLARED = "files.toml"
_WRITERS: tuple[ModuleType, ...] = (
    booking_list,
    train_plan,
    loading_plan,
    departure_list,
    consist_cn,
    natural_list,
    handover_list,
    taf,
    ncts,
    gacc_receipts,
    eaeu_receipts,
    dcsa,
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
    told = Told(kept)
    files = sorted(
        (file for writer in _WRITERS for file in writer.files(told)),
        key=lambda file: (file.sent, file.party, file.name),
    )
    return Handed(tuple(told.rest()), tuple(files), taf.called(composed(kept).values()))


def write(files: tuple[PartnerFile, ...], folder: Path) -> Mapping[tuple[str, str], int]:
    """Write ``files`` into a folder for each party, with ``files.toml``: the section of its profile that its reader needs.

    Returns how many files there are by party and format.
    """
    for file in files:
        (folder / file.party).mkdir(parents=True, exist_ok=True)
        (folder / file.party / file.name).write_bytes(file.content)
    for party in sorted({file.party for file in files}):
        text = declaring.write(declared.settings(party))
        (folder / party / DECLARED).write_text(text, encoding="utf-8")
    return Counter((file.party, file.format) for file in files)
