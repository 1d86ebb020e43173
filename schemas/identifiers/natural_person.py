"""Numbers and names of natural persons, which no event and no paper that is read may carry."""

from __future__ import annotations

from schemas.identifiers import uscc
from schemas.identifiers.check_digit import CheckDigit
from schemas.identifiers.form import MalformedIdentifier

_PRIVATE = ("ип ", "индивидуальный предприниматель", "гр. ", "гражданин", "жеке кәсіпкер", "чп ")


def is_private(number: str, name: str, scheme: str = "") -> bool:
    """Whether a party is a natural person by its number or its name: a Russian INN of 12 digits, an OGRNIP of 15, a Kazakh IIN,
    a Chinese identity number.
    """
    if name.casefold().startswith(_PRIVATE):
        return True
    if number.isdigit() and len(number) == 12:
        return scheme != "BIN" or number[4] not in "45"  # the fifth digit: 4 and 5 are legal persons
    if number.isdigit() and len(number) == 15:
        return True
    if len(number) != 18 or not number[:17].isdigit() or not (number[17].isdigit() or number[17] in "Xx"):
        return False
    try:
        if uscc.parse(number).check is not CheckDigit.WRONG:
            return False
    except MalformedIdentifier:
        pass
    return number[6:8] in ("19", "20") and "01" <= number[10:12] <= "12" and "01" <= number[12:14] <= "31"
