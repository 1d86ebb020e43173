"""Containers, wagons, seals and trains in partners' spellings, normalised to the form of the events.

A wrong check digit is a remark, never a refusal: the fact is stored under the number as written.
"""

from __future__ import annotations

import re

from schemas.identifiers import MalformedIdentifier, wagon
from schemas.reasons import Reason, Refusal
from services.producers.formats.sheets.grid import Flaw, Scalar
from services.producers.formats.sheets.quantities import plain

_BOX = re.compile(r"(?<![A-Z0-9])([A-Z]{3}[UJZ])[\s-]*([0-9O](?:[\s-]?[0-9O]){5})[\s-]*([0-9O])(?![A-Z0-9])")
_BESIDE_BOX = re.compile(
    r"(?:[\s/;,、()\[\]甲乙丙丁]|(?<![A-Z0-9])(?:[0-9L][0-9A-Z](?:[A-Z][0-9A-Z]|HC|HQ|GP|DV|DC|OT|FR|RF|RH|TK|PW)|20|40|45)(?:'|尺)?(?![A-Z0-9]))*"
)
"""What may stand with a container's number and says nothing of its own: separators, the box's type, and ordinals (甲)."""
_DOMESTIC = re.compile(
    r"(?<![A-Z0-9])(TB[A-Z]{0,2}[0-9]{6,7})(?![A-Z0-9])"
)  # boxes of China Railway, no ISO check
_WAGON_NUMBER = re.compile(
    r"(?<![0-9])(?:[0-9]{2}[ -]?[0-9]{2}[ -]?[0-9]{4}[ -]?[0-9]{3}[ -]?[0-9]|[0-9]{7,8})(?![0-9])"
)
_WAGON_ALONE = re.compile(
    r"(?:NO\.?\s*|[A-Z]{1,4}[0-9]{1,3}[A-Z]{0,3}[\s/-]*|[XNCPGBJD][\s/]+)?#(?:[\s/]+[A-Z]{1,4}[0-9]{1,3}[A-Z]{0,3})?"
)
"""A wagon's number as a whole cell, with its type at most."""
_SEAL_SEPARATORS = re.compile(r"[\s/;,、；，]+")
_SEAL_WORDS = frozenset({"铅封", "封号", "封", "ПЛОМБА", "ПЛОМБЫ", "ЗПУ", "SEAL", "SEALS"})
_SEAL = re.compile(r"[0-9A-Z][0-9A-Z.-]{0,19}")
_TRAIN = re.compile(r"(?<![0-9A-Z])([A-Z]{0,3}[0-9]{2,6})(?![0-9A-Z-])")
_BESIDE_TRAIN = re.compile(r"[\s/,;、()\[\]]|次列?车?|^(?:NO|ПОЕЗД|TRAIN|NO\.)(?![A-ZА-Я])")
_TRAIN_IN_TITLE = re.compile(
    r"(?<![0-9A-Z])([A-Z]{0,2}[0-9]{3,6})\s*次|(?<![0-9A-Z])(?=X[89][0-9]{3})([A-Z0-9]{5})(?![0-9A-Z])"
)
_TEU = (
    (re.compile(r"^(L5|45(HC|HQ|尺|'))"), 9),
    (re.compile(r"^(40|4[0-9A-Z]?[A-Z]|42|45)"), 8),
    (re.compile(r"^(2[0-9])"), 4),
)


def boxes(value: Scalar | None) -> list[str]:
    """The containers of a cell, in order; raises Refusal where the cell is filled and names none."""
    text = _text(value).upper()
    if not text:
        return []
    found = {match.start(): match[1] for match in _DOMESTIC.finditer(text)}
    found.update((match.start(), _box(*match.groups())) for match in _BOX.finditer(text))
    if not found:
        raise _refuse(
            f"{text[:40]!r} is no container number.",
            "Give 4 letters and 7 digits, such as CSQU3054383, one to a line where there are several.",
        )
    rest = _BOX.sub(" ", _DOMESTIC.sub(" ", text)).strip()
    if not _BESIDE_BOX.fullmatch(rest):
        raise _refuse(
            f"In {text[:40]!r}, {rest[:40]!r} beside the container is not understood.",
            "Give the numbers alone, one to a line where there are several; write the rest into the remarks.",
        )
    return [found[start] for start in sorted(found)]


def wagon_of(value: Scalar | None) -> str:
    """The wagon of a cell as ``network/number``, by the number's length; raises Refusal for none or several."""
    text = _text(value).upper()
    numbers = _WAGON_NUMBER.findall(text)
    if len(numbers) != 1:
        if isinstance(value, float):
            raise _refuse(
                f"The number {text} has {len(text)} digits, and a wagon 7, 8 or 12.",
                "Format the column as text, so that zeros at the beginning stay.",
            )
        what = "no wagon number" if not numbers else "more than one wagon number"
        raise _refuse(f"{text[:40]!r} is {what}.", "Give 7 (China), 8 (1520) or 12 digits (UIC).")
    rest = _WAGON_NUMBER.sub("#", text).strip()
    if not _WAGON_ALONE.fullmatch(rest):
        raise _refuse(
            f"In {text[:40]!r}, {rest.replace('#', '').strip()[:40]!r} beside the wagon is not understood.",
            "Give the number, or the type and the number; write the rest into the remarks.",
        )
    try:
        parsed = wagon.parse(re.sub(r"[ -]", "", numbers[0]))
    except MalformedIdentifier as problem:
        raise _refuse(str(problem), "Give 7 (China), 8 (1520) or 12 digits (UIC).") from None
    return f"{parsed.network}/{parsed.number}"


def looks_like_wagon(value: Scalar | None) -> bool:
    """Whether the cell holds one number of a wagon's length."""
    return not isinstance(value, Flaw) and len(_WAGON_NUMBER.findall(plain(value))) == 1


def looks_like_box(value: Scalar | None) -> bool:
    """Whether the cell holds a container number."""
    return isinstance(value, str) and _BOX.search(plain(value).upper()) is not None


def seals(value: Scalar | None) -> tuple[list[str], list[str]]:
    """The seals of a cell, and the text in it that is no seal; a seal stored as a number loses its decimal part."""
    good: list[str] = []
    bad: list[str] = []
    for part in _SEAL_SEPARATORS.split(_text(value).upper()):
        if part and part not in _SEAL_WORDS:
            (good if _SEAL.fullmatch(part) else bad).append(part)
    return good, bad


def train_numbers(text: str) -> list[str]:
    """The train numbers in ``text``, such as ``X8999 / 1402`` or ``X8999次``; raises Refusal for any other text beside them.

    Text without any yields none: a service code is no train number.
    """
    upper = plain(text).upper()
    found = list(dict.fromkeys(_TRAIN.findall(upper)))
    rest = _BESIDE_TRAIN.sub(" ", _TRAIN.sub(" ", upper)).strip()
    if found and rest:
        raise _refuse(
            f"In {text[:40]!r}, {rest[:40]!r} beside the train number is not understood.",
            "Give the number alone, or the two numbers of a border parted by a slash.",
        )
    return found


def train_in_title(text: str) -> str:
    """The train number that a title names (``X8999次``), "" where it names none or several."""
    matches = _TRAIN_IN_TITLE.finditer(plain(text).upper())
    named = list(dict.fromkeys(match[1] or match[2] for match in matches))
    return named[0] if len(named) == 1 else ""


def quarter_teu(value: Scalar | None) -> int | None:
    """Four times the TEU of a container type such as 40HC, 20GP*2 or L5G1; None where it is not given."""
    text = plain(value).upper().replace("’", "'").replace(" ", "")
    return next((teu for pattern, teu in _TEU if pattern.match(text)), None)


def _box(owner: str, serial: str, given: str) -> str:
    digits = re.sub(r"[\s-]", "", serial + given).replace("O", "0")
    return owner + digits


def _text(value: Scalar | None) -> str:
    if isinstance(value, Flaw):
        raise _refuse(
            f"The cell holds {value.value}.", "Open the file in the program that made it and save it again."
        )
    return plain(value)


def _refuse(detail: str, remedy: str) -> Refusal:
    return Refusal(Reason.INVALID_SCHEMA, detail, "", remedy)
