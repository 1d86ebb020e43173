"""Why a message was refused: stable codes, and the one exception that carries them."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple


class Reason(StrEnum):
    """A stable refusal code: stored with dead letters, shown to partners, never renamed or reused."""

    # The message as a record.
    MISSING_HEADER = "MISSING_HEADER"
    DUPLICATE_HEADER = "DUPLICATE_HEADER"
    INVALID_HEADER = "INVALID_HEADER"
    TOO_LARGE = "TOO_LARGE"
    NULL_VALUE = "NULL_VALUE"
    # Who said it.
    UNSIGNED = "UNSIGNED"
    MALFORMED_SIGNATURE = "MALFORMED_SIGNATURE"
    UNSUPPORTED_SCHEME = "UNSUPPORTED_SCHEME"
    SCHEME_MISMATCH = "SCHEME_MISMATCH"
    UNKNOWN_KEY = "UNKNOWN_KEY"
    KEY_NOT_YET_VALID = "KEY_NOT_YET_VALID"
    KEY_EXPIRED = "KEY_EXPIRED"
    KEY_REVOKED = "KEY_REVOKED"
    BAD_SIGNATURE = "BAD_SIGNATURE"
    WRONG_SOURCE = "WRONG_SOURCE"
    WRONG_TOPIC = "WRONG_TOPIC"
    ROLE_NOT_ALLOWED = "ROLE_NOT_ALLOWED"
    # When it was said.
    INVALID_TIME = "INVALID_TIME"
    CLOCK_SKEW = "CLOCK_SKEW"
    # What it says.
    INVALID_JSON = "INVALID_JSON"
    UNKNOWN_TYPE = "UNKNOWN_TYPE"
    UNKNOWN_VERSION = "UNKNOWN_VERSION"
    INVALID_SCHEMA = "INVALID_SCHEMA"
    # A partner's own file, before anything is signed: never a dead letter.
    UNKNOWN_FORMAT = "UNKNOWN_FORMAT"
    UNREADABLE_FILE = "UNREADABLE_FILE"
    ID_USED_TWICE = "ID_USED_TWICE"
    # On our side.
    QUARANTINED = "QUARANTINED"
    INTERNAL_ERROR = "INTERNAL_ERROR"


class Meaning(NamedTuple):
    """What a reason means, and what its publisher does about it; one or two English sentences each."""

    meaning: str
    remedy: str


MEANINGS: Final[Mapping[Reason, Meaning]] = MappingProxyType(
    {
        Reason.MISSING_HEADER: Meaning(
            "A required attribute of the event is missing.",
            "Give specversion, source, id, type and time, and sign them.",
        ),
        Reason.DUPLICATE_HEADER: Meaning(
            "A header or member occurs more than once, so which of them counts would be a guess.",
            "Send each once.",
        ),
        Reason.INVALID_HEADER: Meaning(
            "An attribute has a value that it may not have: its characters, its length or its form.",
            "Write the value as signing.md, 1 says, sign the event again and publish it.",
        ),
        Reason.TOO_LARGE: Meaning(
            "The payload has more than 65,536 bytes, or the record more than 64 headers or 16,384 bytes of them.",
            "Split the event; refer to documents by digest instead of enclosing them.",
        ),
        Reason.NULL_VALUE: Meaning(
            "The record has no value.",
            "Events are never deleted: publish a retraction.",
        ),
        Reason.UNSIGNED: Meaning(
            "The event carries no signature.",
            "Sign it with your own key and publish it; signing.md has worked vectors.",
        ),
        Reason.MALFORMED_SIGNATURE: Meaning(
            "The signature header is not in its one form.",
            "Write it as signing.md, 4 says: padded base64, no blanks, numbers without leading zeros; 64 bytes, not DER.",
        ),
        Reason.UNSUPPORTED_SCHEME: Meaning(
            "The format of the signature or its scheme is not known here, or not verified yet.",
            "Register and use a key of a scheme that signing.md, 3 lists as verified.",
        ),
        Reason.SCHEME_MISMATCH: Meaning(
            "The signature names a scheme that is not the one of its key.",
            "Sign under the scheme that the key is registered for.",
        ),
        Reason.UNKNOWN_KEY: Meaning(
            "No key of that id is registered in this network.",
            "Have the key registered (signing.md, 9); the event can then be redriven unchanged.",
        ),
        Reason.KEY_NOT_YET_VALID: Meaning(
            "The broker took the record before the window of its key began.",
            "Publish it again once the window has begun, or with the key of that time.",
        ),
        Reason.KEY_EXPIRED: Meaning(
            "The broker took the record after the window of its key had ended.",
            "Sign and publish the event again with the present key.",
        ),
        Reason.KEY_REVOKED: Meaning(
            "The key was revoked, or counts as compromised, since before the broker took the record.",
            "Sign and publish the event again with a new key.",
        ),
        Reason.BAD_SIGNATURE: Meaning(
            "The key did not sign these bytes.",
            "Compare the name of the network, the attributes and the payload with the worked vectors; sign the bytes exactly as sent.",
        ),
        Reason.WRONG_SOURCE: Meaning(
            "The source does not belong to the party whose key signed, or that posts.",
            "Publish under a source that is registered for the party that signs.",
        ),
        Reason.WRONG_TOPIC: Meaning(
            "The topic is not one of the party that signed.",
            "Publish to the party's own topic, or over HTTP.",
        ),
        Reason.ROLE_NOT_ALLOWED: Meaning(
            "Parties of this role do not publish this type.",
            "Let the party that may say it publish it, or have the role registered.",
        ),
        Reason.INVALID_TIME: Meaning(
            "A time is not an instant that exists, or an end lies before its start.",
            "Write RFC 3339 with an offset, such as 2026-03-05T14:20:00+05:00.",
        ),
        Reason.CLOCK_SKEW: Meaning(
            "The event says that it was published more than five minutes after the broker took it.",
            "Set the publisher's clock and publish a new event; the time is the source's own creation time.",
        ),
        Reason.INVALID_JSON: Meaning(
            "The payload is not strict JSON.",
            "Write JSON in UTF-8 as signing.md, 8 says: no key twice, no NaN, no byte order mark; then sign it as it stands.",
        ),
        Reason.UNKNOWN_TYPE: Meaning(
            "There is no such event type.",
            "Use a type of the published catalogue (events.md).",
        ),
        Reason.UNKNOWN_VERSION: Meaning(
            "This version of the type is not known here.",
            "Publish a version of the catalogue; readers ship before publishers, so the event can be redriven later.",
        ),
        Reason.INVALID_SCHEMA: Meaning(
            "The payload is not one of its type.",
            "Compare it with the published JSON Schema of the type, at the pointer; then publish it anew.",
        ),
        Reason.UNKNOWN_FORMAT: Meaning(
            "The file has no format that is known. Before publication only.",
            "Look with `lianyun convert` at what was recognised, and name the format where it was not.",
        ),
        Reason.UNREADABLE_FILE: Meaning(
            "The file cannot be read as its format. Before publication only.",
            "Export it again, and compare its size with that at its source.",
        ),
        Reason.ID_USED_TWICE: Meaning(
            "The file uses one id for two contents, or for another than was published. Before publication only.",
            "Give what is new an id of its own; publish what changed as a correction (--amend).",
        ),
        Reason.QUARANTINED: Meaning(
            "It was accepted, and taken out when its key was reported compromised.",
            "Publish the event again with a new key.",
        ),
        Reason.INTERNAL_ERROR: Meaning(
            "Our own code failed on this event.",
            "Nothing: the fault is on our side, and the event is redriven when it is mended.",
        ),
    }
)
"""Every reason as it is published (reasons.md)."""


class Refusal(Exception):
    """The refusal of one message: what was wrong, where, and what its publisher can do.

    `reason` is the stable code. `detail` is one English sentence without secrets. `pointer` is where: ""
    (the whole message), a JSON pointer into the payload ("/objects/3/id") or "header:<name>". `remedy` is
    what to do next: that of the reason where none was given. The four are read-only and survive pickling.
    """

    def __init__(self, reason: Reason, detail: str, pointer: str = "", remedy: str = "") -> None:
        super().__init__(reason, detail, pointer, remedy)

    @property
    def reason(self) -> Reason:
        """The stable code."""
        return Reason(self.args[0])

    @property
    def detail(self) -> str:
        """What was wrong."""
        return str(self.args[1])

    @property
    def pointer(self) -> str:
        """Where it was wrong."""
        return str(self.args[2])

    @property
    def remedy(self) -> str:
        """What to do."""
        return str(self.args[3]) or MEANINGS[self.reason].remedy

    def at(self, pointer: str) -> "Refusal":
        """Return the same refusal placed at `pointer`, for readers that know more than the check did."""
        return Refusal(self.reason, self.detail, pointer, self.remedy)

    def __str__(self) -> str:
        where = f" at {self.pointer}" if self.pointer else ""
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{self.reason}{where}: {self.detail}{remedy}"
