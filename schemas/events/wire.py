"""The field types of the wire: constrained strings and numbers, checked inside pydantic's own core.

The patterns are written so that ECMA 262, Python and Rust read them alike; the published JSON Schema carries them.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, core_schema

from schemas.events.vocabulary import ObjectKind, Role

# Printable, no control, no bidirectional or zero-width characters, no blank at either end.
_HIDDEN = r"\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
_PRINTABLE = rf"^[^\u0020\u00a0{_HIDDEN}]([^{_HIDDEN}]*[^\u0020\u00a0{_HIDDEN}])?$"
LINE = rf"^[^{_HIDDEN}]*$"
TIME_PATTERN = (
    r"^(19[7-9][0-9]|20[0-9]{2}|2100)-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)

Salt = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{32}$"),
    Field(description="16 bytes in lower hex, derived from the publisher's secret and the source record."),
]
Sha256Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Base64 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]+={0,2}$", min_length=4, max_length=21_848)]
"""Up to 16 KiB of bytes in base64."""
Time = Annotated[
    str,
    StringConstraints(pattern=TIME_PATTERN),
    Field(
        description="RFC 3339 date-time with an offset, to at most microseconds.",
        json_schema_extra={"format": "date-time"},
    ),
]
Date = Annotated[
    str,
    StringConstraints(pattern=r"^(19[7-9][0-9]|20[0-9]{2}|2100)-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"),
]
Place = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z]{2,12}:[0-9A-Za-z][0-9A-Za-z_.-]{0,63}$"),
    Field(
        description="scheme:code with scheme railnet, crossing, line, locode, esr, plc, uic, telecode or tmis, "
        "for example locode:PLMAA."
    ),
]
PartyCode = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{1,39}$"),
    Field(description="The code under which a party is registered."),
]
Jurisdiction = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z]{2}$"),
    Field(description="ISO 3166-1 alpha-2 of the country whose customs administration it is; EU is none."),
]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Identifier = Annotated[str, StringConstraints(pattern=_PRINTABLE, min_length=1, max_length=128)]
OwnReference = Annotated[
    str,
    StringConstraints(
        pattern=rf"^[a-z0-9][a-z0-9-]{{1,39}}/[^\u0020\u00a0{_HIDDEN}]([^{_HIDDEN}]*[^\u0020\u00a0{_HIDDEN}])?$",
        max_length=128,
    ),
    Field(description="The code of a party, a slash and that party's own reference: abank/LN-2026-88."),
]
Code = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z_./-]{0,31}$")]
Free = Annotated[str, StringConstraints(pattern=_PRINTABLE, min_length=1, max_length=64)]
Description = Annotated[
    str,
    StringConstraints(pattern=_PRINTABLE, min_length=1, max_length=255),
    Field(description="What goods are called, or a company's or place's name; never of a natural person."),
]
Remark = Annotated[
    str,
    StringConstraints(pattern=LINE, min_length=1, max_length=200),
    Field(description="Free text for people; never about a natural person."),
]
EventId = Annotated[
    str,
    StringConstraints(pattern=LINE, min_length=1, max_length=256),
    Field(description="The ce_id of an event."),
]
Source = Annotated[
    str,
    StringConstraints(pattern=r"^[!-~]+$", min_length=1, max_length=256),
    Field(description="The ce_source of an event."),
]
Occurrence = Annotated[
    str,
    StringConstraints(pattern=LINE, max_length=64),
    Field(
        description="The run, leg or visit, as the publisher names it; a second visit is a second occurrence."
    ),
]
AsWritten = Annotated[
    str,
    StringConstraints(pattern=LINE, min_length=1, max_length=40),
    Field(description="The local time as the source wrote it."),
]
EventType = Annotated[str, StringConstraints(pattern=r"^cre\.[a-z]+\.[a-z0-9_]+\.v[1-9][0-9]{0,3}$")]
Commodity = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{2}([0-9]{2}([0-9]{2}([0-9]{2}([0-9]{2})?)?)?)?$"),
    Field(description="HS code or a prefix of it: 2, 4, 6, 8 or 10 digits."),
]
Seal = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z /.-]{0,19}$")]
Kilograms = Annotated[int, Field(ge=0, le=200_000)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]

RoleName = Annotated[Role, Field(strict=False)]

_KIND_BY_NAME = {kind.wire: kind for kind in ObjectKind}


class _ByWireName:
    """Reads an ObjectKind by its lower-case name; the numbers stay inside."""

    @staticmethod
    def __get_pydantic_core_schema__(_source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.chain_schema(
            [
                core_schema.literal_schema(list(_KIND_BY_NAME)),
                core_schema.no_info_plain_validator_function(_KIND_BY_NAME.__getitem__),
            ],
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda kind: kind.wire, return_schema=core_schema.str_schema()
            ),
        )


WireKind = Annotated[ObjectKind, _ByWireName]
