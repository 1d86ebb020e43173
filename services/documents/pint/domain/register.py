"""The register that says which one platform controls a document: the standard's control tracking registry, as a fold of signed steps.

DCSA names its registry's role (PINT 3.0.0: "the final arbiter"); its API is not public. Here a document has a list of steps, each
signed by the platform whose act it is and given its number by the one before, so that of two at once one is recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import Field, StringConstraints

from services.documents.pint.domain.envelope import Checksum, Member, PlatformCode
from services.documents.pint.domain.signed_content import SignedContent, canonical

MOST_EVIDENCE: Final = 16_384


class Act(StrEnum):
    """What a step does."""

    ISSUE = "ISSUE"
    OFFER = "OFFER"
    ACCEPT = "ACCEPT"
    WITHDRAW = "WITHDRAW"
    SWITCH_TO_PAPER = "SWITCH_TO_PAPER"
    SURRENDER_PAPER = "SURRENDER_PAPER"
    END = "END"


class Step(Member):
    """What a platform signs: the ``number``-th step of a document, from 0, in the register of that URI.

    ``entry`` is the checksum of the last chain entry of the envelope that is offered, accepted or withdrawn, ``recipient`` the platform
    it is offered to; ``evidence`` what the carrier signed of the paper's surrender, or the receiver's signed answer.
    """

    register_uri: Annotated[str, Field(alias="register"), StringConstraints(max_length=1024)]
    transport_document_checksum: Checksum
    number: Annotated[int, Field(ge=0, le=100_000)]
    act: Act
    entry: Checksum | None = None
    recipient: PlatformCode | None = None
    evidence: Annotated[str, StringConstraints(max_length=MOST_EVIDENCE)] | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """A transfer under way: to which platform, by which envelope."""

    recipient: str
    entry: str


class Contradicted(Exception):
    """A step that does not follow from what is recorded; the text says why."""


@dataclass(frozen=True, slots=True)
class Control:
    """Who controls a document after so many steps. While there is an offer the controller can do nothing but withdraw it."""

    document: str
    home: str
    """The platform of the register, where the document was issued and paper is printed."""
    controller: str
    steps: int = 1
    entry: str | None = None
    """The checksum of the chain entry by which the controller got it; None: it never left."""
    offer: Offer | None = None
    paper: bool = False
    ended: bool = False

    @property
    def free(self) -> bool:
        """Whether the controller can act with it."""
        return self.offer is None and not self.paper and not self.ended

    def json_object(self) -> dict[str, Any]:
        """As the register states it."""
        offer = self.offer
        return {
            "transportDocumentChecksum": self.document,
            "controller": self.controller,
            "steps": self.steps,
            "entry": self.entry,
            "offer": None if offer is None else {"recipient": offer.recipient, "entry": offer.entry},
            "paper": self.paper,
            "ended": self.ended,
            "home": self.home,
        }

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Self:
        """Read back what a register stated; KeyError, TypeError where it did not."""
        offer = value["offer"]
        return cls(
            document=str(value["transportDocumentChecksum"]),
            home=str(value["home"]),
            controller=str(value["controller"]),
            steps=int(value["steps"]),
            entry=value["entry"],
            offer=None if offer is None else Offer(str(offer["recipient"]), str(offer["entry"])),
            paper=value["paper"] is True,
            ended=value["ended"] is True,
        )


def after(control: Control | None, step: Step, by: str) -> Control:
    """The control of a document after a further step by a platform; Contradicted where it does not follow."""
    if control is None:
        _require(step.act is Act.ISSUE and step.number == 0, "the register does not know the document")
        return Control(step.transport_document_checksum, home=by, controller=by)
    _require(step.number == control.steps, f"the next step is {control.steps}, not {step.number}")
    _require(not control.ended, "the document has ended")
    if step.act in (Act.ACCEPT, Act.WITHDRAW):
        offer = control.offer
        if offer is None or offer.entry != step.entry:
            raise Contradicted("there is no such offer")
        if step.act is Act.WITHDRAW:
            _require(by == control.controller, f"only {control.controller} withdraws its offer")
            return replace(control, steps=control.steps + 1, offer=None)
        _require(by == offer.recipient, f"the offer is to {offer.recipient}")
        return replace(control, steps=control.steps + 1, controller=by, entry=offer.entry, offer=None)
    _require(by == control.controller, f"{control.controller} controls the document")
    if step.act is Act.OFFER:
        _require(control.free, "the document is offered already, or on paper")
        _require(
            step.recipient not in (None, by) and step.entry is not None, "an offer is to another platform"
        )
        return replace(control, steps=control.steps + 1, offer=Offer(str(step.recipient), str(step.entry)))
    _require(by == control.home, f"this is done by {control.home}, where the document was issued")
    if step.act is Act.SWITCH_TO_PAPER:
        _require(not control.paper, "the document is on paper already")
        return replace(control, steps=control.steps + 1, offer=None, paper=True)
    if step.act is Act.SURRENDER_PAPER:
        _require(control.paper, "the document is not on paper")
        _require(bool(step.evidence), "the carrier has not signed that the paper was surrendered")
        return replace(control, steps=control.steps + 1, paper=False)
    _require(step.act is Act.END and control.free, "a document that is offered or on paper does not end")
    return replace(control, steps=control.steps + 1, ended=True)


def control_of(steps: Iterable[SignedContent]) -> Control | None:
    """The control after recorded steps, in their order; None for no step."""
    control: Control | None = None
    for each in steps:
        control = after(control, Step.of(each.payload), each.signer)
    return control


def repeats(recorded: SignedContent, step: SignedContent) -> bool:
    """Whether a step says what was recorded under its number, by whom: a retry after a lost answer."""
    return recorded.signer == step.signer and canonical(dict(recorded.payload)) == canonical(
        dict(step.payload)
    )


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Contradicted(otherwise)
