"""Reads the network from the package data, once per process, into frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from types import MappingProxyType

from schemas.railnet.model import (
    Certainty,
    Corridor,
    Crossing,
    CrossingSide,
    Dwell,
    Leg,
    Names,
    Source,
    Station,
    StationRole,
)
from schemas.railnet.table import Row, graded, many, rows


@cache
def stations() -> Mapping[str, Station]:
    """Every station by id."""
    return MappingProxyType({row["id"]: _station(row) for row in rows("stations")})


@cache
def crossings() -> Mapping[str, Crossing]:
    """Every crossing by id."""
    return MappingProxyType({row["id"]: _crossing(row) for row in rows("crossings")})


@cache
def crossing_of_pair() -> Mapping[tuple[str, str], str]:
    """The crossing between two neighbouring station ids, in either order."""
    pairs: dict[tuple[str, str], str] = {}
    for crossing in crossings().values():
        a, b = crossing.a.station, crossing.b.station
        pairs[a, b] = pairs[b, a] = crossing.id
    return MappingProxyType(pairs)


@cache
def corridors() -> Mapping[str, Corridor]:
    """Every directed corridor by id; a path of the data gives two, there (``-W``) and back (``-E``)."""
    sections = {frozenset((row["a"], row["b"])): row for row in rows("sections")}
    found: dict[str, Corridor] = {}
    for row in rows("corridors"):
        path, name = row["path"].split(), row["name"].split(" - ")
        for suffix, stops, title in (("W", path, name), ("E", path[::-1], name[::-1])):
            corridor = _corridor(row, f"{row['id']}-{suffix}", " - ".join(title), stops, sections)
            found[corridor.id] = corridor
    return MappingProxyType(found)


@cache
def legs() -> Mapping[tuple[str, str], Leg]:
    """Every leg that some corridor runs, by (from, to) station id; ``seq`` is that of the first corridor."""
    found: dict[tuple[str, str], Leg] = {}
    for corridor in corridors().values():
        for leg in corridor.legs:
            found.setdefault((leg.from_station, leg.to_station), leg)
    return MappingProxyType(found)


@cache
def sources() -> Mapping[str, Source]:
    """Every cited source by id."""
    return MappingProxyType(
        {row["id"]: Source(row["id"], row["kind"], row["title"]) for row in rows("sources")}
    )


def _station(row: Row) -> Station:
    return Station(
        id=row["id"],
        country=row["country"],
        names=Names(row["zh"] or None, row["ru"] or None, row["en"], row["de"] or None, row["pl"] or None),
        names_read=many(row["names_read"]),
        locode=row["locode"] or None,
        locode_also=many(row["locode_also"]),
        esr=row["esr"] or None,
        esr_certainty=graded(row["esr_certainty"]),
        esr_border=many(row["esr_border"]),
        border_certainty=graded(row["border_certainty"]),
        plc=row["plc"] or None,
        plc_certainty=graded(row["plc_certainty"]),
        uic=row["uic"] or None,
        telecode=row["telecode"] or None,
        telecode_of=row["telecode_of"] or None,
        tz=row["tz"],
        lat=float(row["lat"]),
        lon=float(row["lon"]),
        position_certainty=Certainty(row["position_certainty"]),
        gauges=tuple(map(int, many(row["gauges"]))),
        roles=tuple(map(StationRole, many(row["roles"]))),
        managers=many(row["managers"]),
        division=row["division"] or None,
        certainty=Certainty(row["certainty"]),
        sources=many(row["sources"]),
        note=row["note"] or None,
    )


def _crossing(row: Row) -> Crossing:
    a, b = (
        CrossingSide(row[f"station_{side}"], int(row[f"gauge_{side}"]), many(row[f"managers_{side}"]))
        for side in "ab"
    )
    median, p90 = float(row["dwell_median_h"]), float(row["dwell_p90_h"])
    return Crossing(
        id=row["id"],
        a=a,
        b=b,
        by_sea=row["by_sea"] == "yes",
        gauge_change=row["gauge_change"] == "yes",
        transfer_at=row["transfer_at"] or None,
        transfer_hours=float(row["transfer_hours"]),
        transfer_basis=row["transfer_basis"],
        customs_border=row["customs_border"] == "yes",
        customs=row["customs"],
        dwell=Dwell(median, p90, row["dwell_basis"], Certainty(row["dwell_certainty"])),
        trains_per_day=int(row["trains_per_day"]),
        capacity=row["capacity"] or None,
        volume=row["volume"] or None,
        status=row["status"] or None,
        certainty=Certainty(row["certainty"]),
        sources=many(row["sources"]),
    )


def _corridor(
    row: Row, id: str, name: str, stops: list[str], sections: Mapping[frozenset[str], Row]
) -> Corridor:
    pairs = enumerate(pairwise(stops), start=1)
    return Corridor(
        id=id,
        kind=row["kind"],
        name=name,
        legs=tuple(_leg(seq, start, end, sections[frozenset((start, end))]) for seq, (start, end) in pairs),
        km=float(row["km"]),
        run_hours=float(row["hours"]),
        transit=row["transit"] or None,
        transit_sources=many(row["transit_sources"]),
        note=row["note"] or None,
        certainty=Certainty(row["certainty"]),
        sources=many(row["sources"]),
    )


def _leg(seq: int, start: str, end: str, section: Row) -> Leg:
    carriers = many(section["carriers"])
    return Leg(
        seq=seq,
        from_station=start,
        to_station=end,
        crossing=crossing_of_pair().get((start, end)),
        by_sea=section["mode"] == "sea",
        km=float(section["km"]),
        run_hours=float(section["hours"]),
        mean_kmh=int(section["mean_kmh"]) if section["mean_kmh"] else None,
        carriers=carriers if section["a"] == start else carriers[::-1],
        certainty=Certainty(section["certainty"]),
        sources=many(section["sources"]),
    )
