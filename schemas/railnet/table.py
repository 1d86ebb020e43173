"""The package data of railnet as rows of text, and how a cell is read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from importlib.resources import files

from schemas.railnet.model import Certainty

Row = dict[str, str]


def rows(name: str) -> Iterator[Row]:
    """The rows of data file ``name``: UTF-8 with a header; several codes in one cell are parted by spaces."""
    text = (files("schemas.railnet") / "data" / f"{name}.csv").read_text(encoding="utf-8")
    yield from csv.DictReader(io.StringIO(text, newline=""))


def many(cell: str) -> tuple[str, ...]:
    """The codes of a cell."""
    return tuple(cell.split())


def graded(cell: str) -> Certainty | None:
    """The certainty that a cell names, None for an empty one."""
    return Certainty(cell) if cell else None
