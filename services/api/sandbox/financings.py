"""Financings of the sandbox, made of the same values that a real status is made of, so that their form is the real one."""

from __future__ import annotations

from datetime import date
from typing import Any

from services.api.financing import representation
from services.api.sandbox.table import PARTY, PREFIX, AlertRow, StageRow
from services.domain.facts import Micros
from services.financing.domain.cargo import VerifiedValue
from services.financing.domain.covenants import Alert
from services.financing.domain.decisions import Terms
from services.financing.domain.lifecycle import Hold, Stage, State
from services.financing.domain.money import Money
from services.financing.domain.status import Status
from services.financing.store.status_reader import Summary

_TERMS = Terms(f"{PARTY}/AP-1", PARTY, "IN_TRANSIT_GOODS", "GOODS")
_DRAWN = StageRow(stage=Stage.DRAWN, pledged=True, drawn=100_000_000, outstanding=100_000_000)
RESERVED_UNTIL: Micros = 1_893_456_000_000_000  # 2030-01-01T00:00:00Z, the same at every asking
_SINCE: Micros = 1_772_323_200_000_000  # 2026-03-01T00:00:00Z


def at_stage(reference: str, row: StageRow, now: Micros) -> dict[str, Any]:
    """The status of a financing at the stage of ``row``."""
    return representation.status(_status(reference, row, (), now), {}, {}, int)


def with_alert(reference: str, row: AlertRow, now: Micros) -> dict[str, Any]:
    """The status of a drawn financing with the alert of ``row``."""
    return representation.status(_status(reference, _DRAWN, (_alert(reference, row),), now), {}, {}, int)


def summarised(name: str, row: StageRow, number: int) -> dict[str, Any]:
    """A financing in a list, at the stage of ``row``, under the reference that shows it whole."""
    stands = _status(f"{PREFIX}stage-{name}", row, (), 0)
    hold = Hold(
        stands.financing,
        stands.terms,
        RESERVED_UNTIL,
        pledged_at=_SINCE if row.pledged else None,
        last=number,
    )
    state = State(
        hold=hold,
        stage=row.stage,
        approved=stands.approved,
        advance_rate=stands.advance_rate,
        matures_on=stands.matures_on,
        drawn=row.drawn,
        outstanding=row.outstanding,
        currency="CNY",
        frozen_by=frozenset(),
        events=(),
    )
    return representation.summary(Summary(state, row.pledged), int)


def _alert(reference: str, row: AlertRow) -> Alert:
    return Alert(
        f"{PARTY}-{row.covenant.lower()}", f"{PARTY}/{reference}", row.covenant, row.about, _SINCE, ()
    )


def _status(reference: str, row: StageRow, alerts: tuple[Alert, ...], now: Micros) -> Status:
    approved = None if row.stage in (Stage.APPLIED, Stage.REJECTED) else Money(120_000_000, "CNY")
    return Status(
        financing=f"{PARTY}/{reference}",
        terms=_TERMS,
        stage=row.stage,
        as_of=now,
        known_at=now,
        reserved_until=RESERVED_UNTIL,
        pledged=row.pledged,
        blocks_release=row.pledged,
        approved=approved,
        advance_rate=None if approved is None else 7_000,
        matures_on=None if approved is None else date(2030, 6, 30),
        drawn=Money(row.drawn, "CNY"),
        outstanding=Money(row.outstanding, "CNY"),
        given_back=(),
        value_given_back=Money(0, "CNY"),
        value=VerifiedValue(Money(180_000_000, "CNY"), frozenset({PARTY}), 0, ()),
        corroboration=(),
        control=(),
        registrations=(),
        alerts=alerts,
        history=(),
        position=0,
    )
