"""The stories' shorthand for what partners write: one small translation for each kind of field."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .story import Story

PLACED = (
    "place",
    "next_place",
    "deliver_to",
    "place_of_receipt",
    "place_of_delivery",
    "carrier_acceptance_place",
)
PARTIES = ("counterparty", "authority", "consignee", "party", "bank", "debtor", "against")
REFERENCES = ("concerns", "consent", "dispute", "request")
"""Fields of credit and finance that name an event; a story writes its short id."""
WITHOUT_TIME = ("consent_revoked", "dispute_opened", "dispute_resolved")


def full_type(short: str) -> str:
    """The type on the wire: version 1 where the story names none."""
    return f"cre.{short}" if re.search(r"\.v\d+$", short) else f"cre.{short}.v1"


def instant(text: str) -> str:
    """A time of a story as RFC 3339: seconds are added where they were left out."""
    return re.sub(r"(T\d\d:\d\d)(Z|[+-])", r"\1:00\2", str(text))


def place(name: str) -> str:
    return name if ":" in name else f"railnet:{name}"


def check_digit(owner: str, serial: str) -> str:
    """The check digit of a container number: letters count 10, 12, 13 ... without multiples of 11 (ISO 6346)."""
    values = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", (n for n in range(10, 39) if n % 11), strict=True))
    total = sum((values.get(char) or int(char)) * 2**i for i, char in enumerate(owner + serial))
    return str(total % 11 % 10)


def containers(text: str) -> Iterator[str]:
    """The container numbers that ``text`` names: one number, or a range ``TBJU 700001-700050`` without check digits."""
    ranged = re.fullmatch(r"([A-Z]{4}) (\d{6})-(\d{6})", text)
    if ranged is None:
        yield text
        return
    owner, first, last = ranged.groups()
    for number in range(int(first), int(last) + 1):
        serial = f"{number:06}"
        yield f"{owner} {serial} {check_digit(owner, serial)}"


def payload_of(story: Story, type_: str, says: dict[str, Any], at: str) -> dict[str, Any]:
    """The payload's fields from the story's shorthand, without the salt."""
    body = {field: _field(story, field, value) for field, value in says.items()}
    if type_.startswith("cre.correction."):
        body["target"] = f"{story.slug}/{body.pop('of')}"
        body.setdefault("reason", "OTHER")
        if "instead" in says:
            instead = dict(says["instead"])
            kind = full_type(instead.pop("type"))
            data = payload_of(story, kind, instead, at)
            body["replacement"] = {"type": kind, "data": {"salt": "00" * 16, **data}}
            del body["instead"]
    elif type_ == "cre.network.restriction_lifted.v1":
        of = next(event for event in story.events if event["id"] == says["restriction"])
        body["restriction"] = {"source": story.source(of["by"]), "id": f"{story.slug}/{of['id']}"}
        body.setdefault("at", at)
    elif type_.startswith(("cre.link.", "cre.network.", "cre.credit.consent_granted.")):
        body.setdefault("from", at)
    elif type_.startswith("cre.finance."):
        body.setdefault("happened", at)
    elif type_.split(".")[2] in WITHOUT_TIME:
        pass
    else:
        body.setdefault("classifier", "ACT")
        body.setdefault("happened", at)
    return body


def _field(story: Story, field: str, value: Any) -> Any:
    """One field of the payload from the story's shorthand."""
    match field:
        case "objects" | "carries" | "covers" | "parts":
            return [ref for text in _list(value) for ref in refs(story, text)]
        case "delivered_train" | "received_train" | "train" if " " in str(value):
            return next(refs(story, value))
        case "containers":
            return [_mark(story, "container", number) for text in _list(value) for number in containers(text)]
        case "wagons" | "notes" | "bookings" | "replaces" | "consignments" | "trains" | "declarations":
            kind = {"replaces": "note"}.get(field, field.rstrip("s"))
            return [_mark(story, kind, text) for text in _list(value)]
        case "wagon" | "note" | "booking" | "declaration" | "consignment" | "train":
            return _mark(story, field, value)
        case "application" | "financing":
            return story.consignment(value)
        case "occurrence":
            return f"{value}{story.scope}"
        case "places":
            return [place(name) for name in value]
        case "parties":
            return [_party(story, entry) for entry in value]
        case "relay":
            message = str(value["message"]).encode()
            return {
                "authority": story.party(value["authority"]),
                "message_sha256": hashlib.sha256(message).hexdigest(),
                "message_b64": base64.b64encode(message).decode(),
            }
        case "happened" | "from" | "to" | "at" | "time_limit" | "cut_off" | "ends_at":
            return instant(value)
        case "dataset" if "owner" in value:
            return {**value, "owner": story.party(value["owner"])}
        case _ if field in REFERENCES and (by := _publisher(story, value)) is not None:
            return {"source": story.source(by), "id": f"{story.slug}/{value}"}
        case _ if field in PLACED:
            return place(value)
        case _ if field in PARTIES:
            return story.party(value)
        case _:
            return value


def _publisher(story: Story, short: str) -> str | None:
    """Who publishes the event of that short id; None where the story has none, and the text stands for itself."""
    return next((event["by"] for event in story.events if event["id"] == short), None)


def _party(story: Story, entry: Any) -> Any:
    """``code`` (a link names a party) or ``{code: role}`` (a founding names a party and its role)."""
    if isinstance(entry, str):
        return story.party(entry)
    ((code, role),) = entry.items()
    return {"party": story.party(code), "role": role}


def refs(story: Story, text: str) -> Iterator[dict[str, str]]:
    """The objects that ``text`` names (``kind id``, of boxes also a range), as events refer to them."""
    kind, _, id_ = text.partition(" ")
    for each in containers(id_) if kind == "container" else (id_,):
        yield {"kind": kind, "id": _mark(story, kind, each)}


def _mark(story: Story, kind: str, id_: str) -> str:
    """The id in the story's universe: parties by their codes, everything else by a mark at its end."""
    if kind == "train" and id_.count("/") == 3:
        *front, origin = id_.split("/")
        id_ = "/".join((*front, place(origin)))
    if not story.scope:
        return id_
    if kind in ("consignment", "booking"):
        return story.consignment(id_)
    if kind == "train":
        company, number, *rest = id_.split("/")
        return "/".join((company, f"{number}{story.scope}", *rest))
    return f"{id_}{story.scope}"


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
