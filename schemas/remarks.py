"""Remarks on an accepted event: what is doubtful about its ids, places and times, for its publisher; they refuse nothing.

Pure, and the only place where they are made: files, the API, the commands and the metrics show what this gives. The codes are
published (docs/reference/remarks.md) and never change their meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final, NamedTuple

from schemas.events.base import Classifier, Milestone, ObjectKind, ObjectRef, Payload
from schemas.events.correction import Corrected
from schemas.identifiers import quality
from schemas.rfc3339 import format_micros

AHEAD: Final = 5 * 60 * 1_000_000
"""Microseconds by which a fact may lie after its own publication: clocks of two machines differ."""
FUTURE: Final = "time.future"
UNREACHED: Final = "event.unreached"
"""The one remark that is not of the event alone: whoever knows what it reaches makes it by ``remark(UNREACHED, "", "")``."""


class EventRemark(NamedTuple):
    """One remark: its code, the JSON pointer into the payload, the text found there, what is doubtful, and what to do."""

    code: str
    pointer: str
    found: str
    text: str
    remedy: str


_SCHEMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "iso6346": "container number (ISO 6346)",
        "uic_wagon": "wagon number (UIC)",
        "wagon1520": "wagon number (1520)",
        "cn_wagon": "wagon number (China)",
        "wagon": "wagon: CN, 1520 or UIC, a slash and the number",
        "train": "train: company/number/YYYY-MM-DD, with the origin where it is known",
        "mrn": "MRN of the European Union",
        "gacc_declaration": "declaration number of China customs",
        "eaeu_declaration": "declaration number of the Eurasian union",
        "declaration": "declaration: country/number",
        "cim_note": "CIM note",
        "smgs_note": "SMGS note",
        "station1520": "station code of the 1520 network",
        "unlocode": "UN/LOCODE",
        "place": "place",
    }
)
_FORM_REMEDY: Final = (
    "What others publish about the same object will not meet it: publish a correction in the usual form."
)
_MEANINGS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "check_digit": (
            "The check digit disagrees: {scheme}.",
            "Compare it with its source; where it is mistyped, publish a correction.",
        ),
        "form": ("Not in a known form: {scheme}.", _FORM_REMEDY),
        "trap": (
            "This UN/LOCODE is often taken for another place.",
            "Give the station itself (railnet:... or esr:...), or the UN/LOCODE of the place that is meant.",
        ),
        "jurisdiction": (
            "The declaration is named under what is no country.",
            "Name it under the country whose customs gave the number: for an MRN letters 3 and 4.",
        ),
        "unknown": (
            "The rail network here has no such place: no border, route or railway is known for it.",
            "Correct the code where it is mistyped; else ask the operator of the platform to add the place.",
        ),
        "future": (
            "It is said to have happened after the event was published.",
            "Publish what is expected as EST or PLN; where the clock or its zone was wrong, publish a correction.",
        ),
        "unreached": (
            "It reaches no consignment yet.",
            "It counts as soon as a link leads what it is about to a consignment: publish the link where that is yours.",
        ),
    }
)
TEXTS: Final = (
    *(name for scheme, name in _SCHEMES.items() if scheme != "place"),
    *(text for pair in _MEANINGS.values() for text in pair),
)
"""Every text that a remark is made of, to be translated."""
CODES: Final = (
    *(f"{scheme}.form" for scheme in _SCHEMES if scheme != "place"),
    *(
        f"{scheme}.check_digit"
        for scheme in ("iso6346", "uic_wagon", "wagon1520", "mrn", "cim_note", "station1520")
    ),
    "unlocode.trap",
    "declaration.jurisdiction",
    "place.unknown",
    FUTURE,
    UNREACHED,
)
"""Every code that there is."""

_STRINGS: Final = {
    "containers": "container",
    "note": "note",
    "notes": "note",
    "replaces": "note",
    "declaration": "declaration",
    "declarations": "declaration",
    "wagon": "wagon",
    "wagons": "wagon",
    "train": "train",
    "trains": "train",
    "delivered_train": "train",
    "received_train": "train",
    "place": "place",
    "places": "place",
    "next_place": "place",
    "place_of_receipt": "place",
    "place_of_delivery": "place",
    "carrier_acceptance_place": "place",
    "deliver_to": "place",
}
"""Fields of payloads that hold ids of one kind, and the kind by its wire name."""
_REFERENCES: Final = frozenset({"objects", "carries", "covers", "parts", "shares", "cargo", "frees"})
"""Fields that hold references, each with its kind."""
_WIRE: Final = {kind: kind.wire for kind in ObjectKind}


def remarks_of(payload: Payload, published: int) -> tuple[EventRemark, ...]:
    """The remarks on ``payload``, published at ``published`` (UTC microseconds); () for nearly all events.

    About 0.3 microseconds for each id that was seen before.
    """
    if isinstance(payload, Corrected):
        return tuple(_of(payload.replacement.payload, published, "/replacement/data"))
    return tuple(_of(payload, published, ""))


def remarks_on(kind: str, id: str, pointer: str = "") -> tuple[EventRemark, ...]:
    """The remarks on the object ``kind`` (wire name) and ``id`` alone."""
    return tuple(remark(code, pointer, id) for code in quality.flags(kind, id))


def remark(code: str, pointer: str, found: str) -> EventRemark:
    """The remark of ``code`` about the text ``found`` at ``pointer``."""
    return EventRemark(code, pointer, found, *meaning(code, str))


def meaning(code: str, translated: Callable[[str], str]) -> tuple[str, str]:
    """What is doubtful where a remark is ``code``, and what to do; each of ``TEXTS`` in it as ``translated``."""
    scheme, _, what = code.partition(".")
    text, remedy = map(translated, _MEANINGS[what])
    return text.format(scheme=translated(_SCHEMES.get(scheme, scheme))), remedy


def _of(payload: Payload, published: int, at: str) -> Iterator[EventRemark]:
    if (
        isinstance(payload, Milestone)
        and payload.classifier is Classifier.ACT
        and payload.happened_micros > published + AHEAD
    ):
        when = f"{payload.happened}, published {format_micros(published)}"
        yield remark(FUTURE, f"{at}/happened", when)
    values = vars(payload)
    for field, kind in _fields(type(payload)):
        value = values[field]
        if not value:
            continue
        if isinstance(value, str):
            if codes := quality.flags(kind, value):
                yield from (remark(code, f"{at}/{field}", value) for code in codes)
            continue
        for index, each in enumerate(value):
            if isinstance(each, ObjectRef):
                if codes := quality.flags(_WIRE[each.kind], each.id):
                    yield from (remark(code, f"{at}/{field}/{index}/id", each.id) for code in codes)
            elif codes := quality.flags(kind, each):
                yield from (remark(code, f"{at}/{field}/{index}", each) for code in codes)


@cache
def _fields(model: type[Payload]) -> tuple[tuple[str, str], ...]:
    """The fields of ``model`` that hold ids, with the kind of those that are strings."""
    known = ((name, _STRINGS.get(name, "")) for name in model.model_fields)
    return tuple((name, kind) for name, kind in known if kind or name in _REFERENCES)
