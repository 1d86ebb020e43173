"""A mirror: entries, tiles and the last checkpoint of a log in a folder of somebody else's, as static resources (C2SP tlog-tiles).

It takes over what continues what it has, after it has computed the root anew; so it is a backup of the log, and a witness that remembers
everything. Any web server can serve the folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx

from schemas.merkle import HASH_BYTES
from services.transparency.domain.checkpoint import Checkpoint
from services.transparency.domain.note import Note
from services.transparency.domain.policy import Policy
from services.transparency.domain.tiles import (
    WIDTH,
    Bundle,
    Place,
    Tile,
    TileTree,
    bundled,
    entries_of,
    grown,
    path_of,
    width_at,
)


class Fork(Exception):
    """Two checkpoints that one log signed and that cannot both be true: ``evidence``, to be shown to everybody."""

    def __init__(self, why: str, held: Note, shown: Note) -> None:
        self.evidence = (held, shown)
        super().__init__(why)


class Unserved(Exception):
    """The log did not serve what its checkpoint says that there is."""


class Mirrored(NamedTuple):
    """Entries before and after a step."""

    before: int
    after: int


def compare(one: Note, other: Note, policy: Policy) -> None:
    """Fork where both checkpoints are signed by one log, of equal size, and have other roots; BadSignature, Malformed."""
    first, second = policy.log_signed(one), policy.log_signed(other)
    if (first.origin, first.size) == (second.origin, second.size) and first.root != second.root:
        raise Fork(f"{first.origin} signed two histories of {first.size} entries", one, other)


class Mirror:
    """The copy in a folder; for one process."""

    def __init__(self, folder: Path, policy: Policy) -> None:
        self._folder, self._policy = folder, policy

    def held(self) -> Note | None:
        """The last checkpoint that was taken over; None before the first."""
        path = self._folder / "checkpoint"
        return Note.parse(path.read_bytes()) if path.exists() else None

    def follow(self, client: httpx.Client) -> Mirrored:
        """Take over what the log at the client's address has more. Fork, Unserved, BadSignature (no quorum), httpx.HTTPError; nothing changed then."""
        shown = Note.parse(_get(client, "checkpoint"))
        new = self._policy.trusted(shown).checkpoint
        held = self.held()
        old = Checkpoint(new.origin, 0, b"") if held is None else Checkpoint.parse(held.text)
        if held is not None:
            if old.origin != new.origin:
                raise Unserved(f"this is a mirror of {old.origin}, the address shows {new.origin}")
            compare(held, shown, self._policy)
        if new.size <= old.size:
            self._require_held(new, held, shown)
            return Mirrored(old.size, old.size)
        entries, tiles = self._continued(client, old, new, held, shown)
        self._store(old.size, new, tiles, entries, shown)
        return Mirrored(old.size, new.size)

    def compare(self, client: httpx.Client) -> Checkpoint:
        """The checkpoint that the client's address shows, which agrees with what is held here, whoever cosigned it; nothing is taken over.

        Fork where they do not agree; Unserved, BadSignature (no trusted log signed it), httpx.HTTPError.
        """
        shown = Note.parse(_get(client, "checkpoint"))
        new, held = self._policy.log_signed(shown), self.held()
        if held is None:
            raise Unserved("nothing is held here yet that could be compared")
        old = Checkpoint.parse(held.text)
        if old.origin != new.origin:
            raise Unserved(f"{old.origin} is held here, the address shows {new.origin}")
        compare(held, shown, self._policy)
        if new.size <= old.size:
            self._require_held(new, held, shown)
        else:
            self._continued(client, old, new, held, shown)
        return new

    def entries(self, first: int, end: int) -> Iterator[tuple[int, bytes]]:
        """The entries [first, end) that are held, with their numbers."""
        held = self.held()
        size = 0 if held is None else Checkpoint.parse(held.text).size
        for number in range(first // WIDTH, -(-min(end, size) // WIDTH)):
            bundle = entries_of(self._read(Bundle(number, width_at(size, 0, number))))
            for index, entry in enumerate(bundle, number * WIDTH):
                if first <= index < end:
                    yield index, entry

    def _continued(
        self, client: httpx.Client, old: Checkpoint, new: Checkpoint, held: Note | None, shown: Note
    ) -> tuple[list[bytes], dict[tuple[int, int], bytes]]:
        """The entries of ``new`` behind ``old`` and the tiles that they change; Fork, Unserved where they do not give its root."""
        entries = self._fetched(client, old.size, new.size)
        tiles = grown(old.size, entries, lambda level, number: self._tile(old.size, level, number))
        tree = TileTree(
            new.size, lambda level, number: tiles.get((level, number)) or self._tile(old.size, level, number)
        )
        if tree.root != new.root:
            if held is None:
                raise Unserved("the entries that the log serves do not give the root that it signed")
            raise Fork(
                f"the {new.size} entries do not continue the {old.size} that are held here", held, shown
            )
        return entries, tiles

    def _require_held(self, new: Checkpoint, held: Note | None, shown: Note) -> None:
        """An older checkpoint is one of what is held here."""
        if held is None:
            return
        size = Checkpoint.parse(held.text).size
        if TileTree(new.size, lambda level, number: self._tile(size, level, number)).root != new.root:
            raise Fork(
                f"the {new.size} entries are not the first of the {size} that are held here", held, shown
            )

    def _fetched(self, client: httpx.Client, first: int, end: int) -> list[bytes]:
        """The entries [first, end); what is held of the first bundle is fetched again."""
        found: list[bytes] = []
        for number in range(first // WIDTH, -(-end // WIDTH)):
            width = width_at(end, 0, number)
            bundle = entries_of(_get(client, path_of(Bundle(number, width))))
            if len(bundle) != width:
                raise Unserved(f"a bundle of {width} entries holds {len(bundle)}")
            found += bundle[max(0, first - number * WIDTH) :]
        return found

    def _tile(self, size: int, level: int, number: int) -> bytes:
        width = width_at(size, level, number)
        return self._read(Tile(level, number, width)) if width else b""

    def _read(self, place: Place) -> bytes:
        return (self._folder / path_of(place)).read_bytes()

    def _store(
        self, old: int, new: Checkpoint, tiles: dict[tuple[int, int], bytes], entries: list[bytes], note: Note
    ) -> None:
        """Tiles and bundles first, the checkpoint last: whoever reads it finds all of its tree."""
        for (level, number), hashes in tiles.items():
            self._write(path_of(Tile(level, number, len(hashes) // HASH_BYTES)), hashes)
        for number in range(old // WIDTH, -(-new.size // WIDTH)):
            start, width = number * WIDTH, width_at(new.size, 0, number)
            before = entries_of(self._read(Bundle(number, old - start))) if old > start else []
            own = entries[max(0, start - old) : start + width - old]
            self._write(path_of(Bundle(number, width)), bundled([*before, *own]))
        self._write("checkpoint", str(note).encode())

    def _write(self, path: str, content: bytes) -> None:
        target = self._folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f"{target.name}.new")
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)


def _get(client: httpx.Client, path: str) -> bytes:
    answer = client.get(f"/{path}")
    if answer.status_code != httpx.codes.OK:
        raise Unserved(f"/{path} is answered {answer.status_code}")
    return answer.content
