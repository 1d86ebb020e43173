"""Which world `lianyun demo` plays: a scenario, with its end, its seed and the number of its trains."""

from __future__ import annotations

from datetime import UTC, datetime

from schemas.reasons import Refusal
from schemas.rfc3339 import parse_micros
from services.cli.exits import Exit, Failure
from services.testbed.simulator.corridors import SimulatedWorld, running
from services.testbed.simulator.corridors import simulate as world_of
from services.testbed.simulator.scenarios import UnknownScenario, scenario
from services.testbed.simulator.scenarios.model import Scenario, micros


def chosen_world(name: str, seed: int, trains: int | None, end: str) -> SimulatedWorld:
    """The world that was asked for; ends the command where there is none such."""
    try:
        known = scenario(name)
    except UnknownScenario as problem:
        raise Failure(Exit.NOT_FOUND, str(problem), "lianyun simulate --list") from None
    if end:
        known = known.model_copy(update={"ends": _end(end, known)})
    if trains is None:
        return world_of(known, seed)
    whole = world_of(known, seed, 1.0)
    a_day = sum(service.per_day for service in running(known))
    days = (micros(known.last_departure) - whole.starts) / 86_400_000_000
    return world_of(known, seed, trains / (a_day * days))


def _end(text: str, known: Scenario) -> datetime:
    try:
        at = parse_micros(text if "T" in text else f"{text}T00:00:00Z")
    except Refusal as refusal:
        raise Failure(Exit.USAGE, f"--end: {refusal.detail}", "write it like 2025-09-26") from None
    if not micros(known.opens) < at <= micros(known.ends):
        limits = f"after {known.opens:%Y-%m-%d} and not after {known.ends:%Y-%m-%d}"
        raise Failure(
            Exit.USAGE, f"--end: the world of {known.name} ends {limits}", "write it like 2025-09-26"
        )
    return datetime.fromtimestamp(at / 1_000_000, UTC)
