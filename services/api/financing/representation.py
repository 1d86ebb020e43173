"""The JSON of answers to banks: amounts in minor units, times with an offset, events by source and id, never another bank."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from psycopg import Connection

from schemas.envelope import Envelope
from schemas.rfc3339 import format_micros
from services.domain.facts import EventId, Micros
from services.domain.objects import Thing
from services.financing.domain.cargo import CorroboratedFact
from services.financing.domain.control import Control, Registration
from services.financing.domain.covenants import Alert
from services.financing.domain.money import Money
from services.financing.domain.requests import LIMITS, Reply
from services.financing.domain.resemblance import Resemblance
from services.financing.domain.status import Status, Step
from services.financing.store.financings import Acknowledgement
from services.financing.store.status_reader import Summary
from services.ledger.storage import event_reader

Json = dict[str, Any]
Session = Connection[Any]
NOT_REGISTERED = "not registered"
Names = Mapping[EventId, Json]
"""Source and id of events, by their 16-byte ids."""
Shown = Callable[[int], int]
"""Numbers of decisions as the reader is shown them; the platform's own count what it decided for others."""


def names_of(session: Session, events: Iterable[EventId]) -> Names:
    """How the publishers of ``events`` named them."""
    found: dict[EventId, Json] = {}
    for stored in event_reader.events_by_id(session, sorted(set(events))):
        envelope = Envelope.from_headers(stored.headers)
        found[stored.id] = {"source": envelope.source, "id": envelope.id}
    return found


def events_of(status: Status) -> set[EventId]:
    """Every event that a status names."""
    found = {word.event for fact in status.corroboration for word in fact.statements}
    found |= {event for alert in status.alerts for event in alert.events}
    found |= {alert.acknowledged for alert in status.alerts if alert.acknowledged is not None}
    found |= {step.event for step in status.history if step.event is not None}
    found |= {event for control in status.control for event in control.events}
    found |= {entry.event for entry in status.registrations}
    return found | {*status.value.events}


def reply(found: Reply, shown: Shown, financing: str = "") -> Json:
    """A decision, as its asker sees it."""
    if found.number is None:
        return {"outcome": found.outcome, "limits": LIMITS}
    return {
        "outcome": found.outcome,
        "financing": financing or None,
        "number": shown(found.number),
        "guard": found.guard or None,
        "satisfied_by": found.satisfied_by or None,
        "match": found.match or None,
        "until": _time(found.until),
        "amount": _money(found.amount),
        "notices": list(found.notices),
        "shares": shared(found.shares),
        "waiver": waiver(found.waiver),
        "goods": shared(found.goods),
        "resembles": [resembling(each) for each in found.resembles],
        "limits": LIMITS,
    }


def shared(things: Iterable[Thing]) -> list[Json]:
    """Objects that identify goods, by kind and id."""
    return [{"kind": thing.kind.wire, "id": thing.key} for thing in things]


def resembling(found: Resemblance) -> Json:
    """What is alike, and never with whom."""
    return {**found._asdict(), "features": list(found.features)}


def waiver(grounds: str) -> Json | None:
    """On what ground a bank released what is owed; None where it waived nothing."""
    return {"grounds": grounds} if grounds else None


def summary(found: Summary, shown: Shown) -> Json:
    """A financing in a list."""
    state, hold = found.state, found.state.hold
    return {
        "financing": hold.financing,
        "application": hold.terms.application,
        "applicant": hold.terms.applicant,
        "product": hold.terms.product,
        "interest": hold.terms.interest,
        "stage": str(state.stage),
        "reserved_until": _time(hold.reserved_until),
        "pledged": hold.pledged,
        "blocks_release": found.blocks_release,
        "approved": _money(state.approved),
        "advance_rate": state.advance_rate,
        "matures_on": _day(state.matures_on),
        "drawn": _money(Money(state.drawn, state.currency)),
        "outstanding": _money(Money(state.outstanding, state.currency)),
        "position": shown(found.position),
    }


def status(found: Status, seen: Mapping[str, Acknowledgement], names: Names, shown: Shown) -> Json:
    """All of one financing."""
    return {
        "financing": found.financing,
        "application": found.terms.application,
        "applicant": found.terms.applicant,
        "product": found.terms.product,
        "interest": found.terms.interest,
        "as_of": format_micros(found.as_of),
        "known_at": format_micros(found.known_at),
        "stage": str(found.stage),
        "reserved_until": _time(found.reserved_until),
        "pledged": found.pledged,
        "blocks_release": found.blocks_release,
        "approved": _money(found.approved),
        "advance_rate": found.advance_rate,
        "matures_on": _day(found.matures_on),
        "drawn": _money(found.drawn),
        "outstanding": _money(found.outstanding),
        "given_back": {
            "goods": shared(found.given_back),
            "value": _money(found.value_given_back) if found.value_given_back.minor else None,
        },
        "value": {
            "verified": _money(found.value.value),
            "said_by": sorted(found.value.publishers),
            "invoices_too_few_state": found.value.missing,
            "events": _named(found.value.events, names),
        },
        "corroboration": [corroborated(fact, names) for fact in found.corroboration],
        "control": [control(each, names) for each in found.control],
        "legal_register": [registration(each, names) for each in found.registrations] or NOT_REGISTERED,
        "alerts": [alert(each, seen, names) for each in found.alerts],
        "history": [step(each, names, shown) for each in found.history],
        "position": shown(found.position),
        "limits": found.limits,
    }


def corroborated(fact: CorroboratedFact, names: Names) -> Json:
    """A fact with everybody who said it and how sure that is."""
    return {
        "milestone": fact.milestone,
        "object": str(fact.thing),
        "place": fact.place or None,
        "jurisdiction": fact.jurisdiction or None,
        "assurance": fact.assurance.name,
        "sayers": fact.publisher_count,
        "disputed": fact.disputed,
        "said": [
            {
                "by": word.publisher,
                "assurance": word.assurance.name,
                "happened": format_micros(word.happened),
                "event": names.get(word.event),
            }
            for word in fact.statements
        ],
    }


def control(found: Control, names: Names) -> Json:
    """Control over the cargo of one note."""
    return {
        "note": found.note,
        "note_type": found.note_type or None,
        "duplicate_holder": found.holder or None,
        "consignee_may_dispose": found.consignee_may_dispose,
        "ends_at": _time(found.ends_at),
        "grip": str(found.state),
        "assurance": found.assurance.name,
        "events": _named(found.events, names),
        "transfer": found.transfer or None,
        "since": format_micros(found.since),
    }


def registration(found: Registration, names: Names) -> Json:
    """An entry in a legal register."""
    return {
        "name": found.name,
        "country": found.country,
        "number": found.number,
        "registered_on": _day(found.registered_on),
        "expires_on": _day(found.expires_on),
        "event": names.get(found.event),
    }


def alert(found: Alert, seen: Mapping[str, Acknowledgement], names: Names) -> Json:
    """An alert with the events behind it, and who acknowledged it how."""
    by_client = seen.get(found.id)
    acknowledged: Json | None = None
    if found.acknowledged is not None:
        acknowledged = {"event": names.get(found.acknowledged)}
    elif by_client is not None:
        acknowledged = {
            "at": format_micros(by_client.at),
            "by": by_client.client,
            "remark": by_client.remark or None,
        }
    return {
        "id": found.id,
        "financing": found.financing,
        "covenant": found.covenant,
        "about": found.about,
        "since": format_micros(found.since),
        "events": _named(found.events, names),
        "moved_to": list(found.moved_to),
        "acknowledged": acknowledged,
    }


def step(found: Step, names: Names, shown: Shown) -> Json:
    """A line of the history: a decision by its number, or a fact by its event."""
    return {
        "at": format_micros(found.at),
        "what": found.what,
        "outcome": found.outcome or None,
        "by": found.by or None,
        "number": None if found.number is None else shown(found.number),
        "event": None if found.event is None else names.get(found.event),
        "guard": found.guard or None,
        "waiver": waiver(found.waiver),
        "goods": shared(found.goods),
    }


def plain(value: object) -> Any:
    """A value of the core as JSON: money and steps by their members, the rest as it is."""
    if isinstance(value, Money):
        return _money(value)
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if isinstance(value, date):
        return value.isoformat()
    return value


def _named(events: Iterable[EventId], names: Names) -> list[Json]:
    return [named for event in events if (named := names.get(event)) is not None]


def _money(money: Money | None) -> Json | None:
    if money is None or not money.currency:
        return None
    return {"minor_units": money.minor, "currency_code": money.currency}


def _time(micros: Micros | None) -> str | None:
    return None if micros is None else format_micros(micros)


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
