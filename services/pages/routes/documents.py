"""The documents that the person's party may read: what each is by law, what supports it, who holds its original, and what the party may do next.

Whatever is done to a document is an instruction that a party signs with its own key, so nobody acts here: the page writes out the
commands that do it where the key is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from shlex import quote
from typing import Any, NamedTuple

import orjson

from schemas.rfc3339 import parse_micros
from services.api.access import documents as shown
from services.documents.domain.decisions import PossibleStep, Register, possible_steps
from services.documents.store.registers import receipt_of_transfer
from services.pages.consignments import party_names
from services.pages.console import N_, console_page, signed_in
from services.pages.errors import PageError
from services.pages.page import Document, Page, PageRequest
from services.pages.routing import PageRoutes
from services.pages.table import Column, Kind, Table
from services.people.domain.person import Permission
from services.transparency.store.log import NoLog
from services.transparency.store.receipts import NoReceipt

pages = PageRoutes()
ON_A_PAGE = 20
_ID = re.compile(r"[0-9a-f]{32}")
KINDS = {
    "MULTIMODAL_BILL": N_("multimodal bill"),
    "FORWARDERS_RECEIPT": N_("forwarder's receipt"),
    "RAIL_NOTE": N_("rail consignment note"),
}
FORMS = {
    "NEGOTIABLE": N_("to order, delivered against its surrender"),
    "STRAIGHT": N_("to a named consignee, delivered against its surrender"),
    "RECEIPT": N_("a receipt, delivered without its surrender"),
    "SMGS": N_("SMGS note, delivered without its surrender"),
    "CIM": N_("CIM note, delivered without its surrender"),
    "CIMSMGS": N_("CIM/SMGS note, delivered without its surrender"),
}
TITLES = {
    "TITLE": N_("Document of title."),
    "NOT_TITLE": N_("Not a document of title."),
    "UNKNOWN": N_("Not a document of title, as far as is known here."),
}
BASES = {
    "UN_NCD_2025": N_("It rests on the United Nations Convention on Negotiable Cargo Documents."),
    "CN_SINGLE_DOCUMENT": N_(
        "It rests on China's single-document pilots: by contract the goods are delivered against the document alone. No statute is known here that makes it a document of title."
    ),
    "MLETR": N_(
        "It rests on the law of a state that adopted the UNCITRAL model law on electronic transferable records. Whether a rail or multimodal document can be transferred is a question of that law."
    ),
    "CN_MARITIME_CODE_2025": N_(
        "It rests on China's Maritime Code, which is about carriage by sea alone and says nothing of a rail document."
    ),
    "CONTRACT": N_(
        "It rests on the contract of those who signed it, and of those who accept a transfer on its terms."
    ),
    "SMGS": N_("It rests on SMGS: evidence of the contract of carriage; the consignee collects by identity."),
    "CIM": N_("It rests on CIM: evidence of the contract of carriage; the consignee collects by identity."),
}
STATUSES = {
    "DRAFT": N_("not issued yet"),
    "PENDING": N_("waits for the witnesses"),
    "EFFECTIVE": N_("effective"),
    "DONE": N_("done"),
    "REFUSED": N_("refused"),
}
TONES = {"DRAFT": "done", "PENDING": "warn", "EFFECTIVE": "good"}
MEDIA = {
    "PAPER": N_("Nobody here: it is on paper"),
    "AWAY": N_("Nobody here: it is on another platform, or on its way there"),
}
STATES = {"SURRENDERED": N_("surrendered for delivery: its end"), "VOID": N_("void: its end")}
SUPPORTS = {
    "SUPPORTED": N_("supported"),
    "CONTRADICTED": N_("contradicted"),
    "DISPUTED": N_("disputed"),
    "NOT_STATED": N_("stated by nobody"),
}
ROLES = {
    "ISSUER": N_("issuer"),
    "CARRIER": N_("carrier"),
    "CONSIGNOR": N_("consignor"),
    "CONSIGNEE": N_("consignee"),
}
ACTIONS = {
    "DRAFT": N_("Draft a version"),
    "SIGN": N_("Sign the version"),
    "ISSUE": N_("Issue the original to its first holder"),
    "TRANSFER": N_("Hand the original over"),
    "ENDORSE": N_("Endorse it and hand it over"),
    "BLANK_ENDORSE": N_("Endorse it in blank"),
    "PLEDGE": N_("Pledge it to a bank or an insurer"),
    "RELEASE": N_("Release the pledge"),
    "SURRENDER_FOR_DELIVERY": N_("Surrender it for the goods"),
    "AMEND": N_("Put the next version in force"),
    "SWITCH_TO_PAPER": N_("Have it printed: from then on it is on paper alone"),
    "SWITCH_TO_ELECTRONIC": N_("Take the paper in, for whoever presented it"),
    "TRANSFER_OUT": N_("Send it to another platform"),
    "TRANSFER_IN": N_("Take it back from another platform"),
    "VOID": N_("Make it void"),
}
FIELDS = {
    "commodities": N_("HS codes"),
    "consignee": N_("Consignee"),
    "consignor": N_("Consignor"),
    "containers": N_("Containers"),
    "delivery_terms": N_("Terms of delivery"),
    "description_of_goods": N_("Description of the goods"),
    "freight_payment": N_("Payment of the freight"),
    "gross_weight_kg": N_("Gross weight, kg"),
    "issue_date": N_("Date of issue"),
    "issue_place": N_("Place of issue"),
    "notes": N_("Rail notes"),
    "package_quantity": N_("Packages"),
    "place_of_acceptance": N_("Place of acceptance"),
    "place_of_delivery": N_("Place of delivery"),
    "seals": N_("Seals"),
}
COMMANDS = {
    "DRAFT": "revise",
    "SIGN": "sign",
    "AMEND": "amend",
    "ISSUE": "issue",
    "TRANSFER": "transfer",
    "ENDORSE": "endorse",
    "BLANK_ENDORSE": "blank-endorse",
    "PLEDGE": "pledge",
    "RELEASE": "release",
    "SURRENDER_FOR_DELIVERY": "surrender",
    "VOID": "void",
    "SWITCH_TO_PAPER": "to-paper",
    "SWITCH_TO_ELECTRONIC": "to-electronic",
    "TRANSFER_OUT": "transfer-out",
}
"""The command of ``lianyun document`` for each action of a party."""
LISTED = (
    Column("number", N_("Number"), Kind.CODE, href="page"),
    Column("kind", N_("Kind"), Kind.CODE, words=KINDS),
    Column("issuer", N_("Issuer")),
    Column("consignment", N_("Consignment"), Kind.CODE),
    Column("status", N_("State"), Kind.CODE, words=STATUSES),
    Column("holder", N_("Holder of the original")),
    Column("since", N_("Since"), Kind.MOMENT),
    Column("pledged_by", N_("Pledged by")),
)
STATED = (
    Column("field", N_("Field"), Kind.CODE, words=FIELDS),
    Column("value", N_("Value")),
    Column("support", N_("By signed events"), Kind.CODE, words=SUPPORTS),
    Column("supported_by", N_("Supported by")),
    Column("contradicted_by", N_("Contradicted by")),
)
SIGNED = (
    Column("party", N_("Party")),
    Column("role", N_("As"), Kind.CODE, words=ROLES),
    Column("signed", N_("Has signed"), Kind.BOOLEAN),
)
DECIDED = (
    Column("at", N_("When"), Kind.MOMENT),
    Column("place", N_("Transfer"), Kind.NUMBER),
    Column("action", N_("What"), Kind.CODE, words=ACTIONS),
    Column("by", N_("By")),
    Column("to", N_("To")),
    Column("version", N_("Version"), Kind.NUMBER),
    Column("status", N_("State"), Kind.CODE, words=STATUSES),
    Column("guard", N_("Why refused"), Kind.CODE),
    Column("transfer", N_("Digest"), Kind.CODE, href="receipt"),
    Column("previous", N_("Digest before"), Kind.CODE),
)


class NextStep(NamedTuple):
    """What the reader's party may do next: what it is, and the command lines that do it."""

    action: str
    lines: tuple[str, ...]


@pages.get("/console/documents", signed_in=True)
def documents(request: PageRequest) -> Page:
    """The documents that the person's party may read, the latest change first, in pages."""
    viewer = signed_in(request, Permission.DOCUMENTS)
    after = request.query.get("after", "")
    if after and not (after.isascii() and after.isdecimal() and len(after) < 19):
        raise PageError(400)
    found, last = shown.readable_documents(request, int(after) if after else None, ON_A_PAGE)
    rows = [_listed(request, shown.summary(document, register)) for document, register in found]
    table = Table("documents", LISTED, rows, N_("Documents"), more=bool(request.table) and last is not None)
    values = {"table": table, "first": not after, "next": None if last is None else f"?after={last}"}
    return console_page(request, viewer, "documents.html", values, tables=(table,))


@pages.get("/console/documents/{document}", signed_in=True)
def document(request: PageRequest) -> Page:
    """One document, whole, for whoever may read it."""
    viewer = signed_in(request, Permission.DOCUMENTS)
    id_ = _id(request)
    found = shown.whole_document(request, id_)
    if found is None:
        raise PageError(404)
    register, body = found
    name = party_names(request)
    tables = (
        Table("fields", STATED, [_stated(each, name) for each in body["fields"]], N_("What it says")),
        Table(
            "signatures",
            SIGNED,
            [{**each, "party": name(each["party"])} for each in body["signatures"]],
            N_("Who must sign"),
        ),
        Table("decisions", DECIDED, _decided(request, register, id_), N_("What was done to it")),
    )
    values = {
        "found": body,
        "tables": {each.name: each for each in tables},
        "party_name": name,
        "micros": parse_micros,
        "kinds": KINDS,
        "legal_forms": FORMS,
        "titles": TITLES,
        "bases": BASES,
        "statuses": STATUSES,
        "tones": TONES,
        "media": MEDIA,
        "states": STATES,
        "actions": ACTIONS,
        "steps": [
            _next(id_, request.party.code, each)
            for each in possible_steps(register, request.party.code, request.now)
        ],
        "missing": [name(each["party"]) for each in body["signatures"] if not each["signed"]],
    }
    return console_page(request, viewer, "documents_one.html", values, tables=tables)


@pages.get("/console/documents/{document}/transfers/{number}/receipt", signed_in=True)
def receipt(request: PageRequest) -> Document:
    """The receipt of an effective transfer, as the file that ``lianyun verify`` checks, for whoever may read the document."""
    signed_in(request, Permission.DOCUMENTS)
    number = request.path["number"]
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        raise PageError(404)
    register = shown.readable_document(request, _id(request))
    if register is None:
        raise PageError(404)
    try:
        found = receipt_of_transfer(request.session, request.context.settings.network, register, int(number))
    except (NoReceipt, NoLog):
        raise PageError(404) from None
    if found is None:
        raise PageError(404)
    headers = {
        "cache-control": "no-store",
        "content-disposition": f'attachment; filename="receipt-{request.path["document"]}-{number}.json"',
    }
    return Document(orjson.dumps(found.as_json()), "application/json", headers)


def _id(request: PageRequest) -> str:
    id_ = request.path["document"]
    if not _ID.fullmatch(id_):
        raise PageError(404)
    return id_


def _listed(request: PageRequest, each: Mapping[str, Any]) -> dict[str, Any]:
    name, holding = party_names(request), each["holding"]
    pledge = holding and holding["pledge"]
    return {
        "number": each["number"],
        "page": f"/console/documents/{each['document']}",
        "kind": each["kind"],
        "issuer": name(each["issuer"]),
        "consignment": each["consignment"],
        "status": each["status"],
        "holder": name(holding["holder"]) if holding and holding["holder"] else None,
        "since": parse_micros(holding["since"], "") if holding else None,
        "pledged_by": name(pledge["pledgor"]) if pledge else None,
    }


def _stated(each: Mapping[str, Any], name: Callable[[str], str]) -> dict[str, Any]:
    return {
        "field": each["name"],
        "value": each["value"],
        "support": each["support"],
        **{
            side: [f"{name(said['by'])} ({said['event']['id']})" for said in each[side]]
            for side in ("supported_by", "contradicted_by")
        },
    }


def _decided(request: PageRequest, register: Register, document: str) -> list[dict[str, Any]]:
    name, rows = party_names(request), []
    for decided in register.decisions:
        each = shown.decision(decided, register, 0)
        effective = each["status"] == "EFFECTIVE"
        there = f"/console/documents/{document}/transfers/{each['place']}/receipt"
        rows.append(
            {
                **{key: each[key] for key in ("place", "action", "version", "guard", "transfer", "previous")},
                "at": decided.at,
                "by": name(each["by"]),
                "to": name(each["to"]) if each["to"] else None,
                "status": each["status"] or each["outcome"],
                "receipt": there if effective else None,
            }
        )
    return rows


def _next(document: str, party: str, step: PossibleStep) -> NextStep:
    """The command lines of a step; what the party has to fill in is in capitals."""
    begun = f"lianyun document {COMMANDS[step.action]} {document}"
    ended = f"--party {party} --client CLIENT --key KEY"
    given = {
        "DRAFT": ["CHANGES.json"],
        "AMEND": [step.content],
        "SIGN": [f"--content {step.content}"] if step.content else [],
        "TRANSFER_OUT": ["--to PLATFORM/USER"],
        "SWITCH_TO_PAPER": ["--paper NUMBER"],
    }.get(step.action, [])
    if step.paper:
        given = [f"--paper {quote(step.paper)}"]
    if step.recipients is None:
        return NextStep(step.action, (" ".join((begun, *given, ended)),))
    recipients = ("RECIPIENT",) if step.to_anybody else step.recipients
    return NextStep(step.action, tuple(" ".join((begun, f"--to {to}", *given, ended)) for to in recipients))
