"""Data as Grafana's components take it: frames of fields, each a column with a type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Type = Literal["time", "number", "string", "boolean", "other"]


class Refused(Exception):
    """A data source did not answer a query; the text says why, as it is shown in the panel."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column: moments are milliseconds since 1970, what is missing is None. ``shown`` is its name where one was given."""

    name: str
    type: Type
    values: Sequence[Any]
    labels: dict[str, str] = field(default_factory=dict)
    shown: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        config = {"displayNameFromDS": self.shown} if self.shown else {}
        body = {"name": self.name, "type": self.type, "values": list(self.values), "config": config}
        return body | ({"labels": self.labels} if self.labels else {})


@dataclass(frozen=True, slots=True)
class Frame:
    """Columns of equal length, which the query ``query`` of a panel found."""

    query: str
    fields: tuple[Field, ...]
    name: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "refId": self.query,
            "name": self.name or None,
            "fields": [each.plain() for each in self.fields],
        }
