"""Which consignments are one: the domain's groups over all declarations of sameness, compared with ``canonical``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping

from schemas.events.base import ObjectKind
from services.audit.fsck.backlog import Backlog
from services.audit.fsck.events import Evidence
from services.audit.fsck.liveness import DeadEvents
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import REBUILD, Damage, Findings
from services.domain.evidence import consignment_groups
from services.domain.facts import Link, LinkKind
from services.domain.objects import Thing
from services.ledger.storage.arrays import uuids

Group = frozenset[bytes]
Groups = Mapping[bytes, Group]


def expected_groups(snapshot: Snapshot, evidence: Evidence, dead: DeadEvents) -> Groups:
    """The members of every group of two and more, under each member; memory grows with declarations of sameness."""
    rows = snapshot.rows(
        "SELECT no, left_id, right_id, publisher FROM link WHERE kind = %s", (int(LinkKind.SAME_CONSIGNMENT),)
    )
    same = [row[1:] for row in rows if row[0] not in dead.numbers | evidence.damaged]
    for no, values in evidence.repaired.get("link", ()):
        if values[0] == LinkKind.SAME_CONSIGNMENT and no not in dead.numbers:
            same.append((values[1], values[2], values[5]))
    ends = sorted({end for left, right, _ in same for end in (left, right)})
    parties: dict[Thing, frozenset[str]] = defaultdict(frozenset)
    foundings = snapshot.rows(
        "SELECT f.no, f.cons, f.publisher, f.names "
        "FROM unnest(%(ids)s::uuid[]) AS c (id) JOIN founding f ON f.cons = c.id",
        {"ids": uuids(ends)},
    )
    counted = [row for row in foundings if row[0] not in dead.numbers | evidence.damaged]
    counted += [
        (no, *values) for no, values in evidence.repaired.get("founding", ()) if no not in dead.numbers
    ]
    for _, cons, publisher, names in counted:
        parties[_thing(cons)] |= {str(publisher), *map(str, names)}
    links = [_link(left, right, publisher) for left, right, publisher in same]
    found = consignment_groups(parties, links)
    return {
        bytes.fromhex(thing.key): frozenset(bytes.fromhex(member.key) for member in members)
        for thing, members in found.items()
        if len(members) > 1
    }


def check_groups(
    snapshot: Snapshot,
    groups: Groups,
    earlier: Callable[[Collection[int]], Iterable[Groups]],
    waiting: Backlog,
    findings: Findings,
) -> None:
    """Compare the stored canonical ids; a consignment without a row is its own.

    ``earlier``: the groups that may be stored until the noted events whose numbers it is given are settled.
    """
    stored: dict[bytes, bytes] = dict(snapshot.stream("SELECT cons, canonical FROM canonical"))
    for cons in sorted(stored.keys() | groups.keys()):
        found, right = stored.get(cons, cons), min(groups.get(cons, {cons}))
        if found != right and not (
            cons in waiting.consignments
            and any(min(each.get(cons, {cons})) == found for each in earlier(waiting.numbers))
        ):
            findings.add(
                Damage.CANONICAL, f"canonical of consignment {cons.hex()}", "canonical", found, right, REBUILD
            )
    findings.counts["grouped_consignments"] += len(groups)


def _thing(cons: bytes) -> Thing:
    return Thing(ObjectKind.CONSIGNMENT, cons.hex())


def _link(left: bytes, right: bytes, publisher: int) -> Link:
    return Link(
        event=b"",
        publisher=str(publisher),
        published=0,
        kind=LinkKind.SAME_CONSIGNMENT,
        left=_thing(left),
        right=_thing(right),
        start=0,
        end=None,
        territorial=False,
    )
