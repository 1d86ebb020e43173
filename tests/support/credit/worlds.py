"""Small worlds of credit for hypothesis: a few cargoes of two shippers, and what a menu of events may say of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from schemas.envelope import event_id
from schemas.events.base import Role
from schemas.events.decode import DECODER
from schemas.rfc3339 import parse_micros
from services.credit.domain.statements import read
from services.domain.interpretation import Attribution, interpret
from services.domain.publisher import Publisher
from tests.stories.credit.story import State, joined

Json = dict[str, Any]
START = datetime(2025, 1, 6, 9, tzinfo=UTC)
AS_OF = parse_micros("2026-01-15T00:00:00Z")
SHIPPERS = ("lake", "mill")


@dataclass(frozen=True)
class Cast:
    """Who plays and where; a world told by another cast is the same world elsewhere."""

    shippers: tuple[str, str] = SHIPPERS
    origin: str = "xian-intl-port"
    inland: str = "CN"
    abroad: str = "DE"
    boxes: int = 1
    names: Mapping[str, str] = field(default_factory=dict)

    def publisher(self, code: str) -> Publisher:
        roles, countries, managers, places = {
            "xaport": ({Role.OPERATOR, Role.FORWARDER}, (), (), ()),
            "cr": ({Role.RAILWAY}, (), ("cr",), ()),
            "yard": ({Role.TERMINAL}, (), (), (f"railnet:{self.origin}",)),
            "gacc": ({Role.CUSTOMS}, (self.inland,), (), ()),
            "far": ({Role.CUSTOMS}, (self.abroad,), (), ()),
            "ruhr": ({Role.CONSIGNEE}, (), (), ()),
            "sino": ({Role.INSURER}, (), (), ()),
            "bank": ({Role.BANK}, (), (), ()),
            "lake": ({Role.SHIPPER}, (), (), ()),
            "mill": ({Role.SHIPPER}, (), (), ()),
        }[code]
        return Publisher(
            self.named(code), frozenset(roles), frozenset(countries), frozenset(managers), frozenset(places)
        )

    def named(self, code: str) -> str:
        if code in SHIPPERS:
            return self.shippers[SHIPPERS.index(code)]
        return self.names.get(code, code)


@dataclass(frozen=True)
class Act:
    """One event as drawn: what of the menu, of which cargo, how many days after its opening."""

    what: str
    cargo: int
    day: int = 5
    by: str = ""
    target: int = 0  # for corrections and retractions: which earlier act


def told(cast: Cast, acts: Sequence[Act]) -> list[State]:
    """What each act states, one by one; the openings of the cargoes that are spoken of come first."""
    cargoes = sorted({act.cargo for act in acts})
    opened = [
        _state(cast, "xaport", f"open{c}", _at(c, 0), "link.consignment_opened", _opening(cast, c))
        for c in cargoes
    ]
    return opened + [_act(cast, acts, n) for n in range(len(acts))]


def world(cast: Cast, acts: Sequence[Act]) -> State:
    return joined(told(cast, acts))


def _at(cargo: int, day: int) -> str:
    return (START + timedelta(days=11 * cargo + day)).isoformat()


def _shipper(cargo: int) -> str:
    return SHIPPERS[cargo % 5 == 4]


def _opening(cast: Cast, cargo: int) -> Json:
    parties = [
        {"party": cast.named(_shipper(cargo)), "role": "shipper"},
        *(
            {"party": cast.named(p), "role": r}
            for p, r in (("ruhr", "consignee"), ("sino", "insurer"), ("cr", "railway"))
        ),
    ]
    return {
        "from": _at(cargo, 0),
        "reference": f"C-{cargo}",
        "bookings": [f"{cast.named('xaport')}/B-{cargo}"],
        "containers": _boxes(cast, cargo),
        "parties": parties,
    }


def _boxes(cast: Cast, cargo: int) -> list[str]:
    return [f"TST{cast.origin[:1].upper()}{cargo:04}{n:03}" for n in range(cast.boxes)]


def _act(cast: Cast, acts: Sequence[Act], n: int) -> State:
    act = acts[n]
    if act.what in ("retracted", "corrected"):
        by, short = _target(acts, n)
        data: Json = {"target": short, "reason": "OTHER"}
        if act.what == "corrected":
            type_, again = _says(cast, Act("passed", act.cargo, act.day))[1:]
            data["replacement"] = {"type": type_, "data": {"salt": "00" * 16, **again}}
        return _state(cast, by, f"a{n}", _at(act.cargo, act.day), f"correction.{act.what}", data)
    by, type_, says = _says(cast, act)
    return _state(
        cast,
        act.by or by,
        f"a{n}",
        _at(act.cargo, act.day),
        type_.removeprefix("cre.").removesuffix(".v1"),
        says,
    )


def _target(acts: Sequence[Act], n: int) -> tuple[str, str]:
    """The publisher and id of the act that is targeted: an earlier or later one of anybody but a correction's own."""
    index = acts[n].target % len(acts)
    aimed = acts[index]
    if aimed.what in ("retracted", "corrected"):
        return "gacc", f"a{index}"
    by = aimed.by or MENU[aimed.what][0]
    return (_shipper(aimed.cargo) if by == "SHIPPER" else by), f"a{index}"


MENU: Mapping[str, tuple[str, str, Json]] = {
    "departed": ("cr", "movement.departed", {"place": "ORIGIN"}),
    "delivered": ("ruhr", "movement.delivered", {}),
    "confirmed": ("xaport", "movement.booking_confirmed", {"about": "booking"}),
    "limit": ("xaport", "credit.cut_off_set", {"about": "booking", "of": "DOCUMENTS", "cut_off": 4}),
    "free until": ("xaport", "credit.cut_off_set", {"about": "booking", "of": "CANCELLATION", "cut_off": 4}),
    "papers": ("xaport", "credit.documents_completed", {"about": "booking"}),
    "given back": ("xaport", "movement.booking_cancelled", {"about": "booking", "reason": "CUSTOMER"}),
    "no cargo": ("xaport", "movement.booking_cancelled", {"about": "booking", "reason": "NO_CARGO"}),
    "lodged": ("xaport", "customs.export_lodged", {"jurisdiction": "INLAND"}),
    "refused": ("gacc", "customs.rejected", {"jurisdiction": "INLAND", "reason": "DESCRIPTION"}),
    "selected": ("gacc", "customs.selected_for_inspection", {"jurisdiction": "INLAND"}),
    "passed": ("gacc", "customs.inspection_passed", {"jurisdiction": "INLAND"}),
    "finding": ("gacc", "customs.inspection_finding", {"jurisdiction": "INLAND", "finding": "VALUE"}),
    "withdrawn": ("gacc", "customs.finding_settled", {"jurisdiction": "INLAND", "outcome": "WITHDRAWN"}),
    "box finding": ("far", "customs.inspection_finding", {"about": "box", "jurisdiction": "ABROAD", "finding": "VALUE"}),
    "held": ("gacc", "customs.detained", {"jurisdiction": "INLAND", "ground": "MISDECLARED"}),
    "decree": ("gacc", "customs.detained", {"jurisdiction": "INLAND", "ground": "DUAL_USE"}),
    "seized": ("gacc", "customs.detention_lifted", {"jurisdiction": "INLAND", "outcome": "SEIZED"}),
    "export": ("xaport", "credit.particulars_declared", {"jurisdiction": "INLAND", "filing": "EXPORT", "commodities": ["847130"], "gross_weight_kg": 20_000}),
    "import": ("ruhr", "credit.particulars_declared", {"jurisdiction": "ABROAD", "filing": "IMPORT", "commodities": ["847130"], "gross_weight_kg": 20_100}),
    "other import": ("ruhr", "credit.particulars_declared", {"jurisdiction": "ABROAD", "filing": "IMPORT", "commodities": ["847141"], "gross_weight_kg": 20_000}),
    "verified": ("SHIPPER", "movement.stuffed", {"about": "box", "verified_gross_mass_kg": 24_000}),
    "weighed": ("yard", "movement.gated_in", {"about": "box", "place": "ORIGIN", "gross_weight_kg": 24_100}),
    "too heavy": ("yard", "movement.gated_in", {"about": "box", "place": "ORIGIN", "gross_weight_kg": 31_000}),
    "undeclared": ("yard", "movement.dangerous_goods_rejected", {"about": "box", "place": "ORIGIN", "reason": "UNDECLARED"}),
    "invoice": ("xaport", "credit.freight_invoiced", {"invoice_number": "F", "debtor": "SHIPPER", "payment_due_date": 20}),
    "paid": ("xaport", "credit.freight_paid", {"invoice_number": "F"}),
    "unpaid": ("xaport", "credit.freight_fell_overdue", {"invoice_number": "F"}),
    "upheld": ("sino", "credit.claim_decided", {"claim_number": "C", "against": "SHIPPER", "ground": "PACKING", "decision": "UPHELD"}),
    "stuffed": ("SHIPPER", "movement.stuffed", {}),
    "stuffed too": ("xaport", "movement.stuffed", {}),
    "shared": ("xaport", "link.containers_assigned", {"shared": True}),
    "applied": ("SHIPPER", "finance.applied", {}),
    "approved": ("bank", "finance.approved", {}),
    "repaid": ("bank", "finance.repaid", {"extent": "FULL"}),
    "default": ("bank", "finance.defaulted", {}),
}  # fmt: skip
"""What may be said: by whom, of which type, and with which words; capitals stand for the cast."""

HARM = (
    "refused", "finding", "box finding", "seized", "other import", "too heavy", "undeclared", "unpaid", "upheld",
    "no cargo", "given back", "default",
)  # fmt: skip
"""What can only speak against a shipper."""


def _says(cast: Cast, act: Act) -> tuple[str, str, Json]:
    by, type_, words = MENU[act.what]
    mine = cast.named(_shipper(act.cargo))
    says = {key: _word(cast, act, value, mine) for key, value in words.items() if key != "about"}
    for day in ("cut_off", "payment_due_date"):
        if day in says:
            says[day] = _at(act.cargo, int(says[day]))[: 10 if day == "payment_due_date" else None]
    full = f"cre.{type_}.v1"
    by = _shipper(act.cargo) if by == "SHIPPER" else by
    if type_.startswith("finance."):
        return by, full, _finance(cast, act, type_, says)
    cargo = f"{cast.named('xaport')}/C-{act.cargo}"
    if type_.startswith("link."):
        other = f"{cast.named('xaport')}/C-{act.cargo + 1}"
        carries = [{"kind": "consignment", "id": each} for each in (cargo, other)]
        boxes = [f"SHARED{act.cargo}"] if cast.boxes else []
        return by, full, {**says, "from": _at(act.cargo, act.day), "containers": boxes, "carries": carries}
    kind = words.get("about", "consignment")
    objects = {
        "consignment": [{"kind": "consignment", "id": cargo}],
        "booking": [{"kind": "booking", "id": f"{cast.named('xaport')}/B-{act.cargo}"}],
        "box": [{"kind": "container", "id": box} for box in _boxes(cast, act.cargo)],
    }[kind]
    return by, full, {**says, "classifier": "ACT", "happened": _at(act.cargo, act.day), "objects": objects}


def _word(cast: Cast, _act: Act, value: Any, shipper: str) -> Any:
    said = {
        "ORIGIN": f"railnet:{cast.origin}",
        "INLAND": cast.inland,
        "ABROAD": cast.abroad,
        "SHIPPER": shipper,
    }
    return said.get(value, value) if isinstance(value, str) else value


def _finance(cast: Cast, act: Act, type_: str, says: Json) -> Json:
    amount = {"minor_units": 100_000, "currency_code": "CNY"}
    application = f"{cast.named(_shipper(act.cargo))}/A-{act.cargo}"
    financing = {"financing": f"{cast.named('bank')}/L-{act.cargo}"}
    more: Json = {
        "finance.applied": {
            "reference": f"A-{act.cargo}",
            "bank": cast.named("bank"),
            "product": "EXPORT_RECEIVABLE",
            "interest": "RECEIVABLE",
            "objects": [{"kind": "consignment", "id": f"{cast.named('xaport')}/C-{act.cargo}"}],
            "requested_amount": amount,
            "value_amount": amount,
        },
        "finance.approved": {
            **financing,
            "application": application,
            "approved_amount": amount,
            "advance_rate": 6_000,
            "matures_on": _at(act.cargo, 30)[:10],
        },
        "finance.repaid": {**financing, "repaid_amount": amount},
        "finance.defaulted": financing,
    }[type_]
    return {**says, **more, "happened": _at(act.cargo, act.day)}


def _state(cast: Cast, by: str, short: str, at: str, type_: str, data: Json) -> State:
    publisher = cast.publisher(by)
    source = f"urn:{by}"
    payload = DECODER.read(f"cre.{type_}.v1", {"salt": "00" * 16, **data})
    statement = Attribution(event_id(source, short), source, publisher, parse_micros(at))
    digest = hashlib.sha256(repr(data).encode()).digest()
    return State(interpret(statement, digest, payload), read(statement, payload))


def acts(cargoes: int = 6) -> st.SearchStrategy[list[Act]]:
    """Acts over a few cargoes, with corrections and retractions of one another, of the past or the future."""
    plain = st.builds(Act, st.sampled_from(sorted(MENU)), st.integers(0, cargoes - 1), st.integers(1, 60))
    takes_back = st.builds(
        Act,
        st.sampled_from(("retracted", "corrected")),
        st.integers(0, cargoes - 1),
        st.integers(1, 60),
        target=st.integers(0, 30),
    )
    return st.lists(st.one_of(plain, plain, plain, plain, takes_back), min_size=1, max_size=30)


def good_history(cargoes: int = 28) -> list[Act]:
    """What an ordinary shipper's cargoes say: enough for a score."""
    usual = (
        ("confirmed", 1), ("limit", 1), ("papers", 3), ("lodged", 3), ("export", 3), ("departed", 6), ("passed", 4),
        ("import", 20), ("delivered", 22), ("invoice", 2), ("paid", 18), ("applied", 1), ("approved", 2), ("repaid", 25),
    )  # fmt: skip
    return [Act(what, cargo, day) for cargo in range(cargoes) for what, day in usual]
