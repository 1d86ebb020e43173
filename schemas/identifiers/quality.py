"""Quality flags of the ids on objects: what to doubt about a fact that is accepted all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from functools import lru_cache

from schemas import railnet
from schemas.identifiers import (
    cim_note,
    eaeu_declaration,
    gacc_declaration,
    iso6346,
    mrn,
    smgs_note,
    station1520,
    unlocode,
    wagon,
)
from schemas.identifiers.check_digit import CheckDigit, Identifier
from schemas.identifiers.form import MalformedIdentifier


@lru_cache(maxsize=1 << 16)
def flags(kind: str, id: str) -> tuple[str, ...]:
    """Stable flags ``<scheme>.<what>`` of the object ``kind`` (wire name) and ``id``; never raises.

    ``check_digit``: well-formed, but the check digit disagrees. ``form``: not of the scheme's form.
    ``trap``: a UN/LOCODE that misleads. Empty where there is nothing to doubt, or nothing is known to check.
    """
    check = _CHECKS.get(kind)
    return () if check is None else tuple(check(id))


def _judge(scheme: str, parse: Callable[[str], Identifier], text: str) -> Iterator[str]:
    try:
        wrong = parse(text).check is CheckDigit.WRONG
    except MalformedIdentifier:
        yield f"{scheme}.form"
    else:
        if wrong:
            yield f"{scheme}.check_digit"


def _container(id: str) -> Iterator[str]:
    return _judge("iso6346", iso6346.parse, id)


def _wagon(id: str) -> Iterator[str]:
    schemes = {"UIC": "uic_wagon", "1520": "wagon1520", "CN": "cn_wagon"}
    return _judge(schemes.get(id.partition("/")[0].strip().upper(), "wagon"), wagon.parse, id)


def _declaration(id: str) -> Iterator[str]:
    jurisdiction, slash, number = id.partition("/")
    jurisdiction = jurisdiction.strip().upper()
    if not slash:
        return iter(("declaration.form",))
    match railnet.customs_union(jurisdiction):
        case railnet.CustomsUnion.CN:
            return _judge("gacc_declaration", gacc_declaration.parse, number)
        case railnet.CustomsUnion.EAEU:
            return _judge("eaeu_declaration", eaeu_declaration.parse, number)
        case railnet.CustomsUnion.EU:
            return _judge("mrn", mrn.parse, number)
        case _:
            return iter(())


def _note(id: str) -> Iterator[str]:
    if id.lstrip()[:4].upper() == "CIM/":
        yield from _judge("cim_note", cim_note.parse, id)
        return
    yield from _judge("smgs_note", smgs_note.parse, id)
    parts = [part.strip() for part in id.split("/")]
    if len(parts) == 5 and len(parts[2]) == 6 and parts[2].isdigit() and _is_eaeu(parts[1].upper()):
        yield from _judge("station1520", station1520.parse, parts[2])


def _place(id: str) -> Iterator[str]:
    scheme, _, code = id.strip().partition(":")
    if scheme == "esr":
        yield from _judge("station1520", station1520.parse, code)
    elif scheme == "locode":
        yield from _judge("unlocode", unlocode.parse, code)
        misleading = railnet.trap(f"locode:{code}")
        if misleading is not None and misleading.use and misleading.kind is not railnet.TrapKind.TWICE:
            yield "unlocode.trap"


def _train(id: str) -> Iterator[str]:
    """A train is one run: company, number and service date, and the origin where the sender knows it."""
    parts = [part.strip() for part in id.split("/")]
    if len(parts) not in (3, 4) or not all(parts) or not _is_day(parts[2]):
        yield "train.form"


def _is_day(text: str) -> bool:
    try:
        return len(text) == 10 and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _is_eaeu(country: str) -> bool:
    return railnet.customs_union(country) is railnet.CustomsUnion.EAEU


_CHECKS: dict[str, Callable[[str], Iterator[str]]] = {
    "container": _container,
    "wagon": _wagon,
    "declaration": _declaration,
    "note": _note,
    "place": _place,
    "train": _train,
}
