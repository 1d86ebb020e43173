"""Amounts and parties of trade papers: integer minor units, and companies by number, never a natural person."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.events.base import Wire


class Amount(Wire):
    """Money in minor units of its currency (ISO 4217): 12.34 EUR is 1234."""

    minor_units: Annotated[int, Field(ge=0, le=10**15)]
    currency_code: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class TradeParty(Wire):
    """A company by one of its public numbers, or by the code under which it is registered here (PARTY).

    Numbers that can belong to a natural person (a 12-digit INN, an IIN, a PESEL) are not for this field.
    """

    scheme: Literal["PARTY", "USCC", "LEI", "EORI", "INN", "OGRN", "BIN", "UNP", "NIP"]
    id: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z-]{1,39}$")]
