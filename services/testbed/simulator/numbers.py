"""Numbers that a simulated world gives to its boxes, wagons, trains and papers: well-formed, with check digits."""

from __future__ import annotations

from datetime import date
from random import Random

# ISO 6346: letters count from 10 on, multiples of 11 left out.
_LETTERS = dict(
    zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", (n for n in range(10, 39) if n % 11), strict=True),
)
CODE = {
    "cr": "CN",
    "ktz": "1520",
    "rzd": "1520",
    "bch": "1520",
    "ubtz": "1520",
    "pkp": "UIC",
    "db": "UIC",
}
"""The numbering of wagons by railway."""


def container(serial: int, owner: str = "LYSU") -> str:
    """The container number (ISO 6346) of the ``serial``-th box of ``owner``."""
    body = f"{owner}{100_000 + serial % 900_000:06d}"
    return f"{body}{_powers(body) % 10}"


def transposed(number: str) -> str:
    """The number with two neighbouring digits changed over, as people type it wrong; never the number itself."""
    for place in range(len(number) - 2, 3, -1):
        if number[place] != number[place + 1]:
            return f"{number[:place]}{number[place + 1]}{number[place]}{number[place + 2 :]}"
    return f"{number[:-1]}{(int(number[-1]) + 1) % 10}"


def wagon(railway: str, serial: int) -> str:
    """The number of the ``serial``-th wagon of ``railway``, as on the wire."""
    code = CODE[railway]
    if code == "CN":
        return f"CN/{5_200_000 + serial:07d}"
    series, number = divmod(serial, 100_000)  # 94 to 99 on 1520 mm: enough for ten times the traffic of today
    body = f"{94 + series % 6}{number:05d}" if code == "1520" else f"3151{45 + series % 50}{number:05d}"
    return f"{code}/{body}{_luhn(body)}"


def transit(country: str, year: str, serial: int) -> str:
    """A transit declaration of the European Union as on the wire: the 18 characters of a movement reference number."""
    stem = f"{year[2:]}{country}SIM{serial:09d}J"
    return f"{country}/{stem}{_powers(stem) % 10}"


def transit_before(holder: str, year: str, serial: int, country: str) -> str:
    """The same declaration before it has that number: by its holder and the holder's own reference."""
    return f"{country}/LRN/{holder}/SIM{year[2:]}{serial:08d}"


def eaeu_transit(post: str, day: date, serial: int, country: str) -> str:
    """A transit declaration of the Eurasian union as on the wire: post, day and serial number."""
    return f"{country}/{post}/{day:%d%m%y}/{5_000_000 + serial:07d}"


def _powers(text: str) -> int:
    return sum(_LETTERS.get(char, ord(char) - 48) << place for place, char in enumerate(text)) % 11


def _luhn(body: str) -> int:
    total = 0
    for place, digit in enumerate(reversed(body)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return -total % 10


def train(railway: str, day: str, number: int, origin: str) -> str:
    """A train as on the wire: company, number, service date and origin."""
    return f"{railway}/{8_000 + number}/{day}/railnet:{origin}"


def note(form: str, country: str, station: str, serial: int, year: str) -> str:
    """A consignment note as on the wire."""
    return f"{form}/{country}/{station}/{serial:07d}/{year}"


def declaration(country: str, random: Random, year: str, *, enters: bool = False) -> str:
    """A customs declaration as on the wire, in the length of its country's numbering; ``enters`` is an import."""
    digits = "".join(random.choice("0123456789") for _ in range(10))
    if country == "CN":
        return f"CN/9008{year}{int(enters)}{digits[1:]}"
    return f"{country}/{year[2:]}{country}{digits}SIM0"
