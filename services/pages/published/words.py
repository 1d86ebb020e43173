"""The plain words for states of events and for reasons of refusals, each with what its publisher can do; translated where they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.events.catalogue import CATALOGUE
from schemas.reasons import Reason
from services.api.access.unreached import NONE_VISIBLE
from services.domain.explanations import Reason as Obstacle
from services.ledger.dead_letters.letter import LetterState
from services.ledger.dead_letters.service import ActionOutcome
from services.pages.tracking.words import MILESTONES


def N_(message: str) -> str:
    """Mark a message for translation where it is shown."""
    return message


TYPES: Final[Mapping[str, str]] = {
    type_: MILESTONES.get(model.spec.name, model.spec.name) for type_, model in sorted(CATALOGUE.items())
}
"""What every type of event is called."""
ACCEPTED, REMARKS, PARKED, CONTRADICTED, ASIDE, REFUSED = (
    "accepted",
    "remarks",
    "parked",
    "equivocation",
    "quarantined",
    "refused",
)
STATES: Final[Mapping[str, str]] = {
    ACCEPTED: N_("accepted"),
    REMARKS: N_("accepted with remarks"),
    PARKED: N_("waits for a link"),
    CONTRADICTED: N_("two contents under one id"),
    ASIDE: N_("set aside with its key"),
    REFUSED: N_("refused"),
}
LETTER_STATES: Final[Mapping[str, str]] = {
    LetterState.OPEN: N_("refused"),
    LetterState.REDRIVEN: N_("accepted later"),
    LetterState.REPLACED: N_("published anew"),
    LetterState.DISCARDED: N_("not wanted"),
}
_SIGN: Final = N_(
    "Sign it as the published specification says, with the key of your profile, and publish it again."
)
_KEY: Final = N_(
    "Register a key that is valid now; then have it judged again, or publish it again under that key."
)
_SHAPE: Final = N_("Mend the record where the pointer says, and publish it under an id of its own.")
_HEADERS: Final = N_(
    "Mend the program that publishes: attributes belong into the headers, each once, as CloudEvents says."
)
REASONS: Final[Mapping[Reason, tuple[str, str]]] = {
    Reason.MISSING_HEADER: (N_("An attribute is missing."), _HEADERS),
    Reason.DUPLICATE_HEADER: (N_("An attribute stands there twice."), _HEADERS),
    Reason.INVALID_HEADER: (N_("An attribute cannot be read."), _HEADERS),
    Reason.TOO_LARGE: (N_("It is too large."), N_("Publish it in several events; a file may be split at any line.")),
    Reason.NULL_VALUE: (N_("It is empty."), N_("Publish the event with its content.")),
    Reason.UNSIGNED: (N_("It is not signed."), _SIGN),
    Reason.MALFORMED_SIGNATURE: (N_("The signature cannot be read."), _SIGN),
    Reason.UNSUPPORTED_SCHEME: (N_("The kind of signature is not known here."), _SIGN),
    Reason.SCHEME_MISMATCH: (N_("The signature is of another kind than the key."), _SIGN),
    Reason.UNKNOWN_KEY: (N_("The key that signed is not registered."), _KEY),
    Reason.KEY_NOT_YET_VALID: (N_("The key was not valid yet."), _KEY),
    Reason.KEY_EXPIRED: (N_("The key had run out."), _KEY),
    Reason.KEY_REVOKED: (N_("The key had been revoked."), _KEY),
    Reason.BAD_SIGNATURE: (
        N_("The signature does not fit the bytes."),
        N_("Something changed the event after it was signed, or it was signed for another network. Publish the original again."),
    ),
    Reason.WRONG_SOURCE: (
        N_("The source does not belong to whoever signed."),
        N_("Use the source that is registered for your party; the operator of the platform registers a further one."),
    ),
    Reason.WRONG_TOPIC: (
        N_("It came through a topic that is not the publisher's."),
        N_("Publish into the topic that is registered for your party."),
    ),
    Reason.ROLE_NOT_ALLOWED: (
        N_("Your role does not state events of this type."),
        N_("Leave it to whoever does, or have the role registered by the operator of the platform; then have it judged again."),
    ),
    Reason.INVALID_TIME: (N_("The time of publication cannot be read."), _SHAPE),
    Reason.CLOCK_SKEW: (
        N_("Its time of publication lies in the future."),
        N_("Set the clock of the machine that publishes, and publish the record under an id of its own."),
    ),
    Reason.INVALID_JSON: (N_("The content is no JSON that can be read in one way only."), _SHAPE),
    Reason.UNKNOWN_TYPE: (N_("There is no such type of event."), _SHAPE),
    Reason.UNKNOWN_VERSION: (
        N_("This version of the type is not known here."),
        N_("Publish a version that the contract lists; once a newer one is known here, have it judged again."),
    ),
    Reason.INVALID_SCHEMA: (N_("The content does not fit its type."), _SHAPE),
    Reason.UNKNOWN_FORMAT: (N_("It is not clear which kind of file this is."), N_("Choose the format yourself.")),
    Reason.UNREADABLE_FILE: (
        N_("It cannot be read in one way only."),
        N_("Mend what is named, or declare how it is meant, and try the file again."),
    ),
    Reason.ID_USED_TWICE: (
        N_("The same id was used for something else."),
        N_("Publish a correction with --amend; something new needs an id of its own."),
    ),
    Reason.QUARANTINED: (N_("Its key no longer counted."), _KEY),
    Reason.INTERNAL_ERROR: (
        N_("The platform failed on it."),
        N_("The fault is ours. It is judged again when it is mended; you need not do anything."),
    ),
}  # fmt: skip
"""By the reason of a refusal: what was wrong, and what to do."""
TO_REDRIVE: Final = frozenset(
    {
        Reason.UNKNOWN_KEY,
        Reason.KEY_NOT_YET_VALID,
        Reason.KEY_EXPIRED,
        Reason.WRONG_SOURCE,
        Reason.WRONG_TOPIC,
        Reason.ROLE_NOT_ALLOWED,
        Reason.UNKNOWN_TYPE,
        Reason.UNKNOWN_VERSION,
        Reason.INTERNAL_ERROR,
    }
)
"""What the same bytes may get over: what was wrong can change on our side or in the registry."""
ACTIONS: Final[Mapping[str, str]] = {
    "redrive": N_("judged again"),
    "discard": N_("closed as not wanted"),
    "replace": N_("closed as published anew"),
}
OUTCOMES: Final[Mapping[str, str]] = {
    ActionOutcome.REDRIVEN: N_("It is accepted now."),
    ActionOutcome.DISCARDED: N_("It is closed as not wanted."),
    ActionOutcome.REPLACED: N_("Other content was published under its id and stands."),
    ActionOutcome.ALREADY_REDRIVEN: N_("It was accepted before."),
    ActionOutcome.ALREADY_DISCARDED: N_("It is closed as not wanted."),
    ActionOutcome.ALREADY_REPLACED: N_("Other content was published under its id and stands."),
    ActionOutcome.STILL_REFUSED: N_("It is refused again, for the reason above."),
    ActionOutcome.FAILED: N_("The platform failed on it; the operator has been told."),
    ActionOutcome.NOT_KEPT_WHOLE: N_("Its bytes are not kept whole: publish it again."),
    ActionOutcome.NO_SUCH_EVENT: N_("There is no such event."),
    ActionOutcome.NOT_FOUND: N_("It is no longer kept."),
}
_TAKEN_BACK: Final = N_("What leads on to a consignment was taken back.")
_CONTRADICTS: Final = N_("What leads on to a consignment has two contents under one id and does not count.")
_CYCLE: Final = N_("What leads on to a consignment is in a cycle of corrections and does not count.")
OBSTACLES: Final[Mapping[str, str]] = {
    NONE_VISIBLE: N_("Nothing leads on from it to a consignment that you may see: whoever carries it has to publish what belongs to what."),
    Obstacle.NO_LINK: N_("Nothing leads on from it to a consignment that you may see: whoever carries it has to publish what belongs to what."),
    Obstacle.NOT_FOUNDED: N_("Nothing leads on from it to a consignment that you may see: whoever carries it has to publish what belongs to what."),
    Obstacle.AFTER_ASSIGNMENT: N_("It happened after the object had left that consignment."),
    Obstacle.BEFORE_ASSIGNMENT: N_("It happened before the object belonged to that consignment."),
    Obstacle.FOUNDING_EQUIVOCATES: _CONTRADICTS,
    Obstacle.FOUNDING_IN_CYCLE: _CYCLE,
    Obstacle.FOUNDING_WITHDRAWN: _TAKEN_BACK,
    Obstacle.LINK_EQUIVOCATES: _CONTRADICTS,
    Obstacle.LINK_IN_CYCLE: _CYCLE,
    Obstacle.LINK_WITHDRAWN: _TAKEN_BACK,
    Obstacle.EQUIVOCATES: N_("It has two contents under one id and does not count."),
    Obstacle.IN_CYCLE: N_("It is in a cycle of corrections and does not count."),
    Obstacle.WITHDRAWN: N_("You took it back."),
}  # fmt: skip
"""Why an event reaches no consignment."""
