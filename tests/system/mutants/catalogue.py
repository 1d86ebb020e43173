"""Named mutants: what each breaks, how it is built in, and the tests that must notice it.

A patch replaces a function of the product or the text of one of its statements, before anything that uses it is
imported. It raises where what it replaces is no longer there, so that no mutant ever stops meaning something unseen.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

STORIES = "tests/stories/test_core_stories.py::test_story"
STORE = "tests/integration/storage"


@dataclass(frozen=True)
class Mutant:
    """A fault by name; ``suite`` are the tests that must fail with it and pass without it."""

    name: str
    breaks: str
    patch: Callable[[], None]
    suite: tuple[str, ...]


# --- The heart ------------------------------------------------------------------------------------------------------


def _slot(claim: Any) -> tuple[Any, ...]:
    from services.domain.claim_groups import question

    return question(claim), claim.publisher


def _merging(keep: Callable[[Iterable[Any], Iterable[Any]], frozenset[Any]]) -> None:
    """Let ``keep`` decide which claims of two states stay when they are merged."""
    from services.domain.facts import Facts

    plain = Facts.__or__

    def merge(self: Facts, other: Facts) -> Facts:
        return dataclasses.replace(plain(self, other), claims=keep(self.claims, other.claims))

    def union(cls: type[Facts], parts: Iterable[Facts]) -> Facts:
        merged = cls()
        for part in parts:
            merged = merged | part
        return merged

    Facts.__or__ = merge  # type: ignore[method-assign]
    Facts.union = classmethod(union)  # type: ignore[assignment,method-assign]


def merge_by_arrival() -> None:
    def keep(known: Iterable[Any], arriving: Iterable[Any]) -> frozenset[Any]:
        latest = {_slot(claim): claim for claim in known}
        latest |= {_slot(claim): claim for claim in arriving}
        return frozenset(latest.values())

    _merging(keep)


def winner_only_merge() -> None:
    from services.domain.claim_groups import order

    def keep(known: Iterable[Any], arriving: Iterable[Any]) -> frozenset[Any]:
        winners: dict[Any, Any] = {}
        for claim in (*known, *arriving):
            present = winners.get(_slot(claim))
            if present is None or order(claim) > order(present):
                winners[_slot(claim)] = claim
        return frozenset(winners.values())

    _merging(keep)


def tolerance_ignored() -> None:
    from services.domain import derive

    def disputed(given: Any) -> bool:
        return len(given.current) > 1 and given.spread() > 0

    _replace(derive, "_disputed_answers", disputed)


def engaged_ignored() -> None:
    from services.domain import evidence

    class Everybody(frozenset[str]):
        def __contains__(self, _party: object) -> bool:
            return True

    _replace(evidence, "engaged_parties", lambda founded, _network, _members: Everybody(founded))


def open_interval_never_closed() -> None:
    from services.domain import links

    plain = links._span

    def span(link: Any, _starts: Any) -> Any:
        return plain(link, links.defaultdict(set))

    _replace(links, "_span", span)


def equivocation_first_wins() -> None:
    """Of two contents under one id the one that came first counts, as a table with a unique key would have it."""
    from services.domain.facts import Facts

    def first(self: Facts, other: Facts) -> Facts:
        known = {event for event, _ in self.contents}
        fresh = {event for event, _ in other.contents} - known
        parts = {
            name: getattr(self, name) | {fact for fact in getattr(other, name) if fact.event in fresh}
            for name in ("claims", "links", "foundings", "withdrawals", "routes", "restrictions", "liftings", "handovers", "goods")
        }  # fmt: skip
        contents = self.contents | {(event, content) for event, content in other.contents if event in fresh}
        return Facts(**parts, contents=contents)

    def union(cls: type[Facts], parts: Iterable[Facts]) -> Facts:
        merged = cls()
        for part in parts:
            merged = merged | part
        return merged

    Facts.__or__ = first  # type: ignore[method-assign]
    Facts.union = classmethod(union)  # type: ignore[assignment,method-assign]


# --- The store and the pipeline -------------------------------------------------------------------------------------


def event_and_link_miss_each_other() -> None:
    """No note is left, so nobody looks again at what two transactions could not see of one another."""
    from services.ledger.storage import settlement

    _replace(settlement, "leave", lambda _work, _note: None)


def read_by_sequence_number() -> None:
    text = "b.xid < pg_snapshot_xmin(pg_current_snapshot())"
    _statement("read_tail", text, "true")
    _statement("read_batches", text, "true")


def offset_not_fenced() -> None:
    _statement("fence", " AND o.epoch = v.epoch AND o.next_offset = v.first", "")


def ack_before_commit() -> None:
    """The offsets are committed as soon as they are moved, and what they stand for afterwards."""
    from services.ledger.storage import batch_transaction

    plain = batch_transaction.fence

    def fence(work: Any, batch: Any) -> None:
        plain(work, batch)
        work.session.commit()

    _replace(batch_transaction, "fence", fence)


def _replace(module: Any, name: str, by: Any) -> None:
    if not callable(getattr(module, name, None)):
        raise LookupError(f"{module.__name__} has no {name} any more: write this mutant anew")
    setattr(module, name, by)


def _statement(name: str, text: str, by: str) -> None:
    from services.ledger import storage

    plain = storage.statement(name)
    if text.encode() not in plain:
        raise LookupError(f"{name} does not hold {text!r} any more: write this mutant anew")
    changed = {name: plain.replace(text.encode(), by.encode())}
    storage.statement.by_name = {**storage.statement.by_name, **changed}  # type: ignore[misc]


def _stories(*slugs: str) -> tuple[str, ...]:
    return tuple(f"{STORIES}[{slug}]" for slug in slugs)


def pledge_of_a_number() -> None:
    from services.financing.domain.requests import DecisionContext

    def nothing(_self: DecisionContext, _financing: str, _since: int) -> frozenset[Any]:
        return frozenset()

    if not callable(DecisionContext.shared):
        raise LookupError("DecisionContext.shared")
    DecisionContext.shared = nothing  # type: ignore[method-assign]


def late_word_lifts_a_block() -> None:
    from services.financing.domain import cargo

    if cargo.UNSEEN <= 0:
        raise LookupError("cargo.UNSEEN")
    cargo.UNSEEN = -(2**62)  # whatever is known now was known before every pledge


def pledgee_goes_blind() -> None:
    from services.financing.domain.pledged_goods import KnownFacts

    if not hasattr(KnownFacts, "as_pledged"):
        raise LookupError("KnownFacts.as_pledged")
    KnownFacts.as_pledged = property(lambda known: known.facts)  # type: ignore[assignment]


def debt_forgotten() -> None:
    from services.financing.domain import decision_rules
    from services.financing.domain.decisions import Action

    release = decision_rules._STEPS[Action.RELEASE]

    def unasked(ask: Any, *rest: Any) -> Any:
        return release(dataclasses.replace(ask, waiver=ask.waiver or "OTHER"), *rest)

    decision_rules._STEPS = {**decision_rules._STEPS, Action.RELEASE: unasked}  # type: ignore[misc]


def value_forgotten() -> None:
    from services.financing.domain import partial_release

    partial_release.not_covered = lambda *_: None


def _financing(*slugs: str) -> tuple[str, ...]:
    return tuple(
        f"tests/stories/financing/test_financing_stories.py::test_it_ends_as_written[memory-{slug}]"
        for slug in slugs
    )


MUTANTS = (
    Mutant(
        "merge by arrival",
        "of two answers of one publisher to one question, the one that arrives last stays",
        merge_by_arrival,
        _stories("10_retraction_that_revives", "13_estimate_after_the_fact"),
    ),
    Mutant(
        "winner-only merge",
        "a superseded answer is thrown away, so it cannot come back when its successor is retracted",
        winner_only_merge,
        _stories("10_retraction_that_revives"),
    ),
    Mutant(
        "event and link missing each other",
        "two transactions that cannot see one another are never looked at again",
        event_and_link_miss_each_other,
        (f"{STORE}/test_missing_one_another.py::test_nothing_is_missed_for_good",),
    ),
    Mutant(
        "read by sequence number",
        "a reader in order passes transactions that are still open",
        read_by_sequence_number,
        (f"{STORE}/test_reading_in_order.py",),
    ),
    Mutant(
        "offset not fenced",
        "whoever comes may move the ledger, from wherever",
        offset_not_fenced,
        (f"{STORE}/test_fencing.py::test_another_epoch_or_offset_is_fenced_off_and_nothing_is_applied",),
    ),
    Mutant(
        "ack before commit",
        "offsets are acknowledged before what they stand for is stored",
        ack_before_commit,
        (f"{STORE}/test_one_transaction.py",),
    ),
    Mutant(
        "tolerance ignored",
        "publishers that differ by a second are shown as DISPUTED",
        tolerance_ignored,
        _stories("17_tolerance_edge"),
    ),
    Mutant(
        "engaged ignored",
        "everybody's word counts for every consignment",
        engaged_ignored,
        _stories("22_unengaged_publisher", "24_stolen_container"),
    ),
    Mutant(
        "open interval never closed",
        "a box stays with its first consignment for ever",
        open_interval_never_closed,
        _stories("01_reused_container"),
    ),
    Mutant(
        "equivocation first-wins",
        "of two messages under one id the one that came first counts",
        equivocation_first_wins,
        _stories("16_equivocation"),
    ),
    Mutant(
        "pledge of a number",
        "a pledge is found by its consignment only, not by the boxes, notes and declarations of its goods",
        pledge_of_a_number,
        _financing("37_attack_a_second_founding", "41_attack_the_box_financed_again"),
    ),
    Mutant(
        "late word lifts a block",
        "a link that is taken back after the pledge frees what it named",
        late_word_lifts_a_block,
        _financing("38_no_late_word_lifts_a_block"),
    ),
    Mutant(
        "pledgee goes blind",
        "a founding or link that is taken back after the pledge hides from the pledgee what happens to the goods",
        pledgee_goes_blind,
        _financing("43_attack_the_founding_taken_back", "46_attack_two_foundings_under_one_id"),
    ),
    Mutant(
        "debt forgotten",
        "a security is given back while something is owed, without a waiver",
        debt_forgotten,
        _financing("40_released_with_debt"),
    ),
    Mutant(
        "value forgotten",
        "a part of a security is given back though what is left is worth less than what is owed",
        value_forgotten,
        _financing("63_one_box_of_three"),
    ),
)


def named(name: str) -> Mutant:
    """The mutant of that name; LookupError where there is none."""
    for mutant in MUTANTS:
        if mutant.name == name:
            return mutant
    raise LookupError(f"there is no mutant {name!r}")
