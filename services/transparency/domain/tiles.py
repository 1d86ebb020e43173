"""Tiles: the hashes of a log's tree, 256 in a row, and what is computed from them (C2SP tlog-tiles v0.1.0)."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from schemas.merkle import EMPTY_ROOT, HASH_BYTES, MerkleTree, leaf_hash, node_hash
from services.transparency.domain.encoding import Malformed, decimal

WIDTH: Final = 256
"""Hashes of a full tile, entries of a full bundle."""
HEIGHT: Final = 8
"""Levels of the tree that a tile spans."""
MOST_ENTRY_BYTES: Final = 65_535
_NUMBER: Final = re.compile(r"(?:x[0-9]{3}/)*[0-9]{3}", re.ASCII)


class InconsistentTiles(ValueError):
    """Tiles that do not hold what the size of their tree requires."""


class Tile(NamedTuple):
    """The place of a tile: ``level`` 0 holds hashes of entries, ``number`` counts within it; ``width`` hashes are there, 256 in a full one."""

    level: int
    number: int
    width: int = WIDTH


class Bundle(NamedTuple):
    """The place of a bundle of entries."""

    number: int
    width: int = WIDTH


Place = Tile | Bundle


def path_of(place: Place) -> str:
    """The path of a tile or bundle below the prefix of its log."""
    number = f"{place.number % 1000:03d}"
    rest = place.number // 1000
    while rest:
        number = f"x{rest % 1000:03d}/{number}"
        rest //= 1000
    part = "" if place.width == WIDTH else f".p/{place.width}"
    return f"tile/{place.level if isinstance(place, Tile) else 'entries'}/{number}{part}"


def parse_path(path: str) -> Place:
    """The tile or bundle at a path; Malformed for every spelling but the one of ``path_of``."""
    kind, _, rest = path.removeprefix("tile/").partition("/")
    number, dot, part = rest.partition(".p/")
    if not path.startswith("tile/") or not _NUMBER.fullmatch(number):
        raise Malformed(
            "a path is tile/LEVEL/NUMBER or tile/entries/NUMBER, the number in groups of three digits"
        )
    index = int(number.replace("x", "").replace("/", ""))
    width = decimal(part, "the width of a tile") if dot else WIDTH
    place = Bundle(index, width) if kind == "entries" else Tile(decimal(kind, "the level"), index, width)
    if not 1 <= width <= WIDTH or (isinstance(place, Tile) and place.level > 63) or path_of(place) != path:
        raise Malformed("the path of a tile is not in its one form")
    return place


def width_at(size: int, level: int, index: int) -> int:
    """How many hashes the tile holds in a tree of ``size`` leaves: 0 where it is not there."""
    return max(0, min(WIDTH, (size >> (HEIGHT * level)) - index * WIDTH))


def bundled(entries: Iterable[bytes]) -> bytes:
    """Entries as a bundle: each behind its length in two bytes, big-endian. Malformed for one above 65,535 bytes."""
    found = []
    for entry in entries:
        if len(entry) > MOST_ENTRY_BYTES:
            raise Malformed(f"an entry has at most {MOST_ENTRY_BYTES:,} bytes")
        found += [struct.pack(">H", len(entry)), entry]
    return b"".join(found)


def entries_of(bundle: bytes) -> list[bytes]:
    """The entries of a bundle; Malformed where it ends within one."""
    found, at = [], 0
    while at < len(bundle):
        end = at + 2 + int.from_bytes(bundle[at : at + 2])
        if at + 2 > len(bundle) or end > len(bundle):
            raise Malformed("a bundle ends within an entry")
        found.append(bundle[at + 2 : end])
        at = end
    return found


ReadTile = Callable[[int, int], bytes]
"""The hashes of the tile at a level and index, one behind another: all there are, or more than the tree needs. May block."""


class TileTree:
    """The tree of the first ``size`` entries over tiles, each read once. InconsistentTiles where one holds too little."""

    def __init__(self, size: int, read: ReadTile) -> None:
        self.size, self._read = size, read
        self._tiles: dict[tuple[int, int], MerkleTree] = {}

    def tile(self, level: int, index: int) -> MerkleTree:
        """The hashes of a tile as a tree of their own."""
        known = self._tiles.get((level, index))
        if known is None:
            width = width_at(self.size, level, index)
            raw = self._read(level, index)
            if width == 0 or len(raw) < width * HASH_BYTES:
                raise InconsistentTiles(
                    f"tile {level}/{index} holds {len(raw) // HASH_BYTES} hashes, a tree of {self.size} entries needs {width}"
                )
            known = MerkleTree.over([raw[at * HASH_BYTES :][:HASH_BYTES] for at in range(width)])
            self._tiles[level, index] = known
        return known

    def _complete(self, height: int, index: int) -> bytes:
        """The root of the complete subtree of 2**height leaves at ``index`` of its height."""
        level, above = divmod(height, HEIGHT)
        tile, at = divmod(index << above, WIDTH)
        return self.tile(level, tile).levels[above][at >> above]

    def subtree(self, start: int, end: int) -> bytes:
        """The root of the subtree over leaves [start, end), one that ``proofs.is_subtree`` knows; end at most the size."""
        width = end - start
        if width == 0:
            return EMPTY_ROOT
        height = (width - 1).bit_length()
        if width == 1 << height:
            return self._complete(height, start >> height)
        middle = start + (1 << (height - 1))
        return node_hash(self.subtree(start, middle), self.subtree(middle, end))

    @property
    def root(self) -> bytes:
        """The root of the whole tree."""
        return self.subtree(0, self.size)

    def inclusion(self, index: int) -> list[bytes]:
        """The proof that the leaf at ``index`` is in the tree, lowest hash first; IndexError outside of it."""
        if not 0 <= index < self.size:
            raise IndexError(f"entry {index} of a log with {self.size}")
        found, start, end = [], 0, self.size
        while end - start > 1:
            middle = start + (1 << ((end - start - 1).bit_length() - 1))
            if index < middle:
                found.append(self.subtree(middle, end))
                end = middle
            else:
                found.append(self.subtree(start, middle))
                start = middle
        return found[::-1]

    def consistency(self, old: int) -> list[bytes]:
        """The proof that this tree continues the one of its first ``old`` leaves; IndexError where there is no such tree."""
        if not 0 <= old <= self.size:
            raise IndexError(f"a tree of {old} entries within a log of {self.size}")
        if old in (0, self.size):
            return []
        found, start, end, whole = [], 0, self.size, True
        while old != end:
            middle = start + (1 << ((end - start - 1).bit_length() - 1))
            if old <= middle:
                found.append(self.subtree(middle, end))
                end = middle
            else:
                found.append(self.subtree(start, middle))
                start, whole = middle, False
        if not whole:
            found.append(self.subtree(start, end))
        return found[::-1]


def grown(size: int, entries: Sequence[bytes], read: ReadTile) -> dict[tuple[int, int], bytes]:
    """The tiles that change, whole, where entries join a tree of ``size`` leaves, by level and index.

    InconsistentTiles where a tile at the right edge does not hold what the tree has there.
    """
    changed: dict[tuple[int, int], bytearray] = {}
    added, first = [leaf_hash(entry) for entry in entries], size
    level = 0
    while added:
        above = []
        for at, each in enumerate(added, first):
            index, place = divmod(at, WIDTH)
            tile = changed.get((level, index))
            if tile is None:
                there = read(level, index) if place else b""
                if len(there) != place * HASH_BYTES:
                    raise InconsistentTiles(
                        f"tile {level}/{index} holds {len(there) // HASH_BYTES} hashes at the edge of the log, not {place}"
                    )
                tile = changed[level, index] = bytearray(there)
            tile += each
            if place == WIDTH - 1:
                hashes = [bytes(tile[o : o + HASH_BYTES]) for o in range(0, len(tile), HASH_BYTES)]
                above.append(MerkleTree.over(hashes).root)
        level, added, first = level + 1, above, first >> HEIGHT
    return {place: bytes(tile) for place, tile in changed.items()}
