"""Goods under a pledge, judged again: what was let go although the facts that were seen said otherwise, and refusals without ground.

Decisions are never taken again. What is looked for is a decision that no order of arrival explains: it must be wrong by all that
is known as of its moment, and by that part of it which it certainly saw.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson

from services.audit.fsck.financing.decisions import DECISIONS, where
from services.audit.fsck.finding import Damage, Notebook
from services.audit.fsck.snapshot import Snapshot
from services.domain.facts import SINCE_EVER
from services.domain.objects import Thing, consignment
from services.financing.domain import lifecycle
from services.financing.domain.cargo_requests import blocks
from services.financing.domain.decisions import Action, Ruling
from services.financing.domain.goods import Report, goods, in_order
from services.financing.domain.lifecycle import Hold
from services.financing.domain.products import products
from services.financing.domain.statements import live
from services.financing.store.evidence import words_in, words_of
from services.financing.store.financings import rulings_of
from services.financing.store.identifiers import application_id, financing_id
from services.financing.store.rows import RULING_COLUMNS, ruling_of
from services.financing.store.signatures import MOST_CARGO
from services.ledger.registry.registry import Registry
from services.ledger.registry.store import RegistryHistory
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import bigints, uuids
from services.ledger.storage.event_reader import Stored
from services.query.stored_events import Reread, Unreadable, reread

SINCE = "2026-12"
"""The version of the rules from which on requests concern shared goods, and releases what is owed; earlier decisions stand."""
REMEDY = (
    "Look at both consignments and at the decision; the bank that has the interest must know. Nothing is undone by the "
    "platform."
)
_NEAR = """
SELECT h.name, c.key
FROM lianyun.financing_near(%(asked)s::uuid[], '{}', true) AS n
JOIN lianyun.financing_cargo c ON c.financing = ANY (n.financings)
JOIN lianyun.financing_hold h ON h.financing = c.financing
ORDER BY h.name, c.key
"""
_SEEN = """
SELECT n.no FROM unnest(%(nos)s::bigint[]) AS n (no) CROSS JOIN LATERAL (
    SELECT b.xid FROM lianyun.batch b WHERE b.first_no <= n.no ORDER BY b.first_no DESC LIMIT 1
) AS b WHERE b.xid < %(position)s::text::xid8
"""


def check_releases(snapshot: Snapshot, history: RegistryHistory, notebook: Notebook) -> None:
    """Judge requests about cargo, reservations refused for shared goods, and releases; some milliseconds for each.

    ``releases_wrong`` counts those that let go what was not free, also where it is zero.
    """
    notebook.counts["releases_wrong"] += 0
    registry = history.newest()
    for row in snapshot.stream(DECISIONS):
        ruling = ruling_of(row)
        if ruling.rules < SINCE:
            continue
        try:
            if ruling.action is Action.RELEASE and ruling.done and not ruling.waiver:
                _check_owed(snapshot, ruling, registry, notebook)
            elif ruling.shares or (ruling.action.disposes and ruling.guard != "PARTY_OF_CARGO"):
                _check_goods(snapshot, ruling, bytes(row[RULING_COLUMNS + 1]), registry, notebook)
        except Unreadable:
            continue  # put down with the event


def _check_goods(
    snapshot: Snapshot, ruling: Ruling, payload: bytes, registry: Registry, notebook: Notebook
) -> None:
    try:
        named = orjson.loads(payload).get("cargo", ())
    except ValueError:
        return  # put down with the decision
    asked = [consignment(*name.split("/", 1)) for name in named]
    near: dict[str, set[Thing]] = {}
    for name, key in snapshot.rows(_NEAR, {"asked": uuids([thing.id for thing in asked])}):
        near.setdefault(name, set()).add(consignment(*key.split("/", 1)))
    held = _held(snapshot, near, ruling)
    events: list[Reread] = []
    if held:
        ids = sorted({thing.id for thing in (*asked, *(t for name in held for t in near[name]))})
        events = [reread(stored, registry) for stored in event_reader.load_facts(snapshot.connection, ids)]
    if ruling.shares:
        _check_shares(ruling, asked, [near[name] for name in held], events, notebook)
    elif ruling.done:
        known = [e for e in events if e.stored.append_us <= ruling.at]
        shared = _shared(known, asked, held, near)
        if shared and _shared(_seen(snapshot, known, ruling), asked, held, near):
            notebook.counts["releases_wrong"] += 1
            expected = f"REFUSED: {in_order(shared)[0]} is of goods under a release block"
            notebook.add(
                Damage.FINANCING, where(ruling), "outcome", "DONE", expected, REMEDY, ruling.asked_by
            )
    elif ruling.guard == "RELEASE_BLOCKED" and not held:
        expected = "DONE: nobody had a release block on the cargo"
        notebook.add(Damage.FINANCING, where(ruling), "outcome", "REFUSED", expected, REMEDY, ruling.asked_by)


def _held(snapshot: Snapshot, names: Collection[str], ruling: Ruling) -> dict[str, Hold]:
    """Those of the financings called ``names`` that kept others from the goods when ``ruling`` was taken."""
    rulings = rulings_of(snapshot.connection, map(financing_id, names))
    holds = lifecycle.holds(earlier for earlier in rulings if earlier.number < ruling.number)
    rows = products()
    return {
        name: hold
        for name, hold in holds.items()
        if name in names
        and hold.terms.product in rows.rows
        and (blocks(hold, rows) if ruling.action.disposes else hold.held(ruling.at))
    }


def _check_shares(
    ruling: Ruling,
    asked: Sequence[Thing],
    cargoes: Sequence[Collection[Thing]],
    events: Sequence[Reread],
    notebook: Notebook,
) -> None:
    """Whatever was said, and taken back: what a refusal rests on was once said of both."""
    reports = _reports(events)
    founded = {f.consignment for report in reports for f in report.facts.foundings}
    if not founded >= {*asked}.union(*cargoes):
        notebook.counts["requests_not_judged"] += 1  # bodies that retention took
        return
    ours = goods(reports, asked, SINCE_EVER)
    theirs = frozenset[Thing]().union(*(goods(reports, cargo, SINCE_EVER) for cargo in cargoes))
    for thing in ruling.shares:
        # A signed request may name it itself, and of very many consignments a decision names a part.
        whole = ruling.request is None and len(asked) < MOST_CARGO
        if thing not in theirs or (whole and thing not in ours):
            expected = "something that names the cargo and goods that are held"
            notebook.add(Damage.FINANCING, where(ruling), "shares", thing, expected, REMEDY, ruling.asked_by)


def _shared(
    events: Sequence[Reread], asked: Sequence[Thing], held: Mapping[str, Hold], near: Mapping[str, set[Thing]]
) -> frozenset[Thing]:
    reports = _reports(events)
    found = frozenset[Thing]()
    for name, hold in held.items():
        since = hold.pledged_at
        if since is not None:
            found |= goods(reports, near[name], since) & goods(reports, asked, since)
    return found


def _check_owed(snapshot: Snapshot, ruling: Ruling, registry: Registry, notebook: Notebook) -> None:
    rulings = rulings_of(snapshot.connection, [financing_id(ruling.financing)])
    hold = lifecycle.holds(r for r in rulings if r.number < ruling.number).get(ruling.financing)
    if hold is None or not hold.draws:
        return
    subjects = {financing_id(hold.financing), application_id(hold.terms.application)}
    said = [s for s in words_of(snapshot.connection, subjects) if s.append_us <= ruling.at]

    def owed(events: Sequence[Stored]) -> int:
        words = live(words_in(events, registry, ruling.at), ruling.at, ruling.at)
        own = lifecycle.of_financing(words, hold.financing, hold.terms.application)
        return lifecycle.state(hold, own, ruling.at).outstanding

    if owed(said) and (left := owed(_visible(snapshot, said, ruling))):
        notebook.counts["releases_wrong"] += 1
        expected = f"a waiver: {left} minor units were owed"
        notebook.add(Damage.FINANCING, where(ruling), "waiver", "none", expected, REMEDY, ruling.asked_by)


def _reports(events: Sequence[Reread]) -> list[Report]:
    return [Report(event.stored.append_us, event.facts) for event in events]


def _seen(snapshot: Snapshot, events: Sequence[Reread], ruling: Ruling) -> list[Reread]:
    visible = {stored.no for stored in _visible(snapshot, [event.stored for event in events], ruling)}
    return [event for event in events if event.stored.no in visible]


def _visible(snapshot: Snapshot, events: Sequence[Stored], ruling: Ruling) -> list[Stored]:
    """Those of ``events`` that were committed before the position of ``ruling``."""
    parameters: dict[str, Any] = {
        "nos": bigints(sorted(s.no for s in events)),
        "position": str(ruling.position),
    }
    seen = {no for (no,) in snapshot.rows(_SEEN, parameters)}
    return [stored for stored in events if stored.no in seen]
