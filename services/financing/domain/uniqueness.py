"""Whether an interest may be reserved beside existing holds: clear, to be reviewed, or taken.

A match blocks only where the same interest in the same value is taken. These pass: the seller's and the buyer's bank on one trade
(a claim and the goods), a further part of the same thing inside one bank, parts of what may be shared (a consolidated box, one
declaration for several invoices) as long as they fit, and a take-over with the holder's consent. Mere resemblance is for review.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple

from services.financing.domain.documents import Share
from services.financing.domain.fingerprints import Fingerprint, Kind
from services.financing.domain.products import Value
from services.financing.domain.resemblance import Feature, Resemblance, scoring

# A key without a share is taken whole. A known share takes its part of a whole that all must state alike; measures are
# never converted, so a deal that counts in another currency or unit is for people to look at, not for arithmetic.


class Room(IntEnum):
    """Whether a part fits beside others; the greater the graver."""

    FITS = 0
    SPLIT_UNKNOWN = 1
    EXCEEDED = 2
    TAKEN = 3


class Fit(NamedTuple):
    """The verdict, and what would be left of ``measure`` (None where unknown)."""

    room: Room
    residual: int | None = None
    measure: str = ""


def fit(requested: Share | None, taken: Iterable[Share | None]) -> Fit:
    """Whether ``requested`` fits under one key beside the shares that are ``taken`` there by others."""
    others = tuple(taken)
    if not others:
        return _alone(requested)
    if requested is None or None in others:
        return Fit(Room.TAKEN)
    known = [share for share in others if share is not None and share.known]
    if not requested.known or len(known) < len(others):
        return Fit(Room.SPLIT_UNKNOWN)
    if any((share.measure, share.whole) != (requested.measure, requested.whole) for share in known):
        return Fit(Room.SPLIT_UNKNOWN)
    residual = requested.whole - sum(share.part for share in known) - requested.part
    if residual < 0:
        return Fit(Room.EXCEEDED, residual + requested.part, requested.measure)
    return Fit(Room.FITS, residual, requested.measure)


def _alone(requested: Share | None) -> Fit:
    if requested is None:
        return Fit(Room.FITS)
    if not requested.known:
        return Fit(Room.FITS)  # nobody else is there; the next one has to ask how it is split
    return Fit(Room.FITS, requested.whole - requested.part, requested.measure)


class Encumbrance(NamedTuple):
    """What a financing requests or holds: bank, applicant, group of interests (CLAIM or CARGO) and value."""

    financing: str
    bank: str
    applicant: str
    group: str
    value: Value


class Entry(NamedTuple):
    """One fingerprint that a financing holds, unreleased."""

    fingerprint: Fingerprint
    holder: Encumbrance


class Verdict(IntEnum):
    """The verdict of a check; the greater the graver."""

    CLEAR = 0
    REVIEW = 1
    TAKEN = 2


class Match(StrEnum):
    """How a finding resembles the request."""

    NONE = "NONE"
    SIMILAR = "SIMILAR"
    NEAR = "NEAR"
    EXACT = "EXACT"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding against a reservation; ``by`` is internal, never shown to another bank."""

    verdict: Verdict
    match: Match
    guard: str
    kind: Kind
    by: str
    residual: int | None = None
    measure: str = ""
    resemblance: Resemblance | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of a check: the gravest finding counts. ``takes_over`` are holders that consented."""

    findings: tuple[Finding, ...] = ()
    takes_over: frozenset[str] = frozenset()

    @property
    def verdict(self) -> Verdict:
        """CLEAR without findings."""
        return max((finding.verdict for finding in self.findings), default=Verdict.CLEAR)

    @property
    def gravest(self) -> Finding | None:
        """The finding that decides; of equals the first by kind."""
        against = [finding for finding in self.findings if finding.verdict is self.verdict]
        return min(against, key=lambda f: (f.kind, f.guard, f.by), default=None)

    @property
    def resemblances(self) -> tuple[Resemblance, ...]:
        """What is alike in the findings that ask for a review, each once, the most alike first; never with whom."""
        found: dict[Resemblance, set[str]] = defaultdict(set)
        for finding in self.findings:
            if finding.verdict is Verdict.REVIEW and finding.resemblance is not None:
                found[finding.resemblance].add(finding.by)
        counted = (each._replace(deals=len(by)) for each, by in found.items())
        return tuple(sorted(counted, key=lambda each: (-each.points, each)))

    @property
    def notices(self) -> tuple[str, ...]:
        """Guards worth a notice although they stop nothing."""
        return tuple(sorted({f.guard for f in self.findings if f.verdict is Verdict.CLEAR}))


def check(
    requested: Encumbrance,
    prints: Iterable[Fingerprint],
    entries: Iterable[Entry],
    consented: frozenset[str] = frozenset(),
) -> Checked:
    """Check ``prints`` of ``requested`` against unreleased ``entries``; ``consented`` are financings whose bank agreed.

    Entries of the financing itself, or under other fingerprints, do not matter.
    """
    held: dict[tuple[int, Kind, bytes], list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.holder.financing != requested.financing:
            print_ = entry.fingerprint
            held[print_.version, print_.kind, print_.digest].append(entry)
    if not held:
        return Checked()
    findings: dict[Finding, None] = {}
    takes_over: set[str] = set()
    asked_prints = tuple(prints)
    met_exactly = {
        (requested_print.kind, entry.holder.financing)
        for requested_print in asked_prints
        for entry in held.get((requested_print.version, requested_print.kind, requested_print.digest), ())
    }
    for requested_print in asked_prints:
        met = held.get((requested_print.version, requested_print.kind, requested_print.digest), [])
        consenting = {e.holder.financing for e in met if e.holder.financing in consented}
        if requested_print.kind.exact:
            takes_over |= {
                e.holder.financing
                for e in met
                if e.holder.financing in consenting and _competes(requested, e)
            }
        left = [entry for entry in met if entry.holder.financing not in consenting]
        for finding in _judge(requested, requested_print, left):
            # Who shares the very box or invoice is judged by that, not by looking like it.
            if (_EXACTLY.get(finding.kind), finding.by) not in met_exactly:
                findings[finding] = None
    return Checked(tuple(findings), frozenset(takes_over))


def written(
    prints: Iterable[Fingerprint], entries: Iterable[Entry], opened: Collection[int]
) -> tuple[Fingerprint, ...]:
    """Those of ``prints`` that a reservation records: under the versions ``opened``, and under a closed one what meets ``entries`` there.

    Parts of one document that are held under several versions add up under one of them.
    """
    met = {(e.fingerprint.version, e.fingerprint.kind, e.fingerprint.digest) for e in entries}
    return tuple(p for p in prints if p.version in opened or (p.version, p.kind, p.digest) in met)


_EXACTLY = {Kind.NEAR_CARGO: Kind.CARGO, Kind.NEAR_TRADE: Kind.INVOICE}


def _judge(requested: Encumbrance, print_: Fingerprint, met: list[Entry]) -> Iterable[Finding]:
    for entry in met:
        if _other_interest(requested, entry) and print_.kind.exact and not print_.kind.shared:
            yield Finding(
                Verdict.REVIEW,
                Match.EXACT,
                "OTHER_INTEREST_OF_APPLICANT",
                print_.kind,
                entry.holder.financing,
                resemblance=Resemblance(print_.kind, (), scoring().review_from, scoring().version),
            )
    rivals = [entry for entry in met if _competes(requested, entry)]
    if not print_.kind.exact:
        for entry in rivals:
            yield _resembles(print_, entry)
        return
    yield from _crowded(requested, print_, rivals)


def _crowded(requested: Encumbrance, print_: Fingerprint, rivals: list[Entry]) -> Iterable[Finding]:
    strangers = [entry for entry in rivals if entry.holder.bank != requested.bank]
    if strangers and not print_.kind.shared:
        # Parts of one invoice, note or document are one bank's business: nobody else sees what is left.
        yield Finding(Verdict.TAKEN, Match.EXACT, "INTEREST_FREE", print_.kind, strangers[0].holder.financing)
        return
    if not rivals:
        return
    shares: Mapping[str, Share | None] = {entry.holder.financing: entry.fingerprint.share for entry in rivals}
    room = fit(print_.share, shares.values())
    by = min(shares)
    match room.room:
        case Room.TAKEN:
            yield Finding(Verdict.TAKEN, Match.EXACT, "INTEREST_FREE", print_.kind, by)
        case Room.EXCEEDED:
            yield Finding(
                Verdict.TAKEN, Match.EXACT, "WITHIN_RESIDUAL", print_.kind, by, room.residual, room.measure
            )
        case Room.SPLIT_UNKNOWN:
            yield Finding(Verdict.REVIEW, Match.EXACT, "SPLIT_KNOWN", print_.kind, by)
        case Room.FITS:
            pass


def _competes(requested: Encumbrance, entry: Entry) -> bool:
    holder = entry.holder
    return holder.value is requested.value and holder.group == requested.group


def _other_interest(requested: Encumbrance, entry: Entry) -> bool:
    """One applicant's claim at one bank and its goods at another are paid from one sale: a person has to look."""
    holder = entry.holder
    return (
        holder.value is requested.value
        and holder.group != requested.group
        and holder.applicant == requested.applicant
        and holder.bank != requested.bank
    )


def _resembles(print_: Fingerprint, entry: Entry) -> Finding:
    table, theirs = scoring(), entry.fingerprint.near
    if print_.kind is Kind.NEAR_CARGO:
        features = {Feature.BOX_SAME}
    else:
        features = {feature for feature, digest in print_.marks if digest in theirs}
    # An entry of an earlier release holds its spellings alone; every other one has the digest of this feature.
    whole = print_.kind is Kind.NEAR_CARGO or Feature.PARTIES_SAME in features
    if print_.kind is Kind.NEAR_TRADE:
        features |= {Feature.PARTIES_SAME, Feature.AMOUNT_WITHIN_5_PERCENT}
    found = table.of(print_.kind, features)
    close = found.points >= table.review_from if whole else Feature.NUMBER_ONE_CHARACTER in features
    holder = entry.holder.financing
    if close:
        return Finding(Verdict.REVIEW, Match.NEAR, "NOT_ALIKE", print_.kind, holder, resemblance=found)
    return Finding(Verdict.CLEAR, Match.SIMILAR, "SIMILAR", print_.kind, holder)
