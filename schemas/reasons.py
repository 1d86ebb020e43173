"""Why a message was refused: stable codes, and the one exception that carries them."""

from enum import StrEnum


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


class Refusal(Exception):
    """The refusal of one message: what was wrong, where, and what its publisher can do.

    `reason` is the stable code. `detail` is one English sentence without secrets. `pointer` is where: ""
    (the whole message), a JSON pointer into the payload ("/objects/3/id") or "header:<name>". `remedy` is
    what to do next, "" when `detail` says enough. The four are read-only and survive pickling.
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
        return str(self.args[3])

    def at(self, pointer: str) -> "Refusal":
        """Return the same refusal placed at `pointer`, for readers that know more than the check did."""
        return Refusal(self.reason, self.detail, pointer, self.remedy)

    def __str__(self) -> str:
        where = f" at {self.pointer}" if self.pointer else ""
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{self.reason}{where}: {self.detail}{remedy}"
