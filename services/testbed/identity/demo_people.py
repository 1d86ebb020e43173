"""The people of the demo, and their registration: made up, as their parties are."""

from __future__ import annotations

import time
from typing import NamedTuple

import psycopg

from services.ledger.registry import store
from services.people.domain.person import Permission
from services.people.store import people


class DemoPerson(NamedTuple):
    """A person of the demo: made up, as its party is."""

    party: str
    subject: str
    name: str
    teams: tuple[str, ...]
    permissions: tuple[Permission, ...]


_SHIFT = (Permission.BOARD, Permission.CASES, Permission.CASES_ACT)
_READS = (Permission.BOARD, Permission.CASES)
_OWNS = (
    Permission.CONSIGNMENTS,
    Permission.TRADES,
    Permission.DOCUMENTS,
    Permission.CONSENTS,
    Permission.CREDIT,
)
_LENDS = (Permission.FINANCING, Permission.TRADES, Permission.DOCUMENTS)
_PUBLISHES = (Permission.EVENTS, Permission.EVENTS_REDRIVE, Permission.EVENTS_UPLOAD)
PEOPLE = (
    DemoPerson("ktz", "aigerim", "Айгерім (simulated)", ("dostyk-shift",), _SHIFT),
    DemoPerson("ktz", "daniyar", "Данияр (simulated)", ("aktogay-shift", "dostyk-shift"), _SHIFT),
    DemoPerson("cr", "li-na", "李娜 (simulated)", ("alashankou-shift",), _SHIFT),
    DemoPerson("pkp", "ewa", "Ewa (simulated)", ("malaszewicze-shift",), _SHIFT),
    DemoPerson("bch", "alena", "Алена (simulated)", ("brest-shift",), _SHIFT),
    DemoPerson("eu-pl", "marek", "Marek (simulated)", ("terespol-customs",), _SHIFT),
    DemoPerson("db", "jonas", "Jonas (simulated)", (), _READS),
    DemoPerson("xianport", "wang-wei", "王伟 (simulated)", ("dispatch",), (*_SHIFT, Permission.CONSIGNMENTS)),
    DemoPerson("silkbank", "mei", "梅 (simulated)", (), (*_LENDS, Permission.FINANCING_MAKE)),
    DemoPerson("silkbank", "karl", "Karl (simulated)", (), (*_LENDS, Permission.FINANCING_CHECK)),
    DemoPerson("huaqing", "chen-jing", "陈静 (simulated)", (), _OWNS),
    DemoPerson("qinling", "zhao-lei", "赵磊 (simulated)", (), _OWNS),
    DemoPerson("ruhr", "anna", "Anna (simulated)", (), _OWNS),
    DemoPerson("pkp", "screen-malaszewicze", "Screen at Małaszewicze (simulated)", (), (Permission.BOARD,)),
    DemoPerson("ktz", "saule", "Сәуле (simulated)", (), _PUBLISHES),
    DemoPerson("xianport", "zhao-min", "赵敏 (simulated)", (), _PUBLISHES),
)
"""Who can be chosen, of the simulated parties."""


def register(dsn: str, issuer: str) -> int:
    """Register the PEOPLE of the registered parties under ``issuer`` where they are not known yet; returns how many."""
    added = 0
    with psycopg.connect(dsn) as session:
        parties = store.load(session)
        known = {each.subject for each in people.listed(session, issuer)}
        now = time.time_ns() // 1_000
        for each in PEOPLE:
            party = parties.party(each.party)
            if party is not None and each.subject not in known:
                people.add(
                    session,
                    party,
                    issuer,
                    each.subject,
                    each.name,
                    each.teams,
                    each.permissions,
                    at=now,
                    by="demo",
                )
                added += 1
    return added
