"""The chain of transfers of a document: what each action needs, and who holds the original after it.

A document has one original and one holder. Each transfer names the digest of the one before and of the version of the document that
it is about, so that two can never follow the same one. The original is electronic, on paper or on another platform, never two of them:
while it is on paper or on another platform nobody holds it here, and nothing but its return is done to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

from services.documents.domain.document import Document, canonical
from services.documents.domain.legal import LegalForm, SignerRole, legal
from services.domain.facts import Micros

BEARER = "BEARER"
"""In the place of an endorsee: the document is endorsed in blank, whoever holds it may endorse or surrender it."""


class Action(StrEnum):
    """What is done to the original."""

    ISSUE = "ISSUE"
    TRANSFER = "TRANSFER"
    ENDORSE = "ENDORSE"
    BLANK_ENDORSE = "BLANK_ENDORSE"
    PLEDGE = "PLEDGE"
    RELEASE = "RELEASE"
    SURRENDER_FOR_DELIVERY = "SURRENDER_FOR_DELIVERY"
    AMEND = "AMEND"
    SWITCH_TO_PAPER = "SWITCH_TO_PAPER"
    SWITCH_TO_ELECTRONIC = "SWITCH_TO_ELECTRONIC"
    TRANSFER_OUT = "TRANSFER_OUT"
    TRANSFER_IN = "TRANSFER_IN"
    VOID = "VOID"


class Medium(StrEnum):
    """Where the original is."""

    ELECTRONIC = "ELECTRONIC"
    PAPER = "PAPER"
    AWAY = "AWAY"  # on another platform, or on its way there


class OriginalState(StrEnum):
    """Whether anything can still be done with the original."""

    LIVE = "LIVE"
    SURRENDERED = "SURRENDERED"
    VOID = "VOID"


class TransferStatus(StrEnum):
    """A transfer is effective once a checkpoint of the log that the quorum of witnesses cosigned covers its decision."""

    PENDING = "PENDING"
    EFFECTIVE = "EFFECTIVE"


class Refusal(NamedTuple):
    """Why an action is not done, by a code, and what would let it."""

    reason: str
    remedy: str


class Pledge(NamedTuple):
    """By which transfer, by whom and to whom the original is pledged."""

    transfer: str
    pledgor: str
    pledgee: str


@dataclass(frozen=True)
class Transfer:
    """One decided action. ``number`` is its place in the chain from 1, ``previous`` the digest of the transfer before, "" for the first.

    ``by`` acts and signed the instruction whose SHA-256 is ``instruction``; ``to`` receives, "" where nobody does. ``version`` and ``content``
    are the version of the document and its digest. ``paper`` is the serial number of the paper original, or for a transfer to or from another
    platform its code and its user there (``WAVE/duisport``); "" for every other action.
    """

    document: str
    number: int
    action: Action
    by: str
    to: str
    version: int
    content: str
    previous: str
    at: Micros
    request: str
    instruction: str
    paper: str = ""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of its canonical JSON (RFC 8785), in lower hex."""
        return hashlib.sha256(canonical(self.plain)).hexdigest()

    @property
    def plain(self) -> dict[str, Any]:
        """It as a JSON object: what is digested and recorded."""
        return {
            "document": self.document,
            "number": self.number,
            "action": str(self.action),
            "by": self.by,
            "to": self.to,
            "version": self.version,
            "content": self.content,
            "previous": self.previous,
            "at": self.at,
            "request": self.request,
            "instruction": self.instruction,
            "paper": self.paper,
        }


@dataclass(frozen=True, slots=True)
class Holding:
    """Who holds the original, since when and by which transfer. ``holder`` is "" while it is on paper or away, and once it is void.

    ``order`` is to whose order it is made out: a party, BEARER, or "" where the form is not to order. ``last`` is the digest of the
    latest transfer, ``transfer`` that of the one since which it is held.
    """

    holder: str
    since: Micros
    transfer: str
    last: str
    version: int
    content: str
    order: str = ""
    pledge: Pledge | None = None
    medium: Medium = Medium.ELECTRONIC
    state: OriginalState = OriginalState.LIVE
    paper: str = ""

    def may_endorse(self, party: str) -> bool:
        """Whether ``party`` holds it, and it is made out to its order or endorsed in blank."""
        return self.holder == party and self.order in (party, BEARER)


class BrokenChain(Exception):
    """Recorded transfers that do not follow one another: which one, and why it could not."""

    def __init__(self, number: int, refusal: Refusal) -> None:
        super().__init__(f"transfer {number}: {refusal.reason}")
        self.number, self.refusal = number, refusal


@dataclass(frozen=True)
class Chain:
    """The transfers of one document in order. ``document`` is any version of it; a chain of none is not issued."""

    document: Document
    transfers: tuple[Transfer, ...] = ()

    @property
    def form(self) -> LegalForm:
        """Its form, which says what can be done to it."""
        return legal().forms[self.document.form]

    @property
    def last(self) -> str:
        """The digest of the latest transfer; "" before the first."""
        return self.transfers[-1].digest if self.transfers else ""

    @cached_property
    def holding(self) -> Holding | None:
        """Who holds it after all transfers, None before the first; BrokenChain where one cannot follow."""
        return self.holding_after(len(self.transfers))

    def holding_after(self, count: int) -> Holding | None:
        """Who holds it after the first ``count`` transfers: as of then, whatever came later. Raises BrokenChain."""
        holding: Holding | None = None
        for place in range(count):
            found = _step(Chain(self.document, self.transfers[:place]), holding, self.transfers[place])
            if isinstance(found, Refusal):
                raise BrokenChain(place + 1, found)
            holding = found
        return holding


def apply(chain: Chain, transfer: Transfer) -> Holding | Refusal:
    """Who holds the original after ``transfer``, or why it cannot be done. Raises BrokenChain where ``chain`` is none."""
    return _step(chain, chain.holding, transfer)


def pending(chain: Chain, effective: int) -> Refusal | None:
    """Why nothing further can be done while of ``chain`` only the first ``effective`` transfers are effective."""
    if effective >= len(chain.transfers):
        return None
    return Refusal(
        "PREVIOUS_PENDING",
        "Wait until witnesses have cosigned a checkpoint that covers the transfer before; then send it again under a new request id.",
    )


def _step(chain: Chain, holding: Holding | None, transfer: Transfer) -> Holding | Refusal:
    if transfer.document != chain.document.id:
        return Refusal("OTHER_DOCUMENT", "The chain of the document that the instruction names.")
    if transfer.previous != chain.last or transfer.number != len(chain.transfers) + 1:
        return Refusal("CHAIN_MOVED", "Read the chain again and name the digest of its latest transfer.")
    if holding is None:
        return _issued(chain, transfer)
    if transfer.action is Action.ISSUE:
        return Refusal("ALREADY_ISSUED", "There is one original. An amendment is an AMEND of it.")
    if holding.state is not OriginalState.LIVE:
        return Refusal(
            holding.state.value, "Nothing: this original is at its end. A new document has a new number."
        )
    if (holding.medium is Medium.PAPER) != (transfer.action is Action.SWITCH_TO_ELECTRONIC):
        if holding.medium is Medium.PAPER:
            return Refusal(
                "ON_PAPER", "The issuer takes the paper original in and switches it to electronic."
            )
        return Refusal("NOT_ON_PAPER", "The original is electronic already.")
    if (holding.medium is Medium.AWAY) != (transfer.action is Action.TRANSFER_IN):
        if holding.medium is Medium.AWAY:
            return Refusal("AWAY", f"Its return from another platform: it went to {holding.paper}.")
        return Refusal("NOT_AWAY", "The original is here already.")
    following = transfer.version, transfer.content
    if transfer.action is Action.AMEND:
        if transfer.version != holding.version + 1:
            return Refusal(
                "VERSION_DIFFERS", f"Version {holding.version + 1}, signed by all who must sign it."
            )
    elif following != (holding.version, holding.content):
        return Refusal("VERSION_DIFFERS", f"Name version {holding.version} and its digest.")
    return _ACTIONS[transfer.action](chain, holding, transfer)


def _issued(chain: Chain, transfer: Transfer) -> Holding | Refusal:
    if transfer.action is not Action.ISSUE:
        return Refusal("NOT_ISSUED", "The issuer issues it first.")
    if transfer.by != chain.document.issuer:
        return Refusal("NOT_ISSUER", "The issuer of the document.")
    if not transfer.to:
        return Refusal("NO_RECIPIENT", "Name the first holder.")
    order = transfer.to if chain.form.to_order else ""
    return Holding(
        transfer.to, transfer.at, transfer.digest, transfer.digest, transfer.version, transfer.content, order
    )


_Rule = Callable[[Chain, Holding, Transfer], Holding | Refusal]


def _passed(holding: Holding, transfer: Transfer, holder: str) -> Holding:
    """``holding`` where the transfer makes ``holder`` the holder."""
    return replace(holding, holder=holder, since=transfer.at, transfer=transfer.digest, last=transfer.digest)


def _not_free(holding: Holding, transfer: Transfer, receives: bool) -> Refusal | None:
    """Why the acting party may not dispose of the original by itself."""
    if holding.pledge is not None:
        return Refusal("PLEDGED", "The pledgee releases the pledge first.")
    return _not_holder(holding, transfer) or (_no_recipient(holding, transfer) if receives else None)


def _not_holder(holding: Holding, transfer: Transfer) -> Refusal | None:
    if transfer.by != holding.holder:
        return Refusal("NOT_HOLDER", "Only the holder of the original acts on it.")
    return None


def _no_recipient(holding: Holding, transfer: Transfer) -> Refusal | None:
    if not transfer.to:
        return Refusal("NO_RECIPIENT", "Name who receives it.")
    if transfer.to == holding.holder:
        return Refusal("SAME_PARTY", "Name another party: this one holds it.")
    return None


def _transfer(_chain: Chain, holding: Holding, transfer: Transfer) -> Holding | Refusal:
    """Possession alone: to whose order it is made out stays."""
    return _not_free(holding, transfer, True) or _passed(holding, transfer, transfer.to)


def _not_endorsable(chain: Chain, holding: Holding, transfer: Transfer) -> Refusal | None:
    if not chain.form.to_order:
        return Refusal("NOT_TO_ORDER", "TRANSFER: a document of this form is not made out to order.")
    if not holding.may_endorse(transfer.by):
        return Refusal("NOT_ENDORSEE", "The party to whose order it is made out, while it holds it.")
    return None


def _endorse(chain: Chain, holding: Holding, transfer: Transfer) -> Holding | Refusal:
    """To order of the recipient, and into its possession."""
    refused = _not_free(holding, transfer, True) or _not_endorsable(chain, holding, transfer)
    return refused or replace(_passed(holding, transfer, transfer.to), order=transfer.to)


def _blank_endorse(chain: Chain, holding: Holding, transfer: Transfer) -> Holding | Refusal:
    refused = _not_free(holding, transfer, False) or _not_endorsable(chain, holding, transfer)
    return refused or replace(holding, order=BEARER, last=transfer.digest)


def _pledge(_chain: Chain, holding: Holding, transfer: Transfer) -> Holding | Refusal:
    refused = _not_free(holding, transfer, True)
    if refused is not None:
        return refused
    pledge = Pledge(transfer.digest, transfer.by, transfer.to)
    return replace(_passed(holding, transfer, transfer.to), pledge=pledge)


def _release(_chain: Chain, holding: Holding, transfer: Transfer) -> Holding | Refusal:
    """Back to who pledged it, and to nobody else."""
    if holding.pledge is None:
        return Refusal("NOT_PLEDGED", "Nothing: it is not pledged.")
    if transfer.by != holding.pledge.pledgee:
        return Refusal("NOT_PLEDGEE", "The party in whose favour it is pledged.")
    if transfer.to not in ("", holding.pledge.pledgor):
        return Refusal("NOT_PLEDGOR", "A release gives it back to who pledged it; leave the recipient out.")
    return replace(_passed(holding, transfer, holding.pledge.pledgor), pledge=None)


def _surrender(chain: Chain, holding: Holding, transfer: Transfer) -> Holding | Refusal:
    """To the issuer or a carrier, for the goods; the original is at its end."""
    refused = _not_free(holding, transfer, True)
    if refused is not None:
        return refused
    if not chain.form.surrendered:
        return Refusal(
            "NOT_SURRENDERED", "Nothing: goods under this form are delivered without its surrender."
        )
    if chain.form.to_order and not holding.may_endorse(transfer.by):
        return Refusal("NOT_ENDORSEE", "The party to whose order it is made out, while it holds it.")
    document = chain.document
    if transfer.to not in (document.issuer, *document.of_role(SignerRole.CARRIER)):
        return Refusal("NOT_CARRIER", "Surrender it to its issuer or to a carrier that it names.")
    return replace(_passed(holding, transfer, transfer.to), state=OriginalState.SURRENDERED)


def _amend(_chain: Chain, holding: Holding, transfer: Transfer) -> Holding | Refusal:
    """The holder consents, a pledgee being one; the issuer and the others consent by their signatures over the version."""
    return _not_holder(holding, transfer) or replace(
        holding, version=transfer.version, content=transfer.content, last=transfer.digest
    )


def _to_paper(_chain: Chain, holding: Holding, transfer: Transfer) -> Holding | Refusal:
    refused = _not_free(holding, transfer, False)
    if refused is not None:
        return refused
    if not transfer.paper:
        return Refusal("NO_PAPER", "Name the serial number of the paper original that the issuer prints.")
    return replace(_passed(holding, transfer, ""), medium=Medium.PAPER, paper=transfer.paper)


def _to_electronic(chain: Chain, holding: Holding, transfer: Transfer) -> Holding | Refusal:
    """The issuer took the very paper in, and names who presented it."""
    if transfer.by != chain.document.issuer:
        return Refusal("NOT_ISSUER", "The issuer, who takes the paper original in.")
    if transfer.paper != holding.paper:
        return Refusal("OTHER_PAPER", "The serial number of the paper original that was printed.")
    refused = _no_recipient(holding, transfer)
    if refused is not None:
        return refused
    order = transfer.to if chain.form.to_order else ""
    return replace(_passed(holding, transfer, transfer.to), medium=Medium.ELECTRONIC, paper="", order=order)


def _transfer_out(_chain: Chain, holding: Holding, transfer: Transfer) -> Holding | Refusal:
    """To a user of another platform; until that accepts it is on its way, and is nobody's here."""
    refused = _not_free(holding, transfer, False)
    if refused is not None:
        return refused
    if not all(transfer.paper.partition("/")) or transfer.to:
        return Refusal("NO_RECIPIENT", "Name the other platform and its user there: WAVE/duisport.")
    return replace(_passed(holding, transfer, ""), medium=Medium.AWAY, paper=transfer.paper)


def _transfer_in(chain: Chain, holding: Holding, transfer: Transfer) -> Holding | Refusal:
    """To whom the other platform gave it, or back to who sent it out where that platform refused it."""
    refused = _no_recipient(holding, transfer)
    if refused is not None:
        return refused
    order = transfer.to if chain.form.to_order else ""
    if transfer.to == chain.transfers[-1].by:
        order = holding.order
    return replace(_passed(holding, transfer, transfer.to), medium=Medium.ELECTRONIC, paper="", order=order)


def _void(chain: Chain, holding: Holding, transfer: Transfer) -> Holding | Refusal:
    """Only an issuer that holds the original ends it: nobody loses it by another's act."""
    if transfer.by != chain.document.issuer:
        return Refusal("NOT_ISSUER", "The issuer of the document.")
    refused = _not_free(holding, transfer, False)
    return refused or replace(_passed(holding, transfer, ""), state=OriginalState.VOID)


_ACTIONS: Mapping[Action, _Rule] = MappingProxyType(
    {
        Action.TRANSFER: _transfer,
        Action.ENDORSE: _endorse,
        Action.BLANK_ENDORSE: _blank_endorse,
        Action.PLEDGE: _pledge,
        Action.RELEASE: _release,
        Action.SURRENDER_FOR_DELIVERY: _surrender,
        Action.AMEND: _amend,
        Action.SWITCH_TO_PAPER: _to_paper,
        Action.SWITCH_TO_ELECTRONIC: _to_electronic,
        Action.TRANSFER_OUT: _transfer_out,
        Action.TRANSFER_IN: _transfer_in,
        Action.VOID: _void,
    }
)
