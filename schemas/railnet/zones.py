"""Zones that a place or company lies in: customs unions, and the clock that trains are worked on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from zoneinfo import ZoneInfo

from schemas.railnet.table import rows


class CustomsUnion(StrEnum):
    """The customs territory that a country belongs to; OTHER stands for a territory of its own."""

    CN = "CN"
    EAEU = "EAEU"
    EU = "EU"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class Company:
    """A railway, carrier, terminal or port; trains are worked on ``working_tz``."""

    code: str
    name: str
    country: str | None
    kind: str
    working_tz: str | None
    day_starts: str | None  # HH:MM in working_tz where the railway day is not the calendar day


@dataclass(frozen=True, slots=True)
class Country:
    """A country on or near the corridors."""

    iso2: str
    name: str
    customs_union: CustomsUnion
    uic: str | None  # two digits


@cache
def countries() -> Mapping[str, Country]:
    """Every country by ISO 3166-1 alpha-2 code."""
    return MappingProxyType(
        {
            row["iso2"]: Country(
                row["iso2"], row["name"], CustomsUnion(row["customs_union"]), row["uic"] or None
            )
            for row in rows("countries")
        }
    )


@cache
def companies() -> Mapping[str, Company]:
    """Every company by code."""
    return MappingProxyType(
        {
            row["code"]: Company(
                code=row["code"],
                name=row["name"],
                country=row["country"] or None,
                kind=row["kind"],
                working_tz=row["working_tz"] or None,
                day_starts=row["day_starts"] or None,
            )
            for row in rows("companies")
        }
    )


def customs_union(country_iso2: str) -> CustomsUnion:
    """The customs union of a country; OTHER also for one that railnet does not know. EU stands for itself in facts of former rules."""
    if country_iso2 == "EU":
        return CustomsUnion.EU
    country = countries().get(country_iso2)
    return CustomsUnion.OTHER if country is None else country.customs_union


def country_of_uic(code: str) -> str | None:
    """The ISO2 country of a two-digit UIC country code, None where unknown."""
    return _by_uic().get(code)


@cache
def zone(name: str) -> ZoneInfo:
    """The time zone ``name`` by the pinned rules of the tzdata package, never by those of the machine.

    Old machines still have Kazakhstan at UTC+6; a local time must give the same instant everywhere.
    Raises KeyError for a name that tzdata does not know.
    """
    *folders, leaf = name.split("/")
    try:
        with files(".".join(("tzdata.zoneinfo", *folders))).joinpath(leaf).open("rb") as file:
            return ZoneInfo.from_file(file, key=name)
    except (ModuleNotFoundError, OSError, ValueError):
        raise KeyError(f"no time zone {name!r} in tzdata; use an IANA name such as Asia/Almaty") from None


def working_zone(company: str) -> ZoneInfo | None:
    """The clock that ``company`` works trains on; Russian trains run on Moscow time at every place."""
    found = companies().get(company)
    return zone(found.working_tz) if found is not None and found.working_tz is not None else None


@cache
def _by_uic() -> Mapping[str, str]:
    return MappingProxyType({c.uic: c.iso2 for c in countries().values() if c.uic is not None})
