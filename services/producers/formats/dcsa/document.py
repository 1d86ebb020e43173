"""JSON of partners as items that know their JSON pointer, read strictly: duplicate keys, NaN and depth are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas import strict_json
from schemas.reasons import Reason, Refusal
from services.producers.formats.text import decode

MAX_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Item:
    """A JSON object and its pointer; a field is reached by names joined by slashes."""

    value: Mapping[str, Any]
    pointer: str

    def find(self, path: str) -> Any:
        """The value at ``path``, None where a name is missing or null; raises Refusal where the way is no object."""
        found: Any = self.value
        walked = self.pointer
        for name in path.split("/"):
            if not isinstance(found, dict | Mapping):
                raise Refusal(
                    Reason.INVALID_SCHEMA, "An object is expected here.", walked, "Write a JSON object."
                )
            found = found.get(name)
            walked += f"/{name}"
            if found is None:
                return None
        return found

    def text(self, path: str) -> str:
        """The text at ``path`` without outer blanks, "" where there is none; raises Refusal where it is no text."""
        found = self.find(path)
        if found is None:
            return ""
        if not isinstance(found, str):
            raise Refusal(
                Reason.INVALID_SCHEMA,
                "Text is expected here.",
                f"{self.pointer}/{path}",
                "Write a JSON string.",
            )
        return " ".join(found.split())

    def require(self, path: str, remedy: str = "") -> str:
        """The text at ``path``; raises Refusal where it is missing or empty."""
        found = self.text(path)
        if not found:
            raise Refusal(
                Reason.INVALID_SCHEMA,
                f"{path.rsplit('/', 1)[-1]} is missing.",
                f"{self.pointer}/{path}",
                remedy or "Send the event with this field.",
            )
        return found

    def items(self, path: str) -> tuple[Item, ...]:
        """The objects of the array at ``path``; raises Refusal where it is no array of objects."""
        found = self.find(path)
        return () if found is None else objects(found, f"{self.pointer}/{path}")


def objects(value: object, pointer: str) -> tuple[Item, ...]:
    """The objects of an array; raises Refusal where it is none."""
    if not isinstance(value, list):
        raise Refusal(Reason.INVALID_SCHEMA, "An array is expected here.", pointer, "Write a JSON array.")
    found = []
    for index, member in enumerate(value):
        if not isinstance(member, dict):
            raise Refusal(
                Reason.INVALID_SCHEMA,
                "An object is expected here.",
                f"{pointer}/{index}",
                "Write a JSON object.",
            )
        found.append(Item(member, f"{pointer}/{index}"))
    return tuple(found)


def loads(raw: bytes) -> object:
    """The JSON value in ``raw``, up to 8 MiB; raises Refusal (UNREADABLE_FILE, INVALID_JSON, TOO_LARGE) with its place."""
    if len(raw) > MAX_BYTES:
        raise Refusal(
            Reason.TOO_LARGE,
            f"The file has {len(raw)} bytes, more than {MAX_BYTES}.",
            remedy="Send fewer events a file.",
        )
    if not raw.strip():
        raise Refusal(Reason.UNREADABLE_FILE, "The file is empty.", remedy="Send the file again.")
    # A mark is forgiven in a partner's file, and UTF-16 is read: what is signed later is written anew.
    return strict_json.loads(decode(raw).lstrip("\ufeff").encode(), max_bytes=2 * MAX_BYTES)
