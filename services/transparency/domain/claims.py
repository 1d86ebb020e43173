"""Claims: what the verified contents of a bundle show, in words and for programs. Pure; a claim that does not follow is refused.

A claim is derived from contents alone: signed statements with their publishers as registered in the log, issued credit records,
and an answer that the platform signed for one checkpoint. Nothing is taken from what the bundle says of itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from operator import or_
from typing import Any, Final, NamedTuple

from schemas.events.base import ObjectKind, Payload, Role
from schemas.events.finance_decision import DecidedByTwo
from schemas.events.keys import canonical_key
from schemas.rfc3339 import format_micros
from services.domain.facts import EventId, Facts, Micros
from services.domain.handovers import DELIVERING, RECEIVING, compare
from services.domain.interpretation import Attribution, interpret
from services.domain.view import HandoverState
from services.ledger.registry.party import Party
from services.ledger.registry.registry import Registry
from services.transparency.domain.checkpoint import Checkpoint
from services.transparency.domain.entry import Entry, Kind

Plain = dict[str, Any]


class ClaimKind(StrEnum):
    """What a bundle claims."""

    HANDED_OVER = "handed-over"
    """Both railways signed that a box was handed over at a place."""
    DECIDED = "decided"
    """The platform decided a request so."""
    RELEASE_ALLOWED = "release-allowed"
    """The platform decided that a security, or goods, are released."""
    PLEDGE_STANDS = "pledge-stands"
    """A financing is pledged, and up to the checkpoint nothing ended it."""
    CREDIT_SIGNAL = "credit-signal"
    """A shipper's record of credit signals was given to somebody, from these events."""


class NotShown(ValueError):
    """A claim that the contents of a bundle do not show; the text says what is missing or speaks against it."""


class Signed(NamedTuple):
    """A statement in the log, its signature verified: who said it as registered then, and at which entry it stands."""

    entry: int
    kind: Kind
    event: EventId
    source: str
    id: str
    published: Micros
    at: Micros
    content: bytes
    payload: Payload
    party: Party


class GivenRecord(NamedTuple):
    """A credit record as entered in the audit trail when it was given, with its body, which has the entered digest."""

    entry: int
    number: str
    change: Plain
    body: Plain


@dataclass(frozen=True, slots=True)
class Contents:
    """What of a bundle verified: statements, records, the platform's answer with its fields, and entries whose document is withheld."""

    checkpoint: Checkpoint
    signed: Sequence[Signed]
    records: Sequence[GivenRecord]
    answer: Plain | None
    withheld: Mapping[int, Entry]
    registry: Registry


class Claim(NamedTuple):
    """What is claimed: the kind and its parameters, JSON-ready."""

    kind: ClaimKind
    about: Plain


RELEASES: Final = frozenset({"RELEASE", "RELEASE_PART", "RELEASE_ORDER"})
_PLEDGING: Final = frozenset({"PLEDGE", "SUBSTITUTE"})
_ENDING: Final = frozenset({"RELEASE", "CANCEL"})
_KEEPING: Final = frozenset({"RESERVE", "DRAW", "RELEASE_PART"}) | _PLEDGING

NOT_PROVEN: Final[Mapping[ClaimKind, tuple[str, ...]]] = {
    ClaimKind.HANDED_OVER: (
        "that the box was really there: it is what both railways signed",
        "that neither railway withdrew or corrected its list, within this log or later",
    ),
    ClaimKind.DECIDED: ("that no later decision changed it", "what was decided on other requests"),
    ClaimKind.RELEASE_ALLOWED: (
        "that the goods left, or that no later pledge holds them",
        "interests that are registered elsewhere than on this platform",
    ),
    ClaimKind.PLEDGE_STANDS: (
        "what happened after this checkpoint: ask for a younger one",
        "that no entry ends it: up to this checkpoint that is the platform's signed word, and a release in the log would convict it",
        "legal priority, and interests that are registered elsewhere",
    ),
    ClaimKind.CREDIT_SIGNAL: (
        "that the events are true, or all that there are about the shipper",
        "how the points were computed: the published model says that, and the inputs allow to do it again",
    ),
}
"""What nobody should read into a verified bundle."""


def derive(kind: ClaimKind, selected: Plain, contents: Contents) -> Claim:
    """The claim of this kind that the contents show; ``selected`` says of what, where they could show several. NotShown."""
    return Claim(kind, _RULES[kind](selected, contents))


HANDED_OVER: Final = ("box", "place", "delivering", "receiving", "delivered", "received")
"""What a hand-over claims; an answer may withhold each of these."""


def _handed_over(selected: Plain, contents: Contents) -> Plain:
    if contents.answer is None:
        return {**handover_plain(_text(selected, "box"), contents.signed), "shown_by": "documents"}
    fields, over = _answered(ClaimKind.HANDED_OVER, HANDED_OVER, Kind.EVENT, contents)
    sides = {*fields.get("delivering", ()), *fields.get("receiving", ())}
    keys = [contents.registry.key(contents.withheld[each].key) for each in over if each in contents.withheld]
    if len(over) < 2 or any(key is None or (sides and key.party not in sides) for key in keys):
        raise NotShown("an entry that the answer names was not signed by one of both railways")
    return {**fields, "shown_by": "answer"}


def handover_plain(container: str, signed: Sequence[Signed]) -> Plain:
    """The hand-over of a box that both railways' lists show; NotShown where they do not confirm it. Pure."""
    box = canonical_key(ObjectKind.CONTAINER, container)
    facts = reduce(or_, (_facts(each) for each in signed), Facts())
    if facts.withdrawals:
        raise NotShown("one of the statements withdraws or corrects another: take the receipt of what counts")
    lists = [each for each in facts.handovers if each.side in (DELIVERING, RECEIVING)]
    if any(box not in each.containers for each in lists) or len({each.border for each in lists}) != 1:
        raise NotShown(f"the lists are not all of one hand-over of {box}")
    view = compare(lists, max(each.happened for each in lists), frozenset({box}))
    if view is None or view.state is not HandoverState.CONFIRMED:
        raise NotShown(f"both railways have not signed for {box}")
    if set(view.delivering) & set(view.receiving):
        raise NotShown("one party cannot sign for both sides of a hand-over")

    def happened(side: str) -> str:
        return format_micros(min(each.happened for each in lists if each.side == side))

    return {
        "box": box,
        "place": view.place,
        "delivering": sorted(view.delivering),
        "receiving": sorted(view.receiving),
        "delivered": happened(DELIVERING),
        "received": happened(RECEIVING),
    }


def _facts(each: Signed) -> Facts:
    statement = Attribution(each.event, each.source, each.party.publisher, each.published)
    return interpret(statement, each.content, each.payload)


def decided_plain(payload: DecidedByTwo) -> Plain:
    """What a decision says, for a claim; None for what it leaves out."""
    return {
        "action": payload.action,
        "outcome": payload.outcome,
        "at": format_micros(payload.happened_micros),
        "asked_by": payload.asked_by,
        "financing": payload.financing,
        "amount": None if payload.amount is None else payload.amount.model_dump(mode="json"),
        "goods": [f"{each.kind.wire} {each.key}" for each in payload.goods],
        "cargo": list(payload.cargo),
    }


DECIDED: Final = ("action", "outcome", "at", "asked_by", "financing", "amount", "goods", "cargo")
"""The fields of ``decided_plain``, each of which an answer may withhold."""


def _decided(selected: Plain, contents: Contents) -> Plain:
    entry = selected.get("decision")
    for each, payload in _decisions(contents):
        if each.entry == entry:
            basis = [s for s in contents.signed if payload.request_event == s.event.hex()]
            request = f"{basis[0].source} {basis[0].id} by {basis[0].party.code}" if basis else None
            return {"decision": entry, **decided_plain(payload), "request": request, "shown_by": "documents"}
    fields, over = _answered(ClaimKind.DECIDED, DECIDED, Kind.DECISION, contents)
    if over != [entry]:
        raise NotShown("the answer is about another decision")
    return {"decision": entry, **fields, "shown_by": "answer"}


def _release_allowed(selected: Plain, contents: Contents) -> Plain:
    about = _decided(selected, contents)
    if about.get("action") not in RELEASES or about.get("outcome") != "DONE":
        raise NotShown("the decision allows no release, or its action or outcome is withheld")
    return about


def pledge_plain(financing: str, chain: Sequence[DecidedByTwo]) -> Plain | None:
    """How a financing stands by its decisions, in their order: None unless it is pledged and nothing ended it. Pure."""
    taken = [each for each in chain if each.outcome == "DONE"]
    own = [each for each in taken if each.financing == financing]
    ended = any(financing in each.frees for each in taken) or any(each.action in _ENDING for each in own)
    pledged = next((each for each in own if each.action in _PLEDGING), None)
    if ended or pledged is None or own[0].action != "RESERVE" or any(e.action not in _KEEPING for e in own):
        return None
    if [each.number for each in own] != sorted({each.number for each in own}):
        return None
    drawn = [each.amount for each in own if each.action == "DRAW" and each.amount is not None]
    return {
        "financing": financing,
        "bank": pledged.asked_by,
        "product": own[0].product,
        "interest": own[0].interest,
        "cargo": list(own[0].cargo),
        "reserved": format_micros(own[0].happened_micros),
        "pledged": format_micros(pledged.happened_micros),
        "drawn": [each.model_dump(mode="json") for each in drawn],
        "parts_released": sum(each.action == "RELEASE_PART" for each in own),
    }


PLEDGE: Final = (
    "financing",
    "bank",
    "product",
    "interest",
    "cargo",
    "reserved",
    "pledged",
    "drawn",
    "parts_released",
)
"""The fields of ``pledge_plain``, each of which an answer may withhold."""


def _pledge_stands(_selected: Plain, contents: Contents) -> Plain:
    fields, over = _answered(ClaimKind.PLEDGE_STANDS, PLEDGE, Kind.DECISION, contents)
    decisions = {each.entry: payload for each, payload in _decisions(contents)}
    if set(decisions) - set(over):
        raise NotShown("there is a decision in the bundle that the answer does not name")
    whole = set(decisions) == set(over)
    if whole:
        names = {each.financing for each in decisions.values() if each.action in _PLEDGING}
        shown = pledge_plain(str(*names), [decisions[each] for each in over]) if len(names) == 1 else None
        if shown is None or any(shown[name] != value for name, value in fields.items()):
            raise NotShown("the decisions do not show a pledge that stands, or not the one of the answer")
        fields = shown
    tree = contents.checkpoint
    return {
        "entries": tree.size,
        "log": tree.origin,
        **fields,
        "shown_by": "documents" if whole else "answer",
    }


def _credit_signal(selected: Plain, contents: Contents) -> Plain:
    if len(contents.records) != 1:
        raise NotShown("the bundle holds no credit record that was given, or several")
    (record,) = contents.records
    signal, body = selected.get("signal"), record.body
    shown = body.get("assessment")
    reasons = shown.get("reasons", []) if isinstance(shown, dict) else []
    signals = shown.get("signals", []) if isinstance(shown, dict) else []
    if signal is not None and signal not in {each["signal"] for each in (*signals, *reasons)}:
        raise NotShown(f"the record shows no signal {signal}")
    known = {each.event.hex(): each.entry for each in contents.signed}
    named = {
        each["digest"]: each
        for reason in reasons
        if signal in (None, reason["signal"])
        for each in reason.get("events", ())
    }
    return {
        "shipper": body["shipper"],
        "reader": record.change["reader"],
        "purpose": record.change["purpose"],
        "given": format_micros(record.change["given"]),
        "model": body["model"],
        "signal": signal,
        "inputs_sha256": body["inputs_sha256"],
        "inputs": [
            {"source": each["source"], "id": each["id"], "entry": known.get(digest)}
            for digest, each in sorted(named.items())
        ],
    }


_RULES: Mapping[ClaimKind, Callable[[Plain, Contents], Plain]] = {
    ClaimKind.HANDED_OVER: _handed_over,
    ClaimKind.DECIDED: _decided,
    ClaimKind.RELEASE_ALLOWED: _release_allowed,
    ClaimKind.PLEDGE_STANDS: _pledge_stands,
    ClaimKind.CREDIT_SIGNAL: _credit_signal,
}


def _decisions(contents: Contents) -> list[tuple[Signed, DecidedByTwo]]:
    """The platform's decisions among the statements."""
    return [
        (each, each.payload)
        for each in contents.signed
        if each.kind is Kind.DECISION
        and isinstance(each.payload, DecidedByTwo)
        and Role.PLATFORM in each.party.roles
    ]


def _answered(
    kind: ClaimKind, names: Sequence[str], over: Kind, contents: Contents
) -> tuple[Plain, list[int]]:
    """What the platform's answer about the bundle's checkpoint discloses of these fields, and the entries that it names.

    NotShown where there is none of that kind, or an entry that it names is not in the bundle.
    """
    answer, tree = contents.answer, contents.checkpoint
    if answer is None or answer.get("claim") != kind:
        raise NotShown(f"there is no answer of the platform in the bundle that says {kind}")
    about = (answer.get("log"), answer.get("entries"), answer.get("root"))
    if about != (tree.origin, tree.size, tree.root.hex()):
        raise NotShown("the platform's answer is about another checkpoint")
    entries = answer.get("over")
    known = {each.entry: each.kind for each in contents.signed}
    known |= {index: each.kind for index, each in contents.withheld.items()}
    if not isinstance(entries, list) or not entries or any(known.get(each) is not over for each in entries):
        raise NotShown(f"the answer names entries that are not in the bundle as {over}")
    return {name: answer[name] for name in names if name in answer}, entries


def _text(selected: Plain, name: str) -> str:
    value = selected.get(name)
    if not isinstance(value, str):
        raise NotShown(f"the claim names no {name}")
    return value


def words(claim: Claim) -> str:
    """The claim as one sentence, made from its parameters; what is withheld is called so."""
    about = claim.about

    def shown(name: str) -> str:
        value = about.get(name, "(withheld)")
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

    by = "The platform states: " if about.get("shown_by") == "answer" else ""
    match claim.kind:
        case ClaimKind.HANDED_OVER:
            return (
                f"{by}Box {shown('box')} was handed over at {shown('place')}: {shown('delivering')} signed that it delivered it"
                f" ({shown('delivered')}), {shown('receiving')} that it received it ({shown('received')})."
            )
        case ClaimKind.DECIDED | ClaimKind.RELEASE_ALLOWED:
            allowed = " This release was allowed." if claim.kind is ClaimKind.RELEASE_ALLOWED else ""
            return (
                f"{by}The platform decided the request {shown('action')} of {shown('asked_by')} on financing"
                f" {shown('financing') if about.get('financing', '') is not None else '(none)'} at {shown('at')}: {shown('outcome')}.{allowed}"
            )
        case ClaimKind.PLEDGE_STANDS:
            return (
                f"{by}Financing {shown('financing')} of {shown('bank')} was pledged at {shown('pledged')} and stands as of entry"
                f" {shown('entries')} of the log {shown('log')}."
            )
        case ClaimKind.CREDIT_SIGNAL:
            signal = "All signals" if about.get("signal") is None else f"The signal {about['signal']}"
            return (
                f"{signal} of {shown('shipper')} by the model {shown('model')} were given to {shown('reader')} at {shown('given')},"
                f" naming {len(about['inputs'])} events, {sum(each['entry'] is not None for each in about['inputs'])} of them in this bundle."
            )
