"""The corridor as lines of text: where the simulated trains are, what waits at the borders, and how the platform keeps up.

Pure: a snapshot and the flow of messages in, lines out. Europe is on the left. A trunk is drawn once; the next ones branch off where
they leave it. Above a line stand the trains towards Europe, below it those towards China, as a digit at each station.

It fits the terminal: on a narrow one some stations of the trunk share a place with their neighbour, on a low one the trains
of the least branches are counted and not drawn.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise

from schemas import railnet
from services.testbed.demo.run import Flow
from services.testbed.simulator.tracks import Sighting, Snapshot

TRUNKS = ("WEST-ALA-W", "WEST-KHO-W", "MID-ERE-W", "EAST-MAN-W", "RUS-ALA-W", "DET-BRU-W")
"""Corridors in the order of drawing, from China to Europe as their data have them."""
STEP = 2
"""Columns from one station to the next: distances are not to scale."""
WIDTH = 98
"""Columns that the whole corridor needs; more are not used."""
LEAST_WIDTH = 76
GAUGE, BORDER, CLOSED = "‖", "|", "╳"
_MANY = "#"
_HUBS = ("minsk", "warsaw", "moscow-bekasovo", "yekaterinburg", "aktobe", "urumqi", "irkutsk", "ulaanbaatar")
_BAR = 20
_ASIDE = 6
"""Columns by which the name of a border may stand further left than its first station."""
_BESIDE_BARS = 49
"""Columns of a line of the queues without its two bars."""
_MORE = re.compile(r"[ (/]")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a station is drawn."""

    row: int
    column: int


def picture(
    snapshot: Snapshot,
    flow: Flow,
    closed: Collection[str] = (),
    title: str = "",
    width: int = WIDTH,
    height: int = 1_000,
) -> list[str]:
    """The lines that show ``snapshot`` beside ``flow``; ``closed`` are the ids of crossings that are shut.

    No line but the title is wider than ``width`` columns (at least ``LEAST_WIDTH``), and there are ``height`` lines at most as
    long as the trunk and the figures fit.
    """
    wide = max(LEAST_WIDTH, min(width, WIDTH))
    trains = f"{len(snapshot.trains)} trains, {sum(train.boxes for train in snapshot.trains)} containers"
    head = [f"SIMULATED {_time(snapshot.at)}   {trains} on their way", title]
    foot = ["", *_queues(snapshot, closed, wide), "", *_platform(flow, wide)]
    return [*head, *_corridor(snapshot, closed, wide, height - len(head) - len(foot)), *foot]


def one_line(snapshot: Snapshot, flow: Flow) -> str:
    """The same in one line, for whoever reads a log."""
    waiting = Counter(
        {crossing: 0 for crossing, _ in snapshot.waiting}
        | {c: sum(n for (k, _), n in snapshot.waiting.items() if k == c) for c, _ in snapshot.waiting}
    )
    queues = ", ".join(f"{_crossing(name)} {count}" for name, count in waiting.most_common(2)) or "none"
    return (
        f"simulated {_time(snapshot.at)}: {len(snapshot.trains)} trains, waiting at {queues}; published "
        f"{flow.published}, applied {flow.applied} ({flow.per_second:.0f}/s), "
        f"refused {sum(flow.refused.values())}"
    )


Layout = tuple[Mapping[str, Place], tuple[Sequence[tuple[str, ...]], ...]]


@cache
def layout(width: int = WIDTH) -> Layout:
    """Where each station is drawn, and by row the runs of neighbouring stations that are joined by a line.

    A branch begins or ends with the station of another row at which it leaves it. Where ``width`` columns are too few, as
    many stations of the trunk as have to share a place with their neighbour, the plainest ones.
    """
    plain = _plain_stations()
    for many in range(len(plain)):
        sharing = frozenset(plain[n * len(plain) // many] for n in range(many))
        found = _layout(sharing)
        if max(place.column for place in found[0].values()) + 3 <= width:
            return found
    return _layout(frozenset(plain))


def _plain_stations() -> list[str]:
    """The stations of the trunk that are no end, border, hub or junction."""
    path = tuple(reversed(railnet.corridors()[TRUNKS[0]].stations))
    borders = {station for pair in pairwise(path) if pair in railnet.crossing_of_pair() for station in pair}
    joints = {station for row in _layout(frozenset())[1][1:] for run in row for station in (run[0], run[-1])}
    return [station for station in path[1:-1] if station not in borders | joints | set(_HUBS)]


def _layout(sharing: frozenset[str]) -> Layout:
    places: dict[str, Place] = {}
    rows: list[list[tuple[str, ...]]] = [[] for _ in TRUNKS]
    for row, corridor in enumerate(TRUNKS):
        path = tuple(reversed(railnet.corridors()[corridor].stations))
        for begin, end in _own(path, places):
            run = path[begin:end]
            if begin:
                first = places[path[begin - 1]].column + STEP
            elif end < len(path):
                first = max(0, places[path[end]].column - STEP * len(run))
            else:
                first = 0
            column = first - STEP
            for station in run:
                column += 0 if station in sharing else STEP
                places[station] = Place(row, column)
            rows[row].append((*path[begin - 1 : begin], *run) if begin else (*run, *path[end : end + 1]))
    return places, tuple(rows)


def _own(path: Sequence[str], placed: Mapping[str, Place]) -> list[tuple[int, int]]:
    """The stretches [begin, end) of ``path`` of stations that are not ``placed`` yet."""
    found: list[tuple[int, int]] = []
    for n, station in enumerate(path):
        if station in placed:
            continue
        if found and found[-1][1] == n:
            found[-1] = found[-1][0], n + 1
        else:
            found.append((n, n + 1))
    return found


def _corridor(snapshot: Snapshot, closed: Collection[str], width: int, height: int) -> Iterator[str]:
    places, rows = layout(width)
    counts: Counter[tuple[str, int, int]] = Counter()
    elsewhere = 0
    for train in snapshot.trains:
        at = _where(train, places)
        if at is None:
            elsewhere += 1
        else:
            counts[train.direction, at.row, at.column] += 1
    busy = [row for row in range(len(rows)) if not row or any(key[1] == row for key in counts)]
    room = max(1, (height - 1) // 4)
    for row in busy[:room]:
        yield _names(row, rows[row], places, width)
        yield _trains("WEST", "◄", row, counts, width)
        yield "  " + _track(row, rows[row], places, closed, width)
        yield _trains("EAST", "►", row, counts, width)
    aside = sum(count for (_, row, _), count in counts.items() if row in busy[room:])
    if elsewhere + aside:
        where = (
            "at sea, on other detours" if not aside else "at sea, on lines that this window is too low for"
        )
        yield f"  and {elsewhere + aside} elsewhere ({where})"


def _where(train: Sighting, places: Mapping[str, Place]) -> Place | None:
    """The station at which a train is drawn, the nearer one where it runs; None where its way is not drawn."""
    here, there = places.get(train.station), places.get(train.next_station)
    if here is None or there is None:
        return here or there
    return there if train.fraction >= 0.5 else here


def _trains(
    direction: str, sign: str, row: int, counts: Mapping[tuple[str, int, int], int], width: int
) -> str:
    cells = [" "] * width
    for (towards, on, column), count in counts.items():
        if towards == direction and on == row:
            cells[column] = str(count) if count < 10 else _MANY
    return f"{sign} {''.join(cells)}".rstrip()


def _track(
    row: int,
    runs: Sequence[tuple[str, ...]],
    places: Mapping[str, Place],
    closed: Collection[str],
    width: int,
) -> str:
    cells = [" "] * width
    for run in runs:
        columns = [places[station].column for station in run]
        for column in range(min(columns), max(columns) + 1):
            cells[column] = "─"
        for station in run:
            joint = "┘" if station == run[-1] else "└"
            cells[places[station].column] = "•" if places[station].row == row else joint
        for pair in pairwise(run):
            crossing = railnet.crossing_of_pair().get(pair)
            if crossing is not None:
                column = sum(places[station].column for station in pair) // 2
                gauge = railnet.crossings()[crossing].gauge_change
                cells[column] = CLOSED if crossing in closed else GAUGE if gauge else BORDER
    return "".join(cells).rstrip()


def _names(row: int, runs: Sequence[tuple[str, ...]], places: Mapping[str, Place], width: int) -> str:
    """Names over the line, the more important ones first, as far as there is room; those of borders may move aside."""
    wanted: list[tuple[int, str]] = []
    for run in runs:
        pairs = [(pair, railnet.crossing_of_pair().get(pair)) for pair in pairwise(run)]
        ends = [station for station in (run[0], run[-1]) if places[station].row == row]
        gauges = [pair for pair, c in pairs if c is not None and railnet.crossings()[c].gauge_change]
        wanted += [
            (2 if row else 0, station) for station in ends if not any(station in pair for pair in gauges)
        ]
        wanted += [(1, "/".join(pair)) for pair in gauges]
        wanted += [(3, pair[1]) for pair, c in pairs if c is not None and pair not in gauges]
        wanted += [(4, station) for station in run if station in _HUBS and places[station].row == row]
    line = [" "] * (width - 2)
    for rank, stations in sorted(wanted, key=lambda each: each[0]):
        text = "/".join(_station(station) for station in stations.split("/"))
        column = min(places[stations.split("/")[0]].column, len(line) - len(text))
        for start in range(column, max(-1, column - _ASIDE - 1) if rank == 1 else column - 1, -1):
            if all(cell == " " for cell in line[max(0, start - 1) : start + len(text) + 1]):
                line[start : start + len(text)] = text
                break
    return "  " + "".join(line).rstrip()


def _queues(snapshot: Snapshot, closed: Collection[str], width: int) -> Iterator[str]:
    bar = min(_BAR, (width - _BESIDE_BARS) // 2)
    crossings = Counter[str]()
    for (crossing, _), count in snapshot.waiting.items():
        crossings[crossing] += count
    crossings.update(dict.fromkeys(closed, 0))
    yield f"waiting at borders, ◄ towards Europe, ► towards China: {'' if crossings else 'none'}".rstrip()
    for crossing, _ in crossings.most_common(4):
        west, east = (snapshot.waiting.get((crossing, side), 0) for side in ("WEST", "EAST"))
        shut = f"{CLOSED} closed" if crossing in closed else ""
        bars = f"◄ {west:>2} {'■' * min(west, bar):<{bar}} ► {east:>2} {'■' * min(east, bar):<{bar}}"
        yield f"  {_crossing(crossing):<26} {bars} {shut}".rstrip()


def _platform(flow: Flow, width: int) -> Iterator[str]:
    line = f"published {flow.published:>7}   applied {flow.applied:>7}   in the log {flow.waiting:>6}   "
    yield f"{line}{flow.per_second:>6.0f} messages/s"[:width]
    refused = flow.refused
    line = f"refused   {sum(refused.values()):>7}   "
    for name, count in sorted(refused.items(), key=lambda each: -each[1])[:4]:
        reason = f"{'' if line.endswith(' ') else ', '}{name} {count}"
        line += reason if len(line) + len(reason) <= width else ""
    yield line.rstrip()
    if flow.files:
        line = f"files     {flow.files:>7}   read in {flow.formats} of partners' own formats, {flow.of_files} events"
        yield line[:width]


def _crossing(crossing: str) -> str:
    known = railnet.crossings()[crossing]
    return f"{_station(known.a.station)}/{_station(known.b.station)}"


def _station(station: str) -> str:
    """The name of a station as short as people say it: Brest of Brest-Severny, Duisburg of its terminal."""
    name = _MORE.split(railnet.stations()[station].names.en)[0]
    return name if len(name) < 12 else name.partition("-")[0]


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M UTC")
