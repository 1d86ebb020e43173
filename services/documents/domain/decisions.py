"""Decisions on instructions, each taken once under the lock of its document, and what they leave: drafts, signatures and the chain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Final, NamedTuple

from schemas.document_instruction import Instruction
from schemas.events.base import Role
from services.documents.domain.document import Document, Invalid, amended, checked
from services.documents.domain.legal import DocumentKind
from services.documents.domain.transfer import (
    Action,
    Chain,
    Holding,
    Medium,
    OriginalState,
    Refusal,
    Transfer,
    TransferStatus,
    apply,
    pending,
)
from services.domain.facts import Micros

DRAFT: Final = "DRAFT"
SIGN: Final = "SIGN"
STEPS: Final = frozenset({DRAFT, SIGN, *map(str, Action)})
"""Every action that an instruction may name."""


class Outcome(StrEnum):
    """What was decided."""

    DONE = "DONE"
    REFUSED = "REFUSED"


class Decision(NamedTuple):
    """One recorded decision. Its ``instruction`` is the digest of what ``by`` signed with ``signature``.

    ``place`` is the transfer's number in the chain, 0 for DRAFT, SIGN and what was refused. ``registry`` is the version under which the signature was
    verified, ``rules`` the version of the table of legal bases.
    """

    number: int
    document: str
    kind: DocumentKind
    form: str
    consignment: str
    action: str
    outcome: Outcome
    at: Micros
    position: int
    before: int | None
    by: str
    request: str
    version: int
    content: str
    previous: str
    to: str
    paper: str
    instruction: str
    signature: str
    registry: int
    place: int
    guard: str
    satisfied_by: str
    rules: str

    @property
    def done(self) -> bool:
        """Whether it took effect."""
        return self.outcome is Outcome.DONE

    @property
    def transfer(self) -> Transfer | None:
        """The transfer that it is, None for DRAFT, SIGN and what was refused."""
        if not self.place:
            return None
        return Transfer(
            self.document,
            self.place,
            Action(self.action),
            self.by,
            self.to,
            self.version,
            self.content,
            self.previous,
            self.at,
            self.request,
            self.instruction,
            self.paper,
        )

    def instructed(self, network: str) -> Instruction:
        """The instruction as it was signed on that network."""
        return Instruction(
            network,
            self.by,
            self.document,
            self.action,
            self.version,
            self.content,
            self.request,
            self.previous,
            self.to,
            self.paper,
        )


@dataclass(frozen=True)
class Register:
    """All that was decided on one document, in order, with the versions that were drafted by their digests.

    ``effective`` are the first transfers of the chain that a cosigned checkpoint covers.
    """

    decisions: tuple[Decision, ...] = ()
    versions: Mapping[str, Document] = field(default_factory=dict)
    effective: int = 0

    @cached_property
    def chain(self) -> Chain | None:
        """The chain of its transfers over its version as it stands; None before anything was drafted."""
        if not self.versions:
            return None
        transfers = tuple(t for each in self.decisions if each.done and (t := each.transfer) is not None)
        content = transfers[-1].content if transfers else ""
        return Chain(self.versions.get(content) or self.first, transfers)

    @property
    def first(self) -> Document:
        """The document that was drafted first; KeyError where none was."""
        return self.versions[next(each.content for each in self.decisions if each.done)]

    @property
    def current(self) -> Document | None:
        """The version that stands, or the one drafted last before the issue."""
        holding = self.holding
        if holding is not None:
            return self.versions[holding.content]
        drafted = [each.content for each in self.decisions if each.done and each.action == DRAFT]
        return self.versions[drafted[-1]] if drafted else None

    @property
    def holding(self) -> Holding | None:
        """Who holds the original by all decisions, effective or not; None before the issue. Raises BrokenChain."""
        return None if self.chain is None else self.chain.holding

    @property
    def effective_holding(self) -> Holding | None:
        """Who holds it by the transfers that are effective: what everybody else may rely on. Raises BrokenChain."""
        return None if self.chain is None else self.chain.holding_after(self.effective)

    def status_of(self, transfer: Transfer) -> TransferStatus:
        """Whether a transfer of its chain is effective."""
        return TransferStatus.EFFECTIVE if transfer.number <= self.effective else TransferStatus.PENDING

    def signed_by(self, content: str) -> frozenset[str]:
        """Who signed the version with that digest."""
        return frozenset(
            each.by
            for each in self.decisions
            if each.done and each.action == SIGN and each.content == content
        )

    def readers(self) -> frozenset[str]:
        """Who may read it: its parties, who holds it or receives it, and who pledged it. Raises BrokenChain."""
        drafts = (self.versions[d.content] for d in self.decisions if d.done and d.action == DRAFT)
        found = {each.party for version in drafts for each in version.parties}
        for holding in (self.holding, self.effective_holding):
            if holding is not None:
                found |= {holding.holder, *(() if holding.pledge is None else (holding.pledge.pledgor,))}
        return frozenset(found - {""})


class Surroundings(NamedTuple):
    """What a decision depends on beside its own document, read under the lock.

    ``roles`` are those of registered parties by code, ``engaged`` the parties of the consignment, ``others`` the other live originals over the
    same cargo that surrender is needed of.
    """

    roles: Mapping[str, frozenset[Role]]
    engaged: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()


LENDERS: Final = frozenset({Role.BANK, Role.INSURER})


def decide(
    ask: Instruction, draft: Document | None, known: Register, around: Surroundings, at: Micros
) -> Refusal | int:
    """The place of the transfer in the chain, 0 for DRAFT and SIGN, or why the instruction of a party is not done.

    ``draft`` is the document of a DRAFT. Its signature was verified. Pure.
    """
    if ask.action == DRAFT:
        return _draft(ask, draft, known, around) or 0
    if ask.action == SIGN:
        return _sign(ask, known) or 0
    chain = known.chain
    if ask.action not in STEPS or chain is None:
        return Refusal("UNKNOWN_ACTION", f"One of {', '.join(sorted(STEPS))}.")
    action = Action(ask.action)
    transfer = Transfer(
        ask.document,
        len(chain.transfers) + 1,
        action,
        ask.party,
        ask.to,
        ask.version,
        ask.content,
        ask.previous,
        at,
        ask.request,
        ask.digest,
        ask.paper,
    )
    found = apply(chain, transfer)
    if isinstance(found, Refusal):
        return found
    refused = pending(chain, known.effective) or _around(action, ask, chain, around)
    if refused is None and action in (Action.ISSUE, Action.AMEND):
        refused = _unsigned(ask, known)
    return transfer.number if refused is None else refused


_SOMEBODY: Final = "?"
"""Any other registered party, of whatever roles."""


class PossibleStep(NamedTuple):
    """An action that a party may instruct next. ``content`` is the version's digest, "" for the one that stands.

    ``recipients`` are those it can go to, None where no recipient is named; ``paper`` is the serial number that has to be named.
    """

    action: str
    content: str = ""
    recipients: tuple[str, ...] | None = None
    paper: str = ""

    @property
    def to_anybody(self) -> bool:
        """Whether any registered party may receive it that the action lets."""
        return self.recipients is not None and _SOMEBODY in self.recipients


def possible_steps(known: Register, party: str, at: Micros) -> list[PossibleStep]:
    """What ``party`` may instruct next, as ``decide`` decides it where the party is engaged in the cargo and no other original is live.

    Pure. Raises BrokenChain.
    """
    current, holding, chain = known.current, known.holding, known.chain
    if current is None or chain is None:
        return []
    named = {_SOMEBODY, party, *(each.party for each in current.parties)}
    every = frozenset(Role) - {Role.PLATFORM}
    around = Surroundings(dict.fromkeys(named, every), frozenset({party}))
    printed = holding.paper if holding is not None and holding.medium is Medium.PAPER else ""

    def may(action: str, version: Document, to: str = "", draft: Document | None = None) -> bool:
        last = "" if action in (DRAFT, SIGN) else chain.last
        ask = Instruction(
            "", party, version.id, action, version.version, version.digest, "next", last, to, printed or "A/1"
        )
        return isinstance(decide(ask, draft, known, around, at), int)

    found = []
    for content, version in sorted(known.versions.items(), key=lambda each: (each[1].version, each[0])):
        other = "" if content == current.digest else content
        found += [
            PossibleStep(step, other)
            for step in (SIGN, Action.AMEND)
            if (version.version >= current.version or step != SIGN) and may(step, version)
        ]
    for action in Action:
        if action is Action.AMEND:
            continue
        if may(action, current):
            found.append(PossibleStep(action))
        elif receiving := tuple(to for to in sorted(named) if may(action, current, to)):
            found.append(PossibleStep(action, "", receiving, printed))
    if holding is not None and current.issuer == party:
        following = amended(current, current.parties, current.fields)
        if may(DRAFT, following, draft=following):
            found.append(PossibleStep(DRAFT))
    return found


def _draft(ask: Instruction, draft: Document | None, known: Register, around: Surroundings) -> Refusal | None:
    if draft is None or (draft.id, draft.version, draft.digest) != (ask.document, ask.version, ask.content):
        return Refusal("CONTENT_DIFFERS", "The document whose id, version and digest the instruction names.")
    try:
        checked(draft)
    except Invalid as problem:
        return Refusal("INVALID_DOCUMENT", f"Correct it: {problem}."[:200])
    if draft.issuer != ask.party:
        return Refusal("NOT_ISSUER", "The issuer of the document drafts it.")
    unknown = sorted({each.party for each in draft.parties} - around.roles.keys())
    if unknown:
        return Refusal("UNKNOWN_PARTY", f"Parties that are registered: {', '.join(unknown)} is not."[:200])
    if ask.party not in around.engaged:
        return Refusal("PARTY_OF_CARGO", "A party of the consignment issues documents over it.")
    holding = known.holding
    if holding is None:
        return None if draft.version == 1 else Refusal("VERSION_DIFFERS", "Version 1, before the issue.")
    if holding.state is not OriginalState.LIVE:
        return Refusal(holding.state.value, "Nothing: this original is at its end.")
    if (draft.version, draft.previous) != (holding.version + 1, holding.content):
        return Refusal("VERSION_DIFFERS", f"Version {holding.version + 1} with the digest of the one before.")
    if _of(draft) != _of(known.first):
        return Refusal("OTHER_DOCUMENT", "A version keeps kind, form, basis and consignment.")
    return None


def _of(document: Document) -> tuple[str, ...]:
    return document.kind, document.form, document.basis, document.consignment


def _sign(ask: Instruction, known: Register) -> Refusal | None:
    document = known.versions.get(ask.content)
    if document is None or document.version != ask.version:
        return Refusal("VERSION_DIFFERS", "A version that was drafted, by its digest.")
    if ask.party not in {each.party for each in document.signatories}:
        return Refusal("NOT_SIGNATORY", "Who signs a document of this form: " + ", ".join(_roles(document)))
    if ask.party in known.signed_by(ask.content):
        return Refusal("SIGNED_ALREADY", "Nothing: you signed this version.")
    return None


def _roles(document: Document) -> Iterable[str]:
    return map(str, document.legal_form().signers)


def _unsigned(ask: Instruction, known: Register) -> Refusal | None:
    document = known.versions.get(ask.content)
    if document is None or document.version != ask.version:
        return Refusal("VERSION_DIFFERS", "A version that was drafted, by its digest.")
    missing = document.unsigned(known.signed_by(ask.content))
    if missing:
        named = ", ".join(f"{each.party} as {each.role}" for each in missing)
        return Refusal("NOT_SIGNED", f"The signatures of {named}."[:200])
    return None


def _around(action: Action, ask: Instruction, chain: Chain, around: Surroundings) -> Refusal | None:
    if ask.to and ask.to not in around.roles:
        return Refusal("UNKNOWN_PARTY", "A recipient that is registered here.")
    if action is Action.TRANSFER_IN and Role.PLATFORM not in around.roles.get(ask.party, ()):
        return Refusal("NOT_PLATFORM", "The platform, once the other platform gave it back or refused it.")
    if action is Action.PLEDGE and not around.roles[ask.to] & LENDERS:
        return Refusal("NOT_LENDER", "A bank or an insurer, in whose favour it is pledged.")
    if action is Action.ISSUE and chain.form.surrendered and around.others:
        return Refusal("ORIGINAL_EXISTS", "The end of the other original that controls the same cargo.")
    return None
