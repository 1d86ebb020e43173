"""From signed bytes to a payload: strict JSON, the type's model, rules beyond the schema, and conversion to the newest version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

import orjson
from pydantic import ValidationError

from schemas import strict_json
from schemas.events.base import Payload
from schemas.events.catalogue import CATALOGUE
from schemas.events.correction import Corrected
from schemas.events.customs_whole import whole
from schemas.events.finance_decision import unchanged
from schemas.events.trade import PACKED, STATED
from schemas.events.vocabulary import Region
from schemas.events.wire import TIME_PATTERN
from schemas.reasons import Reason, Refusal
from schemas.rfc3339 import parse_micros

# A step takes the JSON value of version n and gives that of version n + 1, without changing its argument. Chains are
# followed to the newest version. A step is never changed once it has been published.

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One step: the ``type`` it leads to, and the pure function from the older value to the newer."""

    type: str
    apply: Callable[[Json], Json]


_WHOLE = (
    "transit_opened",
    "transit_closed",
    "unloading_permitted",
    "inspection_passed",
    "inspection_finding",
    "held",
)
_FILED = ("export_lodged", "import_lodged", "transit_lodged", "accepted", "amended", "cancelled")
STEPS: Mapping[str, Step] = MappingProxyType(
    {
        **{f"cre.customs.{name}.v1": Step(f"cre.customs.{name}.v2", whole) for name in _WHOLE},
        **{f"cre.customs.{name}.v1": Step(f"cre.customs.{name}.v2", unchanged) for name in _FILED},
        "cre.finance.decided.v1": Step("cre.finance.decided.v2", unchanged),
        "cre.finance.decided.v2": Step("cre.finance.decided.v3", unchanged),
        "cre.finance.decided.v3": Step("cre.finance.decided.v4", unchanged),
        "cre.finance.decided.v4": Step("cre.finance.decided.v5", unchanged),
        **{
            f"cre.case.{name}.v1": Step(f"cre.case.{name}.v2", unchanged)
            for name in ("acknowledged", "assigned", "snoozed", "noted", "closed")
        },
        "cre.finance.released.v1": Step("cre.finance.released.v2", unchanged),
        "cre.finance.released.v2": Step("cre.finance.released.v3", unchanged),
    }
)
"""The step away from each type that has a newer version, by the older type's name."""


_SAYS = {
    "missing": ("The field is missing.", "Add the field."),
    "extra_forbidden": (
        "The type has no such field.",
        "Remove the field; a version that knows it would have another type name.",
    ),
    "tuple_type": ("It is not an array.", "Write a JSON array."),
    "dict_type": ("It is not an object.", "Write a JSON object."),
    "model_type": ("It is not an object.", "Write a JSON object."),
    "int_type": ("It is not an integer.", "Write an integer, without quotes and without a fraction."),
    "string_type": ("It is not a string.", "Write a string."),
    "bool_type": ("It is not true or false.", "Write true or false."),
}
"""What is said of an error, and what to do, by pydantic's name of it; others speak in pydantic's words."""


class Decoder:
    """Reads payloads by a catalogue of models and a table of upcasting steps; holds nothing else and never blocks."""

    def __init__(self, catalogue: Mapping[str, type[Payload]], steps: Mapping[str, Step]) -> None:
        self._catalogue = catalogue
        self._steps = steps
        self._names = frozenset(_name(type_) for type_ in catalogue)

    def decode(self, type_: str, raw: bytes) -> Payload:
        """Read ``raw`` as a payload of ``type_`` and bring it to the newest version; about 15 microseconds.

        Raises Refusal: UNKNOWN_TYPE, UNKNOWN_VERSION, INVALID_JSON, TOO_LARGE, INVALID_SCHEMA or INVALID_TIME, with
        the JSON pointer of the first error and what to do. An unknown type is found before the bytes are parsed.
        """
        self._model(type_)
        return self.read(type_, strict_json.loads(raw))

    def read(self, type_: str, value: object) -> Payload:
        """Read the JSON ``value`` as a payload of ``type_``; otherwise as :meth:`decode`."""
        payload = self._validate(type_, value)
        while (step := self._steps.get(type_)) is not None:
            type_, value = (
                step.type,
                step.apply(cast(dict[str, Any], value)),
            )  # an object: its model accepted it
            payload = self._validate(type_, value)
        if isinstance(payload, Corrected):
            payload.replacement.settle(self._replacement(payload))
        return payload

    def admitted(self, type_: str, raw: bytes) -> Payload:
        """Read bytes that :meth:`decode` accepted once, to an equal payload, without judging them again; half the time.

        Raises ValueError or Refusal where they are not what was accepted; neither shows what stands there.
        """
        try:
            model = self._model(type_)
            if type_ in self._steps:
                payload = self._admitted(type_, orjson.loads(raw))
            elif issubclass(model, Corrected):  # its replacement is read from the same value
                payload = model.__pydantic_validator__.validate_python(orjson.loads(raw))
                replacement = payload.replacement
                replacement.settle(self._admitted(replacement.type, replacement.data))
            else:
                payload = model.__pydantic_validator__.validate_json(raw)
        except ValidationError as invalid:
            raise _refusal(type_, invalid) from None
        return payload

    def _admitted(self, type_: str, value: Any) -> Payload:
        while (step := self._steps.get(type_)) is not None:
            type_, value = step.type, step.apply(value)
        payload: Payload = self._model(type_).__pydantic_validator__.validate_python(value)
        return payload

    def _validate(self, type_: str, value: object) -> Payload:
        model = self._model(type_)
        try:
            payload: Payload = model.__pydantic_validator__.validate_python(value)
        except ValidationError as invalid:
            raise _refusal(type_, invalid) from None
        payload.check()
        return payload

    def _model(self, type_: str) -> type[Payload]:
        model = self._catalogue.get(type_)
        if model is not None:
            return model
        shown = type_[:80]
        if _name(type_) in self._names:
            raise Refusal(
                Reason.UNKNOWN_VERSION,
                f"{shown!r} is a version that is not known here.",
                "header:ce_type",
                "Publish a version that is; readers ship before publishers, so the event can be redriven later.",
            )
        raise Refusal(
            Reason.UNKNOWN_TYPE,
            f"{shown!r} is not an event type.",
            "header:ce_type",
            "Use a type of the published catalogue.",
        )

    def _replacement(self, corrected: Corrected) -> Payload:
        replacement = corrected.replacement
        try:
            payload = self.read(replacement.type, replacement.data)
        except Refusal as refusal:
            if refusal.reason in (Reason.UNKNOWN_TYPE, Reason.UNKNOWN_VERSION):
                raise refusal.at("/replacement/type") from None
            raise refusal.at(f"/replacement/data{refusal.pointer}") from None
        if payload.spec.region is Region.CORRECTION:
            raise Refusal(
                Reason.INVALID_SCHEMA,
                "A correction cannot be replaced by another correction.",
                "/replacement/type",
                "Let the new correction point to the old one, or retract it.",
            )
        return payload


def _name(type_: str) -> str:
    return type_.rsplit(".v", 1)[0]


def _refusal(type_: str, invalid: ValidationError) -> Refusal:
    first = invalid.errors(include_url=False)[0]
    parts = (str(part) for part in first["loc"] if part not in (STATED, PACKED))
    pointer = "".join(f"/{part.replace('~', '~0').replace('/', '~1')[:80]}" for part in parts)
    if first.get("ctx", {}).get("pattern") == TIME_PATTERN:
        try:
            parse_micros(first["input"], pointer)
        except Refusal as refusal:
            return refusal
    detail, remedy = _SAYS.get(
        first["type"], (f"{first['msg']}.", f"Compare with the published JSON Schema of {type_}.")
    )
    return Refusal(Reason.INVALID_SCHEMA, detail[:300], pointer, remedy)


DECODER = Decoder(CATALOGUE, STEPS)


def decode_payload(type_: str, raw: bytes) -> Payload:
    """Read signed bytes as a payload of ``type_`` in its newest version; raises Refusal as :meth:`Decoder.decode`."""
    return DECODER.decode(type_, raw)


def decode_admitted(type_: str, raw: bytes) -> Payload:
    """Read bytes that ``decode_payload`` accepted once, without judging them again; as :meth:`Decoder.admitted`."""
    return DECODER.admitted(type_, raw)
