"""A world as its parties would hand it over: some records in files of the parties' own formats, all others as records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from services.producers.formats import declarations
from services.producers.formats.model import Settings
from services.testbed.simulator.corridors import PlayedWorld, SimulatedWorld
from services.testbed.simulator.customs import HOLDER
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
from services.testbed.simulator.parties import PARTIES
from services.testbed.simulator.reports import Message, moment

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
class Deliveries:
    """What parties hand over: records, and files in the order of time.

    ``aliases`` are the trains of the world by other names that messages have for them.
    """

    messages: tuple[Message, ...]
    files: tuple[PartnerFile, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)


def deliveries(played: PlayedWorld) -> Deliveries:
    """``played`` with as much of it in files as its parties have formats for; a record is in one file or in none."""
    records = OfficeRecords(played)
    files = sorted(
        (file for writer in _WRITERS for file in writer(records)),
        key=lambda file: (file.sent, file.party, file.name),
    )
    return Deliveries(tuple(records.rest()), tuple(files), taf.aliases(records.trains.values()))


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
    railway = party if "railway" in PARTIES[party].roles else ""
    zones = (
        {train_lists.NATURAL_LIST: train_lists.WORKING_CLOCK} if party in train_lists.RAILWAYS_1520 else {}
    )
    return Settings(party, PARTIES[party].zone, _COMPANIES.get(party, railway), zones, _choices(party))


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


# One file of native JSON lines per party (``services.producers.unsigned_event``), in the order of publication, with repeated lines
# where a message goes out twice; and ``world.json``, which says that all of it is simulated, and how it was made.

ABOUT = "world.json"


def lines(messages: Iterable[Message]) -> Iterator[tuple[Message, bytes]]:
    """Every message with its native line, as often as it is sent."""
    for message in messages:
        line = orjson.dumps(message.record) + b"\n"
        for _ in range(message.copies):
            yield message, line


def published(message: Message) -> bytes:
    """One line for a stream of all parties: who sends it, when, over which source and topic, and the record."""
    party = PARTIES[message.party]
    body = {
        "simulated": True,
        "sent": moment(message.sent).isoformat().replace("+00:00", "Z"),
        "party": message.party,
        "source": party.source,
        "topic": party.topic,
        "record": message.record,
    }
    return orjson.dumps(body) + b"\n"


def write_records(
    world: SimulatedWorld, folder: Path, messages: Iterable[Message] | None = None
) -> dict[str, Any]:
    """Write ``world`` into ``folder`` (made if missing) and return the content of ``world.json``; files there are replaced.

    ``messages`` are those of them that go out as records, where not all do.
    """
    folder.mkdir(parents=True, exist_ok=True)
    count: Counter[str] = Counter()
    with ExitStack() as stack:
        files: dict[str, BinaryIO] = {}
        for message, line in lines(world.messages() if messages is None else messages):
            if message.party not in files:
                path = folder / f"{message.party}.jsonl"
                files[message.party] = stack.enter_context(path.open("wb"))
            files[message.party].write(line)
            count[message.party] += 1
    about = {**described(world), "messages": dict(sorted(count.items()))}
    (folder / ABOUT).write_bytes(orjson.dumps(about, option=orjson.OPT_INDENT_2))
    return about


def described(world: SimulatedWorld) -> dict[str, Any]:
    """How ``world`` was made, with the source and certainty of everything assumed in it."""
    scenario = world.scenario
    return {
        "simulated": True,
        "scenario": scenario.name,
        "title": scenario.title,
        "seed": world.seed,
        "scale": world.scale,
        "starts": scenario.starts.isoformat(),
        "opens": scenario.opens.isoformat(),
        "ends": scenario.ends.isoformat(),
        "trains": len(world.timetable),
        "containers": len(world.timetable) * world.boxes,
        "assumptions": {
            name: said.model_dump(mode="json", exclude_none=True)
            for name, said in scenario.assumptions.items()
        },
        "facts": list(scenario.facts),
    }
