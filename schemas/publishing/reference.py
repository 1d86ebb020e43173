"""The reference pages of the contract: reasons, the forms of identifiers, and the codes of places; as text and as data."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from schemas import railnet, remarks
from schemas.events import wire
from schemas.identifiers import (
    cim_note,
    eaeu_declaration,
    gacc_declaration,
    iso6346,
    mrn,
    note_key,
    station1520,
    unlocode,
    wagon,
)
from schemas.reasons import MEANINGS

Json = dict[str, Any]

_STATION: Final = r"[0-9A-Z][0-9A-Z_-]{0,31}"
_DAY: Final = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_PLACE: Final = r"[a-z]{2,12}:[0-9A-Za-z][0-9A-Za-z_.-]{0,63}"
_PARTY: Final = r"[a-z0-9][a-z0-9-]{1,39}"
_TEXT: Final = r"[^/]+"


class Written(NamedTuple):
    """One form of an identifier: the kind of object, the scheme, the whole id as an expression of ECMA 262, and one that is right."""

    kind: str
    scheme: str
    pattern: str
    example: str
    check: str
    codes: tuple[str, ...]


def _members(union: railnet.CustomsUnion) -> str:
    return "|".join(sorted(each for each in railnet.countries() if railnet.customs_union(each) is union))


def forms() -> tuple[Written, ...]:
    """Every form, in the order of the page; ``codes`` are the remarks on an id that is not of it or has another check digit."""
    luhn, powers = "Luhn", "ISO 6346"
    eaeu, union = _members(railnet.CustomsUnion.EAEU), _members(railnet.CustomsUnion.EU)
    return (
        Written("container", "iso6346", _whole(iso6346.FORM.pattern.pattern), "CSQU3054383", powers, _codes("iso6346")),
        Written("wagon", "uic_wagon", _whole(f"UIC/{wagon.UIC.pattern.pattern}"), "UIC/218124712173", luhn, _codes("uic_wagon")),
        Written("wagon", "wagon1520", _whole(f"1520/{wagon.BROAD.pattern.pattern}"), "1520/62439641", luhn, _codes("wagon1520")),
        Written("wagon", "cn_wagon", _whole(f"CN/{wagon.CHINA.pattern.pattern}"), "CN/X705281234", "", _codes("cn_wagon")),
        Written("train", "train", _whole(f"[0-9A-Za-z-]+/[0-9A-Za-z-]+/{_DAY}(/{_PLACE})?"), "cr/X8086/2026-03-01/locode:CNXIA", "", _codes("train")),
        Written("note", "smgs_note", _whole(f"(SMGS|CIMSMGS)/{_after_form()}"), "CIMSMGS/CN/33100/0070268/2026", "", _codes("smgs_note")),
        Written("note", "cim_note", _whole(f"CIM/[A-Z]{{2}}/{_STATION}/{cim_note.NUMBER.pattern.pattern}/(19|20)[0-9]{{2}}"), "CIM/PL/51021/702688/2026", luhn, _codes("cim_note")),
        Written("declaration", "gacc_declaration", _whole(f"CN/{gacc_declaration.FORM.pattern.pattern}"), "CN/900120260000000417", "", _codes("gacc_declaration")),
        Written("declaration", "eaeu_declaration", _whole(f"({eaeu})/{eaeu_declaration.FORM.pattern.pattern}"), "RU/10702070/010125/5000123", "", _codes("eaeu_declaration")),
        Written("declaration", "mrn", _whole(f"({union})/{mrn.FORM.pattern.pattern}"), "PL/26PL301010NU5G7BJ0", powers, _codes("mrn")),
        Written("declaration", "declaration", _whole(f"[A-Z]{{2}}/LRN/{_TEXT}/{_TEXT}"), "PL/LRN/PL1234567890/SF-55120", "", _codes("declaration")),
        Written("place", "railnet", _whole("(railnet|crossing):[a-z0-9][a-z0-9-]*"), "railnet:dostyk", "", ("place.unknown",)),
        Written("place", "unlocode", _whole(f"locode:{unlocode.FORM.pattern.pattern}"), "locode:PLMAA", "", (*_codes("unlocode"), "place.unknown")),
        Written("place", "station1520", _whole(f"esr:{station1520.FORM.pattern.pattern}"), "esr:708403", "weights 1 to 5, modulo 11", (*_codes("station1520"), "place.unknown")),
        Written("place", "plc, uic, telecode", _whole("(plc|uic|telecode):[0-9A-Z]+"), "telecode:XAY", "", ("place.unknown",)),
        Written("place", "line, tmis", _whole("(line|tmis):[0-9A-Za-z][0-9A-Za-z_.-]{0,63}"), "line:dostyk-aktogay", "", ()),
        Written("consignment, booking", "party's own", _whole(f"{_PARTY}/.+"), "xianport/CRE-2026-000417", "", ()),
    )  # fmt: skip


def _whole(pattern: str) -> str:
    return f"^{pattern.replace('(?:', '(').replace('{1}', '')}$"


def _after_form() -> str:
    return note_key.FORM.pattern.pattern.partition(")/")[2]


def _codes(scheme: str) -> tuple[str, ...]:
    return tuple(code for code in remarks.CODES if code.startswith(f"{scheme}."))


ATTRIBUTES: Final = (
    ("ce_time, and every time of a payload", wire.TIME_PATTERN),
    ("salt", "^[0-9a-f]{32}$"),
    ("key id", "^[0-9a-f]{16}$"),
    ("code of a party", f"^{_PARTY}$"),
    ("place", f"^{_PLACE}$"),
)
"""Other texts with a form of their own."""

CLOCKS: Final = (
    ("the window of a key", "the broker's append time of the record, over HTTP too; [not_before, not_after)"),
    ("ce_time", "at most 5 minutes after the broker's append time, else CLOCK_SKEW; before it without limit"),
    (
        "happened of an ACT fact",
        "at most 5 minutes after ce_time; beyond that accepted with the remark time.future",
    ),
    ("happened of EST and PLN", "any instant from 1970 to 2100"),
)
"""Which clock counts for what."""


def reasons_page() -> str:
    """Every reason of refusal with meaning and remedy."""
    rows = ((f"`{reason}`", meaning.meaning, meaning.remedy) for reason, meaning in MEANINGS.items())
    return (
        "# Reasons of refusal\n\nGenerated. A code is stable: never renamed, never reused. Each refusal also has its own `detail` and, where "
        "it is about a\npart of the event, a `pointer`: a JSON pointer into the payload, or `header:<name>`. The remedy of a refusal may be more "
        "exact than the one here.\nWhat is accepted with a doubt has [remarks](../../docs/reference/remarks.md) instead.\n\n"
        + _table(("reason", "meaning", "what to do"), rows)
    )


def identifiers_page() -> str:
    """The forms of identifiers, the clocks, and where the codes of places are."""
    rows = (
        (each.kind, each.scheme, f"`{each.pattern.replace('|', chr(92) + '|')}`", f"`{each.example}`", each.check, ", ".join(f"`{code}`" for code in each.codes))
        for each in forms()
    )  # fmt: skip
    others = ((name, f"`{pattern.replace('|', chr(92) + '|')}`") for name, pattern in ATTRIBUTES)
    return (
        "# Identifiers\n\nGenerated from what judges them; `identifiers.json` has the same as data. The expressions are of ECMA 262, in the spelling that "
        "everybody's\nids are compared in: upper case, without blanks, hyphens and dots inside numbers, which you may write and which are dropped. An "
        "id of another form is\naccepted with the remarks named here, but what others publish about the same object does not meet it; a check digit "
        "is no reason of refusal either.\n\n"
        + _table(("object", "scheme", "whole id", "example", "check digit", "remarks"), rows)
        + "\n## Other texts\n\n"
        + _table(("text", "form"), others)
        + "\n## Clocks\n\n"
        + _table(("what", "by which clock, and how far"), CLOCKS)
        + "\n## Places\n\n[places.csv](places.csv) has every station and crossing that is known, with its codes in each scheme. A place of another code is accepted "
        "with the remark\n`place.unknown`; several codes of one station are one place.\n"
    )


def identifiers_data() -> Json:
    """``identifiers_page`` for programs."""
    return {
        "forms": [each._asdict() for each in forms()],
        "texts": [{"text": name, "pattern": pattern} for name, pattern in ATTRIBUTES],
        "clocks": [{"what": what, "rule": rule} for what, rule in CLOCKS],
    }


def reasons_data() -> Json:
    """``reasons_page`` for programs."""
    return {str(reason): meaning._asdict() for reason, meaning in MEANINGS.items()}


_COLUMNS: Final = ("place", "country", "name", "zh", "ru", "locode", "esr", "esr_border", "plc", "uic", "telecode", "time_zone")  # fmt: skip


def places_csv() -> str:
    """Every station and crossing with its codes; several of one scheme stand with blanks between them."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(_COLUMNS)
    rows.writerows(_places())
    return out.getvalue()


def _places() -> Iterator[tuple[str, ...]]:
    for each in railnet.stations().values():
        locodes = " ".join(filter(None, (each.locode, *each.locode_also)))
        codes = (locodes, each.esr, " ".join(each.esr_border), each.plc, each.uic, each.telecode)
        named = (each.names.en, each.names.zh, each.names.ru)
        yield tuple(text or "" for text in (each.place, each.country, *named, *codes, each.tz))
    for crossing in railnet.crossings().values():
        name = f"{crossing.a.station} - {crossing.b.station}"
        yield (f"crossing:{crossing.id}", "", name, *("",) * (len(_COLUMNS) - 3))


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = tuple(columns)
    lines = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join((f"| {' | '.join(columns)} |", "|" + "---|" * len(columns), *lines)) + "\n"
