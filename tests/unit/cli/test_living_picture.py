"""The living picture on real terminals: it is drawn in place, line by line whole, and where nobody looks it is plain text."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from io import StringIO

import pytest
from rich.console import Console

from services.testbed.commands.live_picture import Screen, moving_picture
from services.testbed.demo.run import Flow
from services.testbed.simulator.corridors import conditions_of
from services.testbed.simulator.world import DAY
from tests.support.terminal.screen import Terminal, run
from tests.unit.simulator.corridor_worlds import small

PLAY = """
import time
from services.testbed.commands.live_picture import Screen
from services.cli.output import err
from services.testbed.demo.run import Flow
from services.testbed.simulator.corridors import conditions_of
from tests.unit.simulator.corridor_worlds import small

world = small("polish-closure-2025")
with Screen(err, world.snapshot, conditions_of(world.scenario, world.scale).closures, world.scenario.title) as screen:
    screen.say("the world takes shape ...")
    for n in range(40):
        at = world.opens + (world.ends - world.opens) * n // 40
        screen.show(at, Flow(n * 1_000, n * 990, 529.0, {"WRONG_SOURCE": n, "BAD_SIGNATURE": n}, n, 12, 4_779))
        if n == 20:
            screen.say("a line of progress that is said while the picture stands, and is too long for a narrow one")
    screen.still()
    screen.say("fsck: recomputing everything from the stored bytes ...")
"""
COMMAND = (sys.executable, "-c", PLAY)
PICTURE = re.compile(r"SIMULATED|[◄►] |  •|  +[└•]─|waiting|published|refused|files ")


@pytest.mark.parametrize(
    ("width", "height"),
    [(80, 24), pytest.param(80, 50, marks=pytest.mark.long), pytest.param(120, 40, marks=pytest.mark.long)],
)
def test_it_is_drawn_in_place_and_no_line_of_it_breaks(width: int, height: int) -> None:
    seen: set[str] = set()

    def look(terminal: Terminal) -> None:
        shown = [line for line in terminal.lines if line.startswith("SIMULATED")]
        assert len(shown) <= 1, "a picture was left behind by the next one"
        seen.update(shown)

    terminal, _, code = run(COMMAND, width, height, look)
    assert code == 0, terminal.lines
    assert not [line for line in terminal.wrapped if PICTURE.match(line)]
    assert not any(line.startswith("SIMULATED") for line in terminal.above)
    assert len(seen) > 1, "it did not move"
    lines = terminal.lines
    top = next(n for n, line in enumerate(lines) if line.startswith("SIMULATED"))
    (trunk,) = [line for line in lines if line.startswith("  •─")][:1]
    assert re.fullmatch(r"  [•─|╳‖]+", trunk)
    assert trunk.count("•") > 30
    assert any("Xi'an" in line for line in lines[top:])
    assert any(line.startswith("published   39000   applied   38610") for line in lines[top:])
    assert any(line.startswith("files          39") for line in lines[top:])
    assert any("fsck: recomputing" in line for line in lines[top:])


def test_where_nobody_looks_it_is_plain_lines_that_say_simulated() -> None:
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=True, timeout=120)
    assert not set(re.findall(r"[\x00-\x09\x0b-\x1f]", done.stderr))
    lines = done.stderr.splitlines()
    assert any(
        re.match(r"\[ +\d+\.\d s\] simulated 20\d\d-\d\d-\d\d .*published 0, applied 0", line)
        for line in lines
    )
    assert len(lines) < 10, "a line now and then is enough"


def test_the_moving_picture_is_small_well_formed_and_shows_each_frame_in_its_turn() -> None:
    some = [["SIMULATED now", f"  •─╳─•   {n % 7}  & <b>", "", "╳ closed"] for n in range(48)]
    text = moving_picture(some, 24.0, "A <picture>")
    tree = ET.fromstring(text)
    names = {"svg": "http://www.w3.org/2000/svg"}
    groups = tree.findall("svg:g", names)
    delays = [float(re.findall(r"-?[\d.]+", group.get("style", ""))[0]) for group in groups]
    assert delays == sorted(delays)
    assert len(set(delays)) == 48
    known = {node.get("id") for node in tree.findall("svg:defs/svg:text", names)}
    different = {line for frame in some for line in frame if line}
    assert len(known) == len(different) == 9, "each line is written once"
    assert {use.get("href", "")[1:] for use in tree.iter("{http://www.w3.org/2000/svg}use")} == known
    closed = [
        span.text for span in tree.iter("{http://www.w3.org/2000/svg}tspan") if span.get("class") == "c"
    ]
    assert closed.count("╳ closed") == 1
    assert closed.count("╳") == len(known) - 2
    assert moving_picture(some, 24.0, "A <picture>") == text
    with pytest.raises(ValueError, match="nothing to show"):
        moving_picture([], 1.0, "")


def test_the_pictures_of_a_run_are_spread_evenly_however_seldom_it_was_looked_at() -> None:
    world = small("polish-closure-2025")
    closures = conditions_of(world.scenario, world.scale).closures
    with Screen(Console(file=StringIO()), world.snapshot, closures, world.scenario.title) as screen:
        for at, published in ((world.opens - DAY, 1), (world.opens + DAY, 20), (world.ends, 300)):
            screen.show(at, Flow(published))
    frames = screen.frames(world.opens, 24)
    assert len({frame[0] for frame in frames}) == 24
    assert frames[0][0].startswith("SIMULATED 2025-09-10 00:00 UTC")
    assert frames[-1][0].startswith("SIMULATED 2025-10-03 00:00 UTC")
    told = [next(line.split()[1] for line in frame if line.startswith("published")) for frame in frames]
    assert told == ["1"] + ["20"] * 22 + ["300"]
    shut = [any("closed" in line for line in frame) for frame in frames]
    assert shut.index(True) == 2
    assert sum(shut) == 13
    assert len(moving_picture(frames, 24.0, "x").encode()) < 300_000
