"""What is held: the decisions replayed in their order, compared with the rows that other transactions rely on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import orjson

from services.audit.fsck.financing.decisions import RESTORE
from services.audit.fsck.snapshot import Row, Snapshot, chunks
from services.audit.report import Damage, Findings
from services.domain.objects import consignment
from services.financing.domain import lifecycle
from services.financing.domain.decisions import Action, Decision
from services.financing.domain.fingerprints import Fingerprint
from services.financing.domain.lifecycle import Hold
from services.financing.domain.products import products
from services.financing.store.decision_writer import ENDING, taken_digest
from services.financing.store.financings import DECISION_COLUMNS, DECISION_LIST, decision_of, print_of
from services.financing.store.identifiers import financing_id
from services.ledger.storage.arrays import Uuids, uuids

HOLD_REMEDY = "Set the row to what the decisions say: they are signed, the row is a cache of them."
_CHUNK = 1_000
_IDS = """
SELECT financing FROM lianyun.financing_touched UNION SELECT financing FROM lianyun.financing_hold
UNION SELECT financing FROM lianyun.financing_entry UNION SELECT financing FROM lianyun.financing_cargo
ORDER BY financing
"""
_RULINGS = f"""
SELECT {DECISION_LIST}, d.payload, t.financing
FROM lianyun.financing_touched t JOIN lianyun.financing_decision d ON d.number = t.number
WHERE t.financing = ANY (%(ids)s::uuid[]) ORDER BY t.financing, d.number
"""  # noqa: S608 - columns
_HOLDS = "SELECT financing, name, blocks, pledged, ended FROM lianyun.financing_hold WHERE financing = ANY (%(ids)s::uuid[])"
_ENTRIES = """
SELECT version, kind, digest, name, measure, part, whole, near, thing, freed, financing,
       (measure IS NULL) = (part IS NULL) AND (measure IS NULL) = (whole IS NULL)
FROM lianyun.financing_entry WHERE financing = ANY (%(ids)s::uuid[])
"""
_NONE = taken_digest(()).hex()
"""What a partial release frees that is of no entry, by its value alone."""
_RESERVE = (
    "Restore the rows of lianyun.financing_entry from a backup; the signed reservation tells their digest."
)
_CARGO = (
    "SELECT financing, consignment, key FROM lianyun.financing_cargo WHERE financing = ANY (%(ids)s::uuid[])"
)


class _Note(Protocol):
    """Adds a finding on one financing."""

    def __call__(
        self, place: str, field: str, stored: object, expected: object, remedy: str = HOLD_REMEDY
    ) -> None: ...


@dataclass(slots=True)
class _Financing:
    """One financing: its decisions with what they take, and the rows that are kept of it."""

    id: bytes
    decisions: list[Decision] = field(default_factory=list)
    takes: dict[int, str] = field(default_factory=dict)  # digest by number of the decision
    gives: dict[int, str] = field(default_factory=dict)  # of partial releases likewise
    consignments: set[str] = field(default_factory=set)
    rows: list[Row] = field(default_factory=list)
    entries: list[tuple[Fingerprint, int | None]] = field(default_factory=list)
    cargo: set[tuple[bytes, str]] = field(default_factory=set)
    called: set[str] = field(default_factory=set)  # in its entries
    halves: int = 0  # entries with a part of a share

    @property
    def name(self) -> str:
        """``bank/reference``, or the id where no decision of its own is there."""
        for decision in self.decisions:
            for name in (decision.financing, *decision.frees):
                if name and financing_id(name) == self.id:
                    return name
        return self.id.hex()

    def hold(self) -> Hold | None:
        """The hold by its replayed decisions."""
        return lifecycle.holds(self.decisions).get(self.name)


def check_holds(snapshot: Snapshot, findings: Findings) -> None:
    """Compare every financing's rows with its replayed decisions."""
    snapshot.connection.execute("SET LOCAL work_mem = '64MB'")
    findings.counts["financings"] += 0
    findings.counts["financings_wrong"] += 0
    for ids in chunks((row[0] for row in snapshot.stream(_IDS)), _CHUNK):
        for financing in _read(snapshot, uuids(ids)):
            before = findings.found[Damage.FINANCING]
            try:
                _check(financing, findings)
            except Exception as problem:
                findings.unreadable(f"decisions and rows of financing {financing.name}", problem)
            findings.counts["financings"] += 1
            findings.counts["financings_wrong"] += findings.found[Damage.FINANCING] > before


def _read(snapshot: Snapshot, ids: Uuids) -> Iterable[_Financing]:
    parameters = {"ids": ids}
    found: dict[bytes, _Financing] = {}

    def of(id_: bytes) -> _Financing:
        return found.setdefault(id_, _Financing(id_))

    for row in snapshot.rows(_RULINGS, parameters):
        payload, id_ = row[DECISION_COLUMNS:]
        try:
            decision = decision_of(row)
        except (ValueError, AssertionError):
            continue  # reported with the decision
        of(id_).decisions.append(decision)
        if decision.done and decision.action in (Action.RESERVE, Action.RELEASE_PART):
            _takes(of(id_), decision, bytes(payload))
    for row in snapshot.rows(_HOLDS, parameters):
        of(row[0]).rows.append(row)
    for row in snapshot.rows(_ENTRIES, parameters):
        freed, id_, whole = row[-3:]
        name, print_ = print_of(row[:-3])
        of(id_).entries.append((print_, freed))
        of(id_).halves += not whole
        of(id_).called.add(name)
    for id_, cargo, key in snapshot.rows(_CARGO, parameters):
        of(id_).cargo.add((cargo, key))
    return found.values()


def _takes(financing: _Financing, decision: Decision, payload: bytes) -> None:
    try:
        content = orjson.loads(payload)
    except ValueError:
        return  # reported with the decision
    if decision.action is Action.RELEASE_PART:
        financing.gives[decision.number] = content.get("freed_sha256", _NONE)
    elif "takes_sha256" in content and decision.financing == financing.name:
        financing.takes[decision.number] = content["takes_sha256"]
        financing.consignments |= {*content.get("cargo", ())}


def _check(financing: _Financing, findings: Findings) -> None:
    where, hold = f"of financing {financing.name}", financing.hold()

    def note(place: str, field: str, stored: object, expected: object, remedy: str = HOLD_REMEDY) -> None:
        bank = "" if hold is None else hold.bank
        findings.add(Damage.FINANCING, f"{place} {where}", field, stored, expected, remedy, publisher=bank)

    for earlier, following in zip(financing.decisions, financing.decisions[1:], strict=False):
        place = f"financing_decision {following.number}"
        if following.before is None or following.before < earlier.number:
            note(place, "before", following.before, f"{earlier.number} or a later one", RESTORE)
        for name, first, second in (
            ("at", earlier.at, following.at),
            ("position", earlier.position, following.position),
        ):
            if second < first:
                note(place, name, second, f"at least {first}, as of the decision before it", RESTORE)
    expected = None if hold is None else _expected(hold)
    stored = financing.rows[0][1:] if financing.rows else None
    if stored is None or expected is None:
        if stored != expected:
            shown = ["no row" if row is None else "a row" for row in (stored, expected)]
            note("financing_hold", "row", *shown)
    else:
        for column, found, right in zip(
            ("name", "blocks", "pledged", "ended"), stored, expected, strict=True
        ):
            if found != right:
                note("financing_hold", column, found, right)
    cargo = {(consignment(*key.split("/", 1)).id, key) for key in financing.consignments}
    for _, key in sorted(cargo - financing.cargo):
        note(f"financing_cargo {key}", "row", "missing", "a row")
    for _, key in sorted(financing.cargo - cargo):
        note(f"financing_cargo {key}", "row", "a row", "no row")
    _entries(financing, note)


def _expected(hold: Hold) -> tuple[str, bool, bool, bool]:
    rows = products().rows
    blocks = hold.terms.product in rows and rows[hold.terms.product].blocks_release
    return hold.financing, blocks, hold.pledged_at is not None, hold.ended is not None


def _entries(financing: _Financing, note: _Note) -> None:
    frees = _freeing(financing)
    last = max(financing.takes, default=0)
    freed_at = next((number for number in frees if number > last), None)
    latest = []
    given: dict[int, list[Fingerprint]] = {number: [] for number in financing.gives if number > last}
    for print_, freed in financing.entries:
        place = f"financing_entry {print_.kind} {print_.digest.hex()} of version {print_.version}"
        if freed is None or freed > last:
            latest.append(print_)
            if freed in given:
                given[freed].append(print_)
            elif freed != freed_at:
                note(place, "freed", freed, freed_at)
        elif freed not in frees and freed not in financing.gives:
            note(place, "freed", freed, "a decision that frees this financing")
    if financing.halves:
        stored = f"{financing.halves} rows with only some of them"
        note("financing_entry", "measure, part and whole", stored, "all three of a share, or none", _RESERVE)
    for name in financing.called - {financing.name}:
        note("financing_entry", "name", name, financing.name)
    expected = financing.takes.get(last)
    if expected is not None and taken_digest(latest).hex() != expected:
        stored = f"{len(latest)} rows of digest {taken_digest(latest).hex()}"
        note(
            "financing_entry", "version, kind, digest, share or near", stored, f"digest {expected}", _RESERVE
        )
    for number, prints in given.items():
        if (found := taken_digest(prints).hex()) != financing.gives[number]:
            stored = f"{len(prints)} rows of digest {found}"
            note(
                f"financing_entry freed by {number}",
                "freed",
                stored,
                f"digest {financing.gives[number]}",
                _RESERVE,
            )
    if last == 0 and financing.entries:
        note("financing_entry", "row", f"{len(financing.entries)} rows", "no row: nothing was reserved")


def _freeing(financing: _Financing) -> Sequence[int]:
    """The decisions that ended what the financing held, in their order."""
    name = financing.name
    return [
        decision.number
        for decision in financing.decisions
        if decision.done
        and (
            name in decision.frees
            or (
                decision.financing == name
                and (decision.action in ENDING or decision.action is Action.RESERVE)
            )
        )
    ]
