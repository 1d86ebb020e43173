"""Annotation of papers (签注): a bank marks a paper of an offshore deal as used for a payment, once and up to its amount.

What counts against it: annotations that stand, of whichever bank, and what financings hold of the same paper. Parts of one paper add up to its amount
at most, in one currency, all of one deal. A bank revokes its own annotations and nobody else's. The rules are decided under the lock of the paper's
fingerprints, so that of two requests for the last part one is done.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

import orjson

from schemas.events.base import ObjectKind
from schemas.events.keys import canonical_key
from schemas.events.trade_offshore import DealPaper, DealPaperKind
from services.domain.facts import Micros
from services.financing.domain.documents import Company, Share
from services.financing.domain.fingerprints import Fingerprint, Version, issued, normalise_1
from services.financing.domain.money import Money
from services.financing.domain.uniqueness import Room, fit

RULES: Final = "annotation-1"


class Action(StrEnum):
    """What a bank asks for."""

    ANNOTATE = "ANNOTATE"
    REVOKE = "REVOKE"


class PaperName(NamedTuple):
    """A paper as a bank names it; no issuer: the owner of the deal issued it."""

    kind: DealPaperKind
    number: str
    issuer: Company | None = None


class Behind(NamedTuple):
    """A deal as its owner states it: the statement (16-byte event id) and its papers."""

    deal: str
    stated: bytes
    papers: tuple[DealPaper, ...]

    @property
    def owner(self) -> str:
        """The owner's code."""
        return self.deal.partition("/")[0]


@dataclass(frozen=True, slots=True)
class AnnotationRequest:
    """What ``by`` asks for under its own name ``request``; without ``amount`` the whole paper is meant. ``revokes`` is the number of an annotation."""

    action: Action
    by: str
    request: str
    deal: str = ""
    paper: PaperName | None = None
    amount: Money | None = None
    revokes: int = 0

    def digest(self, secret: bytes) -> bytes:
        """16 bytes that identify what is requested, under ``secret``: a paper's number could be guessed from a plain digest."""
        paper = None if self.paper is None else [self.paper.kind, self.paper.number, self.paper.issuer and [
            self.paper.issuer.scheme, self.paper.issuer.id
        ]]  # fmt: skip
        amount = None if self.amount is None else [self.amount.minor, self.amount.currency]
        said = orjson.dumps([self.action, self.by, self.request, self.deal, paper, amount, self.revokes])
        return hmac.digest(secret, said, "sha256")[:16]


class Annotation(NamedTuple):
    """One recorded decision; ``annotation`` is the number of the annotation meant, its own where it is none of another one."""

    number: int
    action: Action
    done: bool
    at: Micros
    position: int
    by: str
    request: str
    asked: bytes
    deal: str
    stated: bytes | None
    annotation: int
    kind: DealPaperKind
    share: Share | None = None
    guard: str = ""
    satisfied_by: str = ""
    rules: str = RULES


class Standing(NamedTuple):
    """What a standing annotation takes under one fingerprint."""

    fingerprint: Fingerprint
    annotation: int
    by: str
    deal: str


class Refused(NamedTuple):
    """Why it is not done, and what would satisfy it."""

    guard: str
    satisfied_by: str


PAPER_OF_DEAL: Final = Refused(
    "PAPER_OF_DEAL",
    "A live statement of the deal by its owner that names this paper: its kind, issuer and number.",
)
AMOUNT_STATED: Final = Refused(
    "AMOUNT_STATED", "The paper's amount in the statement of the deal, or an annotation of the whole paper."
)
WITHIN_AMOUNT: Final = Refused(
    "WITHIN_AMOUNT", "An amount above zero and not above the paper's, in the paper's currency."
)
ONE_DEAL: Final = Refused(
    "PAPER_OF_ONE_DEAL", "The revocation of what is annotated on this paper under another deal."
)
PAPER_FREE: Final = Refused(
    "PAPER_FREE",
    "The revocation or the release of what is recorded on this paper, or a part within what is left.",
)
SPLIT_KNOWN: Final = Refused(
    "SPLIT_KNOWN", "One amount of the paper, stated alike wherever a part of it is annotated or pledged."
)
OWN_STANDING: Final = Refused("ANNOTATION_STANDS", "An annotation of this bank that was not revoked before.")


def paper_in(name: PaperName, behind: Behind) -> DealPaper | None:
    """The paper of that name among those of the deal; numbers are compared by their normal spelling."""
    wanted = _spelled(name.kind, name.number), _issuer(name.issuer, behind.owner)
    return next(
        (
            each
            for each in behind.papers
            if each.kind is name.kind
            and (
                _spelled(each.kind, each.number),
                _issuer(
                    None if each.issuer is None else Company(each.issuer.scheme, each.issuer.number),
                    behind.owner,
                ),
            )
            == wanted
        ),
        None,
    )


def _spelled(kind: DealPaperKind, number: str) -> str:
    return normalise_1(
        canonical_key(ObjectKind.DECLARATION, number) if kind is DealPaperKind.DECLARATION else number
    )


def _issuer(issuer: Company | None, owner: str) -> tuple[str, str]:
    return ("PARTY", normalise_1(owner)) if issuer is None else (issuer.scheme, normalise_1(issuer.id))


def taken_of(paper: DealPaper, amount: Money | None) -> Share | Refused | None:
    """What an annotation of ``amount`` takes of the paper (None: all of it), or why it cannot be."""
    if amount is None:
        return None
    if paper.amount is None:
        return AMOUNT_STATED
    whole = Money.of(paper.amount)
    if amount.currency != whole.currency or not 0 < amount.minor <= whole.minor:
        return WITHIN_AMOUNT
    return Share(whole.currency, amount.minor, whole.minor)


def prints_of(
    paper: DealPaper, share: Share | None, owner: str, versions: Iterable[Version]
) -> tuple[Fingerprint, ...]:
    """The fingerprints of the paper under each version, as reservations make them of the same paper."""
    own = paper.issuer is None or (paper.issuer.scheme, paper.issuer.number) == ("PARTY", owner)
    issuer = (
        Company("PARTY", owner) if paper.issuer is None else Company(paper.issuer.scheme, paper.issuer.number)
    )
    return tuple(
        each
        for version in versions
        for each in issued(str(paper.kind), issuer, paper.number, share, version, owner if own else "")
    )


def against(
    prints: Iterable[Fingerprint],
    deal: str,
    standing: Iterable[Standing],
    held: Iterable[Fingerprint],
) -> Refused | None:
    """Why ``prints`` cannot be annotated beside annotations that stand and what financings hold; None where they can."""
    annotated = list(standing)
    if any(each.deal != deal for each in annotated):
        return ONE_DEAL
    taken = [*(each.fingerprint for each in annotated), *held]
    return _beyond(prints, taken)


def beyond_annotated(
    prints: Iterable[Fingerprint], annotated: Iterable[Fingerprint], held: Iterable[Fingerprint]
) -> bool:
    """Whether a reservation of ``prints`` takes more than annotations and what is ``held`` beside them leave of a paper."""
    papers = [*annotated]
    met = {_key(each) for each in papers}
    return _beyond([each for each in prints if _key(each) in met], [*papers, *held]) is not None


def _beyond(prints: Iterable[Fingerprint], taken: list[Fingerprint]) -> Refused | None:
    for each in prints:
        room = fit(each.share, [other.share for other in taken if _key(other) == _key(each)]).room
        if room is Room.SPLIT_UNKNOWN:
            return SPLIT_KNOWN
        if room is not Room.FITS:
            return PAPER_FREE
    return None


def _key(print_: Fingerprint) -> tuple[int, str, bytes]:
    return print_.version, print_.kind, print_.digest


def takes_digest(prints: Iterable[Fingerprint]) -> bytes:
    """SHA-256 of what an annotation takes, whatever order it came in."""
    lines = sorted(
        f"{each.version} {each.kind} {each.digest.hex()} "
        + ("whole" if each.share is None else f"{each.share.part} of {each.share.whole} {each.share.measure}")
        for each in prints
    )
    return hashlib.sha256("\n".join(lines).encode()).digest()
