"""The register that says which one platform controls a document: the standard's control tracking registry, as a fold of signed steps.

DCSA names its registry's role (PINT 3.0.0: "the final arbiter"); its API is not public. Here a document has a list of steps, each
signed by the platform whose act it is and given its number by the one before, so that of two at once one is recorded. Whether the original is
on paper is no part of it: an original is recorded as away before it is offered, and what is away is not printed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints

from services.documents.pint.domain.envelope import Checksum, Member, PlatformCode
from services.documents.pint.domain.signed_content import SignedContent, canonical


class Act(StrEnum):
    """What a step does."""

    ISSUE = "ISSUE"
    OFFER = "OFFER"
    ACCEPT = "ACCEPT"
    WITHDRAW = "WITHDRAW"


class Step(Member):
    """What a platform signs: the ``number``-th step of a document, from 0, in the register of that URI.

    ``entry`` is the checksum of the last chain entry of the envelope that is offered, accepted or withdrawn, ``recipient`` the platform
    it is offered to.
    """

    register_uri: Annotated[str, Field(alias="register"), StringConstraints(max_length=1024)]
    transport_document_checksum: Checksum
    number: Annotated[int, Field(ge=0, le=100_000)]
    act: Act
    entry: Checksum | None = None
    recipient: PlatformCode | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """A transfer under way: to which platform, by which envelope."""

    recipient: str
    entry: str


class Contradicted(Exception):
    """A step that does not follow from what is recorded; the text says why."""


@dataclass(frozen=True, slots=True)
class Control:
    """Which platform controls a document after so many steps. While there is an offer it can do nothing but withdraw it."""

    document: str
    home: str
    """The platform of the register, where the document was issued."""
    controller: str
    steps: int = 1
    entry: str | None = None
    """The checksum of the chain entry by which the controller got it; None: it never left."""
    offer: Offer | None = None

    def json_object(self) -> dict[str, Any]:
        """As the register states it."""
        offer = self.offer
        return {
            "transportDocumentChecksum": self.document,
            "controller": self.controller,
            "steps": self.steps,
            "entry": self.entry,
            "offer": None if offer is None else {"recipient": offer.recipient, "entry": offer.entry},
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
        )


def after(control: Control | None, step: Step, by: str) -> Control:
    """The control of a document after a further step by a platform; Contradicted where it does not follow."""
    if control is None:
        _require(step.act is Act.ISSUE and step.number == 0, "the register does not know the document")
        return Control(step.transport_document_checksum, home=by, controller=by)
    _require(step.number == control.steps, f"the next step is {control.steps}, not {step.number}")
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
    _require(step.act is Act.OFFER and control.offer is None, "the document is offered already")
    if step.recipient in (None, by) or step.entry is None:
        raise Contradicted("an offer is to another platform, of an envelope")
    return replace(control, steps=control.steps + 1, offer=Offer(step.recipient, step.entry))


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
