"""What goes out in the demo, and at which pace."""

from __future__ import annotations

import os
import subprocess
import sys
from random import Random

import pytest

from services.testbed.demo.run import Clock
from services.testbed.demo.schedule import schedule
from services.testbed.simulator.files import deliveries
from services.testbed.simulator.signed_messages import profiles
from tests.unit.simulator.corridor_worlds import small


def test_a_programme_holds_everything_once_in_the_order_of_time() -> None:
    whole = deliveries(small("tiny").played)
    going_out = schedule(whole, profiles(1), Random(1))
    assert [due.at for due in going_out.items] == sorted(due.at for due in going_out.items)
    refused = sum(going_out.refusals.values())
    good = sum(message.copies for message in whole.messages if not message.refused_as)
    assert len(going_out.items) == good + len(whole.files) + refused
    assert going_out.files == [*whole.files]
    assert refused > 5


def test_the_clock_hurries_through_history_and_stops_at_the_end() -> None:
    clock = Clock(starts=0, opens=1_000, ends=2_000, history_seconds=1.0, live_seconds=10.0)
    assert [clock.at(seconds) for seconds in (0.0, 0.5, 1.0, 6.0, 11.0, 99.0)] == [
        0,
        500,
        1_000,
        1_500,
        2_000,
        2_000,
    ]


DIGEST = """
import sys
from random import Random
from services.testbed.commands.demo import chosen_world
from services.testbed.demo.schedule import schedule
from services.testbed.simulator.files import deliveries
from services.testbed.simulator.signed_messages import profiles

seed = int(sys.argv[2])
world = chosen_world("tiny", seed, None, sys.argv[1])
print(schedule(deliveries(world.played), profiles(seed), Random(seed)).digest)
"""


def digest(end: str, seed: int = 1, hashing: str = "0") -> str:
    """The digest of a demo that ends then, in a process of its own."""
    command = (sys.executable, "-c", DIGEST, end, str(seed))
    environment = {**os.environ, "PYTHONHASHSEED": hashing, "TZ": "Asia/Almaty" if hashing == "1" else "UTC"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=120)
    return done.stdout.strip()


@pytest.mark.long
def test_a_world_that_ends_at_the_same_moment_is_the_same_bytes_in_every_process() -> None:
    one = digest("2026-02-20")
    assert len(one) == 64
    assert digest("2026-02-20T00:00:00Z", hashing="1") == one
    assert digest("2026-02-21") != one
    assert digest("2026-02-20", seed=2) != one
