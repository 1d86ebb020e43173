"""All event types, by name and by number: the one table that storage, the fold and the published contract read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from types import MappingProxyType

from schemas.events.base import Payload
from schemas.events.spec import EventSpec

_MODULES = (
    "movement_origin",
    "movement",
    "movement_exceptions",
    "customs",
    "customs_control",
    "customs_whole",
    "document",
    "document_trade",
    "trade",
    "trade_offshore",
    "customs_filing",
    "network",
    "link",
    "correction",
    "credit",
    "finance",
    "finance_security",
    "finance_request",
    "finance_decision",
    "document_control",
    "case",
)


def _models() -> Iterator[type[Payload]]:
    for name in _MODULES:
        module = import_module(f"schemas.events.{name}")
        for value in vars(module).values():
            if (
                isinstance(value, type)
                and issubclass(value, Payload)
                and value.__module__ == module.__name__
                and "spec" in vars(value)
            ):
                yield value


def _by_type() -> dict[str, type[Payload]]:
    table: dict[str, type[Payload]] = {}
    for model in _models():
        if model.spec.type in table:
            raise ValueError(f"{model.spec.type} is declared twice")
        table[model.spec.type] = model
    return table


def numbered(models: Iterable[type[Payload]]) -> dict[int, EventSpec]:
    """The newest spec under each number; ValueError where two types, not two versions of one, share a number."""
    table: dict[int, EventSpec] = {}
    for model in sorted(models, key=lambda model: model.spec.version):
        found = table.setdefault(model.spec.number, model.spec)
        if found.name != model.spec.name:
            raise ValueError(f"{found.type} and {model.spec.type} share the number {found.number}")
        table[model.spec.number] = model.spec
    return table


CATALOGUE: Mapping[str, type[Payload]] = MappingProxyType(_by_type())
"""The model of each type and version, by the name on the wire."""

_BY_NUMBER: Mapping[int, EventSpec] = MappingProxyType(numbered(CATALOGUE.values()))


def spec(type_: str) -> EventSpec:
    """The fixed facts of the type named ``type_``; KeyError where there is none."""
    return CATALOGUE[type_].spec


def by_number(number: int) -> EventSpec:
    """The fixed facts of the type that storage knows as ``number``; KeyError where there is none."""
    return _BY_NUMBER[number]


def specs() -> tuple[EventSpec, ...]:
    """All types, each in its newest version, in ascending order of their numbers."""
    return tuple(_BY_NUMBER[number] for number in sorted(_BY_NUMBER))
