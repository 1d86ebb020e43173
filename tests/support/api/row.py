"""A row of the table of permissions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """How a route is asked for something that belongs to some, for something that is not there, and who sees the former.

    ``status`` is what those get who see it. ``body`` is sent as JSON.
    """

    own: str
    absent: str
    sees: frozenset[str]
    lists: bool = False
    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
