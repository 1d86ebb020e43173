"""S2 and S3: what is observed of the declarations of a cargo, by what was declared of the shipper's trades where that was published.

Declarations of one trade are judged as ``services.trade.domain.in_step`` judges them, from what was signed about this cargo alone by
parties who count in it. Cargo of which nobody published what was declared is judged by the particulars that parties state of its filings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from schemas.events.base import CustomsMilestone, ObjectKind
from schemas.events.customs import Accepted
from schemas.events.customs_filing import Filing, FilingAmended
from schemas.events.trade import DatasetStated
from services.credit.domain.cargo import Cargo, CargoFact, TradeFact
from services.credit.domain.observations import Observation, observed
from services.credit.domain.signals import PPM, WHOLE, Signal, SignalTable
from services.credit.domain.statements import Detail
from services.domain.facts import LinkKind, Micros, counts
from services.domain.objects import Thing
from services.trade.domain.dataset import Dataset
from services.trade.domain.declaration_numbers import Numbers, given_number, numbers_of
from services.trade.domain.filing import Filing as DeclaredFiling
from services.trade.domain.in_step import in_step
from services.trade.domain.in_step_filings import Correction
from services.trade.domain.in_step_pair import PairStatus, Status
from services.trade.domain.in_step_rules import step_rules
from services.trade.domain.paper import Kind
from services.trade.formats.dataset import stated
from services.trade.formats.declared import Statement, filings_of

_CURRENCY, _VALUE = "20", "21"
"""Elements of the crosswalk: values in two currencies are not compared."""


@dataclass(frozen=True)
class Trades:
    """The shipper's trades of one cargo: their versions, the declarations made from them, and the facts that say so."""

    cargo: Cargo

    @cached_property
    def facts(self) -> tuple[TradeFact, ...]:
        """What is about this cargo alone."""
        return tuple(each for each in self.cargo.trades if each.own)

    @cached_property
    def versions(self) -> Mapping[str, tuple[Dataset, str]]:
        """The versions of the shipper's data that the shipper or its forwarder stated, by digest, with the publisher: the shipper where it did."""
        found: dict[str, tuple[Dataset, str]] = {}
        for _, statement, _ in self.facts:
            payload = statement.payload
            if not isinstance(payload, DatasetStated):
                continue
            owner = payload.owner or statement.publisher
            by_shipper = statement.publisher == self.cargo.shipper
            if owner == self.cargo.shipper and (by_shipper or statement.agent):
                version = stated(payload.data)
                if by_shipper or version.digest not in found:
                    found[version.digest] = version, statement.publisher
        return found

    @cached_property
    def numbers(self) -> Numbers:
        """The numbers of the declarations."""
        live, engaged = self.cargo.group.liveness.live, self.cargo.group.engaged
        tied: dict[bytes, set[str]] = defaultdict(set)
        for link in self.cargo.facts.links:
            if link.kind is LinkKind.SAME_DECLARATION and live(link.event) and counts(link, engaged):
                tied[link.event] |= {link.left.key, link.right.key}
        accepted: dict[bytes, set[str]] = defaultdict(set)
        for thing, event in self._of_declarations(Accepted):
            accepted[event].add(thing.key)
        given = (given_number(frozenset(each)) for each in accepted.values())
        return numbers_of([*map(frozenset, tied.values()), *given])

    def _of_declarations(self, type_: type[CustomsMilestone]) -> Iterator[tuple[Thing, bytes]]:
        for claim, statement, _ in self.facts:
            if isinstance(statement.payload, type_) and claim.thing.kind is ObjectKind.DECLARATION:
                yield claim.thing, claim.event

    def declaration(self, thing: Thing) -> Thing:
        """The declaration by the number that it goes by."""
        return thing._replace(key=self.numbers.names.get(thing.key, thing.key))

    @cached_property
    def of_shipper(self) -> frozenset[str]:
        """The declarations that were made from the shipper's data."""
        return frozenset(
            self.declaration(claim.thing).key
            for claim, statement, _ in self.facts
            if isinstance(statement.payload, Filing)
            and claim.thing.kind is ObjectKind.DECLARATION
            and (made_from := statement.payload.dataset) is not None
            and (made_from.owner or statement.publisher) == self.cargo.shipper
        )

    @cached_property
    def filed(self) -> tuple[tuple[DeclaredFiling, ...], tuple[Correction, ...]]:
        """The declarations with what became of them."""
        said = [
            Statement(claim.event.hex(), claim.thing.key, statement.payload)
            for claim, statement, _ in self.facts
            if isinstance(statement.payload, CustomsMilestone)
            and self.declaration(claim.thing).key in self.of_shipper
        ]
        return filings_of(said, self.numbers.names)

    def about(self, declarations: Iterable[str]) -> tuple[CargoFact, ...]:
        """The facts that state what ``declarations`` declare."""
        wanted = frozenset(declarations)
        return tuple(
            CargoFact(claim, Detail(claim.event, False), own=True)
            for claim, statement, _ in self.facts
            if isinstance(statement.payload, Filing)
            and self.declaration(claim.thing).key in wanted
            and (statement.payload.declared is not None or isinstance(statement.payload, FilingAmended))
        )

    def filing(self, fact: CargoFact) -> Filing | None:
        """What the event of ``fact`` says as a second version."""
        found = (each.statement.payload for each in self.facts if each.claim.event == fact.claim.event)
        return next((payload for payload in found if isinstance(payload, Filing)), None)


def declaration_accuracy(cargo: Cargo, table: SignalTable) -> Iterator[Observation]:
    """S2, one trial for each export declaration: neither rejected nor amended for a reason that lies with the shipper.

    An amendment lies with the shipper where its publisher says so, or where it follows data that the shipper itself stated anew after
    the declaration was made from others, in a class that counts, on no ground that excuses. What customs corrected or refused does not.
    """
    trades = Trades(cargo)
    lodged: dict[tuple[str, Thing], CargoFact] = {}
    for fact in cargo.of("customs.export_lodged"):
        if fact.own:
            lodged.setdefault((fact.claim.jurisdiction, trades.declaration(fact.claim.thing)), fact)
    wrong: dict[tuple[str, Thing], list[CargoFact]] = defaultdict(list)
    for fact in cargo.of("customs.rejected", table.assurance):
        if fact.own and fact.code in table.held_against and not cargo.excused(fact.claim.event):
            wrong[fact.claim.jurisdiction, trades.declaration(fact.claim.thing)].append(fact)
    for fact in cargo.of("customs.amended"):
        key = fact.claim.jurisdiction, trades.declaration(fact.claim.thing)
        if not fact.own:
            continue
        blamed = fact.claim.assurance >= table.assurance and cargo.blamed(fact.claim.event)
        if blamed or (key in lodged and _follows_own_data(trades, lodged[key], fact, table)):
            wrong[key].append(fact)
    for (jurisdiction, thing), first in lodged.items():
        against = wrong.get((jurisdiction, thing), [])
        at = against[0].at if against else first.at
        unit = f"{jurisdiction} {thing}"
        yield observed(
            cargo, Signal.DECLARATION_ACCURACY, unit, at, (first, *against), WHOLE if against else 0
        )


def _follows_own_data(trades: Trades, lodged: CargoFact, amended: CargoFact, table: SignalTable) -> bool:
    """Whether the amendment follows data that the shipper itself stated after those from which the declaration was lodged.

    Said by customs, or by who lodged it.
    """
    original, change = trades.filing(lodged), trades.filing(amended)
    if original is None or not isinstance(change, FilingAmended) or trades.cargo.excused(amended.claim.event):
        return False
    if change.by_customs or change.refused or change.ground in table.excusing:
        return False
    if amended.claim.assurance < table.assurance and amended.claim.publisher != lodged.claim.publisher:
        return False
    made_from, follows = (
        trades.versions.get(each.dataset.version or "") if each.dataset else None
        for each in (original, change)
    )
    return (
        made_from is not None
        and follows is not None
        and follows[1] == trades.cargo.shipper
        and follows[0].version > made_from[0].version
        and not frozenset(map(str, change.classes)).isdisjoint(table.classes)
    )


def filing_consistency(cargo: Cargo, table: SignalTable) -> Iterator[Observation]:
    """S3, one trial for each pair of an export and an import declaration of the cargo: what both state agrees."""
    trades = Trades(cargo)
    judged = set[tuple[str, str]]()
    if table.elements:
        for (left, right), statuses in _pairs(trades).items():
            judged.add((_country(left), _country(right)))
            agrees = _in_step(statuses, table)
            if agrees is not None:
                facts = trades.about((*left, *right))
                at = max(each.at for each in facts)
                unit = f"{'+'.join(left)} {'+'.join(right)}"
                yield observed(cargo, Signal.FILING_CONSISTENCY, unit, at, facts, 0 if agrees else WHOLE)
    yield from _by_particulars(cargo, table, judged)


def _country(declarations: Sequence[str]) -> str:
    return declarations[0].partition("/")[0]


def _pairs(trades: Trades) -> dict[tuple[tuple[str, ...], tuple[str, ...]], list[PairStatus]]:
    """The statuses of each pair of declarations from China and to the EAEU, by the tables of the day of the last statement."""
    filings, corrections = trades.filed
    if not filings:
        return {}
    moments = [*(each.at for each in filings), *(each.amendment.at for each in corrections)]
    day = datetime.fromtimestamp(max(moments) // 1_000_000, UTC).date()
    versions = (version for version, _ in trades.versions.values())
    sides = {each.declaration: each.kind for each in filings}
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], list[PairStatus]] = defaultdict(list)
    for status in in_step(versions, filings, corrections, step_rules(day)):
        kinds = [{sides.get(each) for each in side} for side in (status.left, status.right)]
        if kinds == [{Kind.CN_DECLARATION}, {Kind.EAEU_DECLARATION}]:
            found[status.left, status.right].append(status)
    return found


def _in_step(statuses: Sequence[PairStatus], table: SignalTable) -> bool | None:
    """Whether a pair agrees in what counts; None where nothing of it could be decided.

    What the law allows to differ, what customs corrected, what may not be changed now and what two sides lack alike says nothing.
    """
    one_currency = all(each.status is Status.SAME for each in statuses if each.element == _CURRENCY)
    decided = []
    for status in statuses:
        if status.element not in table.elements or (status.element == _VALUE and not one_currency):
            continue
        if status.status is Status.SAME:
            decided.append(True)
        elif status.reason in table.held_against and len(status.lags) < 2:
            decided.append(False)
    return all(decided) if decided else None


def _by_particulars(cargo: Cargo, table: SignalTable, judged: set[tuple[str, str]]) -> Iterator[Observation]:
    """Pairs of which parties state the particulars of both filings, but for those of countries that were ``judged`` by what was declared."""
    filings: dict[tuple[str, str], CargoFact] = {}
    for fact in cargo.of("credit.particulars_declared", table.assurance):
        if not fact.own:
            continue
        key = fact.code, fact.claim.jurisdiction
        present = filings.get(key)
        if present is None or _newer(fact) > _newer(present):
            filings[key] = fact
    for (side, origin), export in filings.items():
        for (other, destination), entry in filings.items():
            if (side, other) != ("EXPORT", "IMPORT") or origin == destination:
                continue
            agrees = agree(export.detail, entry.detail, table)
            if agrees is not None and (origin, destination) not in judged:
                at = max(export.at, entry.at)
                bad = 0 if agrees else WHOLE
                unit = f"{origin} {destination}"
                yield observed(cargo, Signal.FILING_CONSISTENCY, unit, at, (export, entry), bad)


def _newer(fact: CargoFact) -> tuple[int, Micros, bytes]:
    return fact.claim.assurance, fact.claim.published, fact.claim.event


def agree(one: Detail, other: Detail, table: SignalTable) -> bool | None:
    """Whether the figures in both filings are equal within the tolerance; None where they have none in common."""
    checks = []
    if one.commodities and other.commodities:
        checks.append(heading(one) == heading(other))
    if one.packages is not None and other.packages is not None:
        checks.append(one.packages == other.packages)
    if one.kilograms is not None and other.kilograms is not None:
        checks.append(within(one.kilograms, other.kilograms, table))
    if one.value is not None and other.value is not None and one.value[0] == other.value[0]:
        checks.append(within(one.value[1], other.value[1], table))
    for here, there in ((one.seller, other.seller), (one.buyer, other.buyer)):
        if here is not None and there is not None and here[0] == there[0]:
            checks.append(here == there)
    return all(checks) if checks else None


def heading(detail: Detail) -> frozenset[str]:
    """The codes as far as they are the same worldwide: six digits."""
    return frozenset(code[:6] for code in detail.commodities)


def within(one: int, other: int, table: SignalTable) -> bool:
    """Whether two amounts differ by no more than the signal tolerates, relative or absolute."""
    return abs(one - other) <= max(table.tolerance_units, max(one, other) * table.tolerance_ppm // PPM)
