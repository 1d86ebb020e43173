"""`lianyun declare deal`, `report`, `annotate` and `revoke`: an offshore deal published, what confirms it, and its papers annotated by a bank."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote
from uuid import uuid4

import orjson
import typer

from schemas.events.trade_offshore import OffshoreDealStated
from schemas.reasons import Reason, Refusal
from schemas.strict_json import loads
from services.cli.bank import Client, Key, Url
from services.cli.bank_client import calling, got
from services.cli.declare_trade import Bookings, Consignments, Notes, publish_line, unread
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson, micros
from services.cli.output import out, print_json, print_table
from services.cli.publish import Patience, profile_of
from services.cli.settings import CliSettings
from services.producers import file_reader
from services.producers.formats.model import EventDraft, Position
from services.producers.formats.native_lines import line_of
from services.producers.unsigned_event import concealing

Deal = Annotated[str, typer.Argument(help="The deal: its owner's code, a slash, the reference.")]
Request = Annotated[
    str,
    typer.Option(
        "--request", help="The bank's own name of this request; sent again it is the same decision."
    ),
]
_MEMBERS = frozenset(OffshoreDealStated.model_fields) - {
    "salt", "classifier", "happened", "happened_as_written", "place", "occurrence", "objects", "relay",
}  # fmt: skip


def deal(
    file: Annotated[
        Path,
        typer.Argument(
            help="The deal as JSON: reference, kind, bop, contracts, papers, vessels.",
            exists=True,
            dir_okay=False,
        ),
    ],
    party: Annotated[str, typer.Option("--as", help="The partner whose profile signs the event.")],
    made: Annotated[str, typer.Option("--made", help="When the statement was made (RFC 3339).")],
    consignments: Consignments = None,
    notes: Notes = None,
    bookings: Bookings = None,
    boxes: Annotated[list[str] | None, typer.Option("--box", help="A container.")] = None,
    places: Annotated[
        list[str] | None, typer.Option("--place", help="Of works without goods: scheme:code.")
    ] = None,
    patience: Patience = 120.0,
    as_json: AsJson = False,
) -> None:
    """Sign and publish an offshore deal; repeating it repeats nothing. What changed is stated again: the latest statement counts."""
    settings = CliSettings()
    who = profile_of(settings, party)
    micros(made, "--made")
    named = [
        *(("consignment", each) for each in consignments or ()),
        *(("note", each) for each in notes or ()),
        *(("booking", each) for each in bookings or ()),
        *(("container", each) for each in boxes or ()),
        *(("place", each) for each in places or ()),
    ]
    if not named:
        raise Failure(
            Exit.USAGE, "the deal names no goods", "give --consignment, --note, --booking, --box or --place"
        )
    try:
        content, _ = file_reader.load(file)
        line = line_of(concealing(_draft(content, named, made), who))
    except Refusal as refusal:
        raise unread(file, refusal) from None
    publish_line(settings, who, str(file), line, patience, as_json)


def _draft(content: bytes, named: Iterable[tuple[str, str]], made: str) -> EventDraft:
    said = loads(content.removeprefix(b"\xef\xbb\xbf"))
    if not isinstance(said, dict):
        raise Refusal(Reason.INVALID_SCHEMA, "No object stands here.", "", "Give an object.")
    unknown = next((name for name in said if name not in _MEMBERS), None)
    if unknown is not None:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"The member {unknown[:40]} is not known.",
            f"/{unknown[:40]}",
            f"The members are {', '.join(sorted(_MEMBERS))}.",
        )
    objects = [{"kind": kind, "id": id} for kind, id in dict.fromkeys(named)]
    data = {"classifier": "ACT", "happened": made, "objects": objects, **said}
    digest = hashlib.sha256(orjson.dumps(data, option=orjson.OPT_SORT_KEYS)).hexdigest()
    identity = f"offshore/{str(said.get('reference', ''))[:64]}/{digest[:16]}"
    return EventDraft(Position(), identity, OffshoreDealStated.spec.type, made, data)


def report(deal: Deal, client: Client, key: Key, url: Url = "", as_json: AsJson = False) -> None:
    """Show what class a deal is of, what confirms it along three lines, who said so and what is missing. Exit 3 where something is to be looked at."""
    with calling(url, client, key) as api:
        found = got(api.get(f"/v1/trade/deals/{quote(deal)}")).json()
    if as_json:
        print_json(found)
    else:
        _shown(found)
    lines_missing = any(not each["confirmed"] for each in found["lines"])
    if lines_missing or any(each["verdict"] in ("REVIEW", "CONTRADICTION") for each in found["findings"]):
        raise typer.Exit(Exit.FINDINGS)


def _shown(found: Mapping[str, Any]) -> None:
    out.print(f"{found['deal']}: {found['class']}", markup=False)
    rows = [
        (
            line["line"],
            "yes" if line["confirmed"] else "no",
            "\n".join(_fact(each) for each in line["by"] or ()) or "-",
            ", ".join([*(line["missing"] or ()), *(line["unseen"] or ())]) or "-",
        )
        for line in found["lines"]
    ]
    print_table(("line", "confirmed", "by", "missing"), rows)
    if found["follows_from"]:
        print_table(("in home territory",), [(_fact(each),) for each in found["follows_from"]])
    print_table(
        ("check", "verdict", "reason"),
        [(each["check"], each["verdict"], each["reason"]) for each in found["findings"]],
    )
    for each in found["annotations"]:
        out.print(_decision(each), markup=False)


def _fact(fact: Mapping[str, Any]) -> str:
    where = fact["jurisdiction"] or fact["place"] or ""
    return f"{fact['happened']} {fact['milestone']} {where} by {fact['by']} ({fact['event']['id']})"


def annotate(
    deal: Deal,
    paper: Annotated[
        str,
        typer.Option("--paper", help="KIND/number as the deal states it: INVOICE/INV-1, TRANSPORT/HWB-4."),
    ],
    client: Client,
    key: Key,
    issuer: Annotated[
        str, typer.Option("--issuer", help="SCHEME:number, where the deal's owner did not issue it.")
    ] = "",
    amount: Annotated[
        str, typer.Option("--amount", help='Minor units and currency, "100000 EUR"; all of it by default.')
    ] = "",
    request: Request = "",
    url: Url = "",
    as_json: AsJson = False,
) -> None:
    """Annotate a paper of a deal for a payment, once and up to its amount. Exit 3 where that is refused."""
    kind, _, number = paper.partition("/")
    named: dict[str, Any] = {"kind": kind.upper(), "number": number}
    if issuer:
        scheme, _, id_ = issuer.partition(":")
        named["issuer"] = {"scheme": scheme, "id": id_}
    body = {"request": request or uuid4().hex, "deal": deal, "paper": named}
    if amount:
        body["amount"] = _amount(amount)
    _decided(client, key, url, "/v1/trade/annotations", body, as_json)


def _amount(text: str) -> dict[str, Any]:
    minor, _, currency = text.partition(" ")
    if not minor.isdigit() or not currency:
        raise Failure(Exit.USAGE, f"--amount: {text!r} is no amount", 'write it like --amount "100000 EUR"')
    return {"minor_units": int(minor), "currency_code": currency}


def revoke(
    annotation: Annotated[
        int, typer.Argument(help="The number of the annotation, as the bank was shown it.")
    ],
    client: Client,
    key: Key,
    request: Request = "",
    url: Url = "",
    as_json: AsJson = False,
) -> None:
    """Revoke an annotation of the bank's own. Exit 3 where that is refused."""
    path = f"/v1/trade/annotations/{annotation}/revocations"
    _decided(client, key, url, path, {"request": request or uuid4().hex}, as_json)


def _decided(client: str, key: Path, url: str, path: str, body: Mapping[str, Any], as_json: bool) -> None:
    with calling(url, client, key) as api:
        found = got(api.post(path, json=body)).json()
    if as_json:
        print_json(found)
    else:
        out.print(_decision(found), markup=False)
    if found["outcome"] != "DONE":
        raise typer.Exit(Exit.FINDINGS)


def _decision(found: Mapping[str, Any]) -> str:
    amount = found["amount"]
    how_much = "whole" if amount is None else f"{amount['minor_units']} {amount['currency_code']}"
    why = f": {found['guard']}: {found['satisfied_by']}" if found["guard"] else ""
    return f"{found['action']} {found['kind']} {how_much} of {found['deal']}: {found['outcome']} ({found['annotation'] or found['number']}){why}"
