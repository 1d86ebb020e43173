"""A simulated world as files: what each party's own system would have written, in the form that publishers read.

One file of native JSON lines per party (``services.producers.unsigned_event``), in the order of publication, with repeated lines
where a message goes out twice; and ``world.json``, which says that all of it is simulated, and how it was made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from services.testbed.simulator.cast import CAST
from services.testbed.simulator.corridors import SimulatedWorld
from services.testbed.simulator.reports import Message, moment

ABOUT = "world.json"


def lines(messages: Iterable[Message]) -> Iterator[tuple[Message, bytes]]:
    """Every message with its native line, as often as it is sent."""
    for message in messages:
        line = orjson.dumps(message.record) + b"\n"
        for _ in range(message.copies):
            yield message, line


def published(message: Message) -> bytes:
    """One line for a stream of all parties: who sends it, when, over which source and topic, and the record."""
    party = CAST[message.party]
    body = {
        "simulated": True,
        "sent": moment(message.sent).isoformat().replace("+00:00", "Z"),
        "party": message.party,
        "source": party.source,
        "topic": party.topic,
        "record": message.record,
    }
    return orjson.dumps(body) + b"\n"


def write(world: SimulatedWorld, folder: Path, messages: Iterable[Message] | None = None) -> dict[str, Any]:
    """Write ``world`` into ``folder`` (made if missing) and return what ``world.json`` says; files there are replaced.

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
