"""Wagon numbers of China Railway, the 1520 networks and UIC (EVN).

On the wire a wagon is ``CN|1520|UIC/number``; a bare number is recognised by its length (7, 8 or 12 digits).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from schemas.identifiers.check_digit import CheckDigit, agrees, luhn
from schemas.identifiers.form import DIGIT, Form, fixed

Network = Literal["CN", "1520", "UIC"]

UIC = fixed("uic_wagon", "12 digits, such as 21-81-2471217-3", *((DIGIT, n) for n in (2, 2, 4, 3, 1)))
BROAD = fixed("wagon1520", "8 digits, such as 62439641", *((DIGIT, n) for n in (1, 6, 1)))
CHINA = Form(
    "cn_wagon",
    re.compile(r"([A-Z]{1,3}(?:[0-9]{1,2}[A-Z]{0,3})?)?([0-9]{7})", re.ASCII),
    "7 digits, with or without the type before them, such as X70 5281234",
)
_KEY = Form(
    "wagon",
    re.compile(r"(?:(CN|1520|UIC)/)?([0-9A-Z]+)", re.ASCII),
    "CN, 1520 or UIC, a slash and the number",
    separators=" -.",
)
_NETWORKS: dict[str, Network] = {"CN": "CN", "1520": "1520", "UIC": "UIC"}
_BY_LENGTH: dict[int, Network] = {7: "CN", 8: "1520", 12: "UIC"}


@dataclass(frozen=True, slots=True)
class Wagon:
    """A wagon number; ``type`` is the Chinese type, the 1520 class digit or the UIC interchange code.

    ``country`` is the two-digit UIC code of the country, only of UIC wagons.
    """

    text: str
    network: Network
    number: str
    type: str
    country: str | None
    check: CheckDigit


def parse(text: str) -> Wagon:
    """The wagon in ``text``, ``network/number`` or a bare number; raises MalformedIdentifier."""
    named, number = _KEY.parts(text)
    network = _NETWORKS[named] if named else _BY_LENGTH.get(len(number))
    if network is None:
        raise _KEY.malformed(
            text, f"no network, and {len(number)} characters instead of 7, 8 or 12", "its length"
        )
    return parse_number(network, number)


def parse_number(network: Network, number: str) -> Wagon:
    """The wagon ``number`` of ``network``; China publishes no check digit. Raises MalformedIdentifier."""
    if network == "UIC":
        kind, country, technical, serial, given = UIC.parts(number)
        stem = kind + country + technical + serial
        return Wagon(f"UIC/{stem}{given}", network, stem + given, kind, country, agrees(luhn(stem), given))
    if network == "1520":
        kind, rest, given = BROAD.parts(number)
        stem = kind + rest
        return Wagon(f"1520/{stem}{given}", network, stem + given, kind, None, agrees(luhn(stem), given))
    kind, digits = CHINA.parts(number)
    return Wagon(f"CN/{kind}{digits}", network, digits, kind, None, CheckDigit.NONE)
