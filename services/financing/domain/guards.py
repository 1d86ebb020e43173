"""The guards of a step: each has a name, passes or fails, and a failure names its remedy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from schemas.events import finance
from services.domain.facts import Micros
from services.financing.domain import external_registries as external
from services.financing.domain.cargo import LEFT, Cargo, verified
from services.financing.domain.control import ControlState, controls, issuers
from services.financing.domain.external_registries import RegistryAnswer
from services.financing.domain.lifecycle import Stage, State
from services.financing.domain.money import Money
from services.financing.domain.products import Product
from services.financing.domain.statements import Statement, of_type


class Failed(NamedTuple):
    """A guard that did not pass."""

    guard: str
    satisfied_by: str


@dataclass(frozen=True, slots=True)
class Step:
    """Everything that a guard may read: the financing and its cargo under the lock, and the request."""

    state: State
    product: Product
    statements: Sequence[Statement]
    cargo: tuple[Cargo, ...]
    at: Micros
    amount: Money | None = None
    external: tuple[RegistryAnswer, ...] = ()
    required: frozenset[str] = frozenset()

    @property
    def engaged(self) -> frozenset[str]:
        """The parties engaged in any of the cargo."""
        return frozenset[str]().union(*(cargo.engaged for cargo in self.cargo))


def first_failed(names: Sequence[str], step: Step) -> Failed | None:
    """The first of the guards ``names`` that fails; None where all pass. KeyError for a name that is no guard."""
    for name in names:
        satisfied_by = GUARDS[name](step)
        if satisfied_by is not None:
            return Failed(name, satisfied_by)
    return None


def _reservation_valid(step: Step) -> str | None:
    if step.state.hold.held(step.at):
        return None
    return "A new reservation: the earlier one ended before this step."


def _application_stands(step: Step) -> str | None:
    if any(
        isinstance(statement.payload, finance.ApplicationWithdrawn | finance.Rejected)
        for statement in step.statements
    ):
        return "A new application: this one was withdrawn or rejected."
    return (
        None
        if of_type(step.statements, finance.Applied)
        else "The applicant's signed application to this bank."
    )


def _approved(step: Step) -> str | None:
    return None if step.state.approved is not None else "The bank's approval of this financing."


def _not_frozen(step: Step) -> str | None:
    return (
        f"The end of the freeze by whoever ordered it ({len(step.state.frozen_by)})."
        if step.state.frozen_by
        else None
    )


def _not_in_default(step: Step) -> str | None:
    if step.state.stage in (Stage.OVERDUE, Stage.DEFAULTED, Stage.ENFORCED, Stage.CLOSED):
        return "Repayment of what is overdue."
    return None


def _pledged(step: Step) -> str | None:
    return None if step.state.hold.pledged else "A pledge that stands."


def _control(step: Step) -> str | None:
    bank = step.state.hold.bank
    for cargo in step.cargo:
        found = controls(step.statements, cargo, bank, step.at)
        kinds = step.product.control
        fitting = [control for control in found if not kinds or control.note_type in kinds]
        disputed = next((c for c in found if c.state is ControlState.DISPUTED), None)
        if disputed is not None:
            return (
                f"A new record of who holds {disputed.note} by its carrier, its issuer or who holds it: the statements "
                "of it contradict one another."
            )
        loose = next((c for c in found if c.transfer and c.state is not ControlState.HELD), None)
        if loose is not None:
            return f"The original {loose.note}, pledged or passed to the bank in the register of documents, and effective (now: {loose.state})."
        if any(control.state is ControlState.HELD for control in fitting):
            continue
        for control in fitting:
            if control.state is ControlState.ASSERTED:
                issued = issuers(cargo, control.note)
                first = "A record" if issued else "The note's issue, stated by the railway, and a record"
                return (
                    f"{first} by the carrier, the issuer or who holds it that the bank holds {control.note}: others only "
                    "assert it."
                )
        grips = sorted({control.state for control in found})
        named = f" as {' or '.join(sorted(kinds))}" if kinds else ""
        return (
            f"A record that the bank holds the duplicate or document of {cargo.consignment}{named} and the consignee "
            f"may not dispose (now: {', '.join(grips) or 'nothing recorded'})."
        )
    return None if step.cargo else "A consignment that the cargo's papers lead to."


def _not_delivered(step: Step) -> str | None:
    for cargo in step.cargo:
        if cargo.facts(*LEFT):
            return f"Cargo that is still in the carriers' hands: {cargo.consignment} has left them."
    return None


def _external_clear(step: Step) -> str | None:
    # Before the reservation nobody knew which documents were meant.
    reserved = step.state.hold.reserved_until - step.product.reservation
    answers = [answer for answer in step.external if answer.at >= reserved]
    for registry, finding in external.current_findings(step.required, answers, step.at).items():
        if finding is external.RegistryFinding.HIT:
            return f"A clear answer of {registry}, which knows another financing of it."
        if finding is external.RegistryFinding.UNAVAILABLE:
            return f"An answer of {registry} on what is reserved, not older than a day; without one it does not count as clear."
    return None


def _same_currency(step: Step) -> str | None:
    approved, amount = step.state.approved, step.amount
    if amount is None or amount.minor <= 0:
        return "An amount above zero."
    if approved is None or approved.currency == amount.currency:
        return None
    return f"An amount in {approved.currency}, as approved."


def _within_approved(step: Step) -> str | None:
    approved = step.state.approved
    if approved is None:
        return "The bank's approval of this financing."
    left = approved.minor - step.state.drawn
    return None if _asked(step) <= left else f"At most {max(left, 0)} {approved.currency} in minor units."


def value_left(step: Step) -> Money | None:
    """The verified value without what was given back; None where it is not verified."""
    currency = step.state.approved.currency if step.state.approved else ""
    value = verified(step.statements, step.engaged, currency, step.product.value_publishers).value
    if value is None:
        return None
    return Money(max(0, value.minor - step.state.hold.value_given_back), currency)


def lendable(step: Step, value: Money) -> int:
    """What may be owed on ``value``, in minor units: by the bank's advance rate, never above the product's."""
    return value.share(min(step.state.advance_rate or 0, step.product.highest_advance)).minor


def _value_verified(step: Step) -> str | None:
    currency = step.state.approved.currency if step.state.approved else ""
    if value_left(step) is not None:
        return None
    return (
        f"The value of the invoice in {currency} from {step.product.value_publishers} or more different parties of the "
        "consignment."
    )


def _within_advance(step: Step) -> str | None:
    value = value_left(step)
    if value is None:
        return _value_verified(step)
    left = lendable(step, value) - step.state.drawn
    return (
        None
        if _asked(step) <= left
        else f"At most {max(left, 0)} {value.currency} in minor units, by value and advance rate."
    )


def _asked(step: Step) -> int:
    return 0 if step.amount is None else step.amount.minor


GUARDS: Mapping[str, Callable[[Step], str | None]] = MappingProxyType(
    {
        "RESERVATION_VALID": _reservation_valid,
        "APPLICATION_STANDS": _application_stands,
        "APPROVED": _approved,
        "NOT_FROZEN": _not_frozen,
        "NOT_IN_DEFAULT": _not_in_default,
        "PLEDGED": _pledged,
        "CONTROL": _control,
        "NOT_DELIVERED": _not_delivered,
        "EXTERNAL_CLEAR": _external_clear,
        "SAME_CURRENCY": _same_currency,
        "WITHIN_APPROVED": _within_approved,
        "VALUE_VERIFIED": _value_verified,
        "WITHIN_ADVANCE": _within_advance,
    }
)
"""Every guard that a product's table may name."""
