"""Checkpoints: the size and root of a log at one moment, as text to be signed (C2SP tlog-checkpoint v1.0.0)."""

from __future__ import annotations

from dataclasses import dataclass

from services.transparency.domain.encoding import Malformed, decimal, digest, spelled


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tree of a log after ``size`` entries: its 32-byte RFC 6962 root. ``extensions`` are lines that nobody can audit."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The body of the note that carries it, with its last newline."""
        lines = (self.origin, str(self.size), spelled(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """The checkpoint of a note's body; Malformed where it is none."""
        *lines, last = text.split("\n")
        if last or len(lines) < 3:
            raise Malformed(
                "a checkpoint has an origin, a size and a root, a line each, and ends with a newline"
            )
        origin, size, root, *extensions = lines
        if not origin or any(not line for line in extensions):
            raise Malformed("a line of the checkpoint is empty")
        return cls(origin, decimal(size, "the size"), digest(root, "the root"), tuple(extensions))
