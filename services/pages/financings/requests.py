"""The requests of a bank's people: fields of forms, the bodies of the API that they become, and what those ask to be decided."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import orjson
from babel.numbers import get_currency_precision
from pydantic import ValidationError

from schemas.reasons import Refusal
from services.api.requests.financing import (
    REFERENCE,
    Drawing,
    Giving,
    RequestBody,
    Reservation,
    Reviewing,
    Substitution,
    things,
)
from services.financing.domain.decisions import Action
from services.financing.domain.requests import DecisionRequest
from services.financing.store.proposals import Asked
from services.pages.financings.words import N_

Form = Mapping[str, str]
SCHEMES: Final = ("PARTY", "USCC", "LEI", "EORI", "INN", "OGRN", "BIN", "UNP", "NIP")
_CODE = re.compile(r"[A-Z]{3}")
_BODIES: Final[Mapping[Action, type[RequestBody]]] = {
    Action.RESERVE: Reservation,
    Action.PLEDGE: Reviewing,
    Action.DRAW: Drawing,
    Action.RELEASE: Giving,
    Action.RELEASE_PART: Giving,
    Action.CANCEL: RequestBody,
    Action.SUBSTITUTE: Substitution,
}


FIELDS = {
    "application": N_("Application"),
    "product": N_("Product"),
    "interest": N_("Interest"),
    "reference": N_("Your reference"),
    "consignments": N_("Consignments"),
    "invoice": N_("Invoice number"),
    "seller": N_("Seller"),
    "buyer": N_("Buyer"),
    "amount": N_("Amount"),
    "currency": N_("Currency"),
    "issued": N_("Issued on"),
    "boxes": N_("Containers"),
    "notes": N_("Consignment notes"),
    "declarations": N_("Customs declarations"),
    "document": N_("Transport document"),
    "issuer": N_("Issuer"),
    "document_issued": N_("Document issued on"),
    "goods": N_("Goods given back"),
    "replaces": N_("Reference of the one that is replaced"),
}
"""Fields of forms, as people read them."""
_OF_BODY = {
    "invoices.0.number": "invoice",
    "invoices.0.issued_on": "issued",
    "invoices.0.seller": "seller",
    "invoices.0.buyer": "buyer",
    "documents.0.number": "document",
    "documents.0.issued_on": "document_issued",
    "documents.0.issuer": "issuer",
}


class WrongForm(Exception):
    """What is wrong with a form: the names of its fields."""

    def __init__(self, *fields: str) -> None:
        super().__init__(", ".join(fields))
        self.fields = fields


def fields_of(wrong: WrongForm) -> tuple[str, ...]:
    """The fields of the form that are wrong, by their titles; others by their names."""
    found = []
    for name in wrong.fields:
        inner = name.removeprefix("papers.")
        field = next(
            (field for path, field in _OF_BODY.items() if inner.startswith(path)), inner.partition(".")[0]
        )
        found.append(FIELDS.get(field, field))
    return tuple(dict.fromkeys(found))


def content_of(action: Action, reference: str, body: Mapping[str, Any]) -> bytes:
    """A request as a proposal holds it; WrongForm where ``body`` is none of that action."""
    if not REFERENCE.fullmatch(reference) or len(reference) > 80:
        raise WrongForm("reference")
    content = orjson.dumps({"action": str(action), "reference": reference, "body": body})
    asked_by("-", content)
    return content


def asked_by(bank: str, content: bytes) -> Asked:
    """What ``content`` asks for ``bank``, as the same body asks through the API; WrongForm."""
    stored = orjson.loads(content)
    action = Action(stored["action"])
    try:
        body = _BODIES[action].model_validate_json(orjson.dumps(stored["body"]))
        return _ask(bank, action, stored["reference"], body)
    except ValidationError as wrong:
        raise WrongForm(*dict.fromkeys(".".join(map(str, each["loc"])) for each in wrong.errors())) from None
    except Refusal as refusal:
        raise WrongForm(refusal.detail) from None


def _ask(bank: str, action: Action, reference: str, body: RequestBody) -> Asked:
    financing = f"{bank}/{reference}"
    reviewed = body.reviewed if isinstance(body, Reviewing) else None
    if isinstance(body, Reservation):
        ask = DecisionRequest(
            action, bank, "", financing, terms=body.terms(), papers=body.papers.papers(), reviewed=reviewed
        )
        return ask, things(body.consignments)
    amount = body.amount if isinstance(body, Drawing | Giving) else None
    ask = DecisionRequest(
        action,
        bank,
        "",
        financing,
        amount=None if amount is None else amount.money(),
        replaces=f"{bank}/{body.replaces}" if isinstance(body, Substitution) else "",
        reviewed=reviewed,
        waiver=body.waiver.grounds if isinstance(body, Giving) and body.waiver is not None else "",
        goods=body.things() if isinstance(body, Giving) else (),
    )
    return ask, ()


def step_body(action: Action, form: Form) -> dict[str, Any]:
    """The body of a step on a financing that there is; WrongForm."""
    return _STEPS[action](form)


def reservation_body(form: Form) -> dict[str, Any]:
    """The body of a reservation, of its form; WrongForm. What is left empty is left out."""
    papers: dict[str, Any] = {}
    if form.get("invoice", "").strip():
        papers["invoices"] = [
            {
                "seller": _company(form, "seller"),
                "buyer": _company(form, "buyer"),
                "number": form["invoice"].strip(),
                "amount": amount_of(form.get("amount", ""), form.get("currency", ""), "amount"),
                "issued_on": form.get("issued", "").strip(),
            }
        ]
    if form.get("document", "").strip():
        papers["documents"] = [
            {
                "issuer": _company(form, "issuer"),
                "number": form["document"].strip(),
                "issued_on": form.get("document_issued", "").strip(),
            }
        ]
    for name in ("notes", "declarations"):
        if lines := _lines(form, name):
            papers[name] = [{"key": each} for each in lines]
    if lines := _lines(form, "boxes"):
        boxes = [each.split() for each in lines]
        if any(len(each) != 3 for each in boxes):
            raise WrongForm("boxes")
        papers["boxes"] = [{"container": a, "origin": b, "loaded_on": c} for a, b, c in boxes]
    consignments = _lines(form, "consignments")
    return {
        "application": form.get("application", "").strip(),
        "product": form.get("product", ""),
        "interest": form.get("interest", ""),
        "reference": form.get("reference", "").strip(),
        "consignments": consignments,
        "papers": {**papers, "consignments": consignments},
    }


def amount_of(text: str, currency: str, field: str) -> dict[str, Any]:
    """An amount in units of its currency, as people write it, in minor units; WrongForm for one that is not plain or too fine."""
    code = currency.strip().upper()
    plain = re.sub(r"[\s'_\u00a0\u202f]", "", text)
    if plain.count(",") == 1 and "." not in plain and len(plain.rpartition(",")[2]) != 3:
        plain = plain.replace(",", ".")
    if not _CODE.fullmatch(code) or not re.fullmatch(r"[0-9]+(\.[0-9]+)?", plain):
        raise WrongForm(field)
    try:
        minor = Decimal(plain).scaleb(get_currency_precision(code))
    except InvalidOperation:
        raise WrongForm(field) from None
    if minor != minor.to_integral_value():
        raise WrongForm(field)
    return {"minor_units": int(minor), "currency_code": code}


def _company(form: Form, name: str) -> dict[str, str]:
    return {"scheme": form.get(f"{name}_scheme", ""), "id": form.get(name, "").strip()}


def _lines(form: Form, name: str) -> list[str]:
    return [each.strip() for each in form.get(name, "").splitlines() if each.strip()]


def _draw(form: Form) -> dict[str, Any]:
    return {"amount": amount_of(form.get("amount", ""), form.get("currency", ""), "amount")}


def _waived(form: Form) -> dict[str, Any]:
    grounds = form.get("waiver", "")
    return {"waiver": {"grounds": grounds}} if grounds else {}


def _part(form: Form) -> dict[str, Any]:
    found = _waived(form)
    goods = [each.split(maxsplit=1) for each in _lines(form, "goods")]
    if any(len(each) != 2 for each in goods):
        raise WrongForm("goods")
    if goods:
        found["goods"] = [{"kind": kind, "id": id_} for kind, id_ in goods]
    if form.get("amount", "").strip():
        found["amount"] = amount_of(form["amount"], form.get("currency", ""), "amount")
    if "goods" not in found and "amount" not in found:
        raise WrongForm("goods", "amount")
    return found


_STEPS: Final[Mapping[Action, Callable[[Form], dict[str, Any]]]] = {
    Action.PLEDGE: lambda _form: {},
    Action.DRAW: _draw,
    Action.RELEASE: _waived,
    Action.RELEASE_PART: _part,
    Action.CANCEL: lambda _form: {},
    Action.SUBSTITUTE: lambda form: {"replaces": form.get("replaces", "").strip()},
}
REVIEWABLE: Final = frozenset({Action.PLEDGE, Action.DRAW, Action.SUBSTITUTE, Action.RESERVE})
"""Steps that may rest on a review."""
