"""What a subscriber may see of its consignment at a moment: as its party, or by its share link in its fields and lifetime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from services.api.access import share_links
from services.api.access.consignment import VisibleConsignment, visible
from services.api.access.matrix import Field, Shown
from services.api.access.reader import PartyReader
from services.ledger.registry.registry import Registry
from services.pages.subscriptions.changes import State, state_of
from services.pages.subscriptions.store import Subscription
from services.pages.tracking.forecast import places_of, visible_forecast
from services.pages.tracking.summary import summary
from services.people.store import people

Session = Connection[Any]
_DECIDING = (Field.MOVEMENT, Field.IDS, Field.DECLARATION_STATUS, Field.INSPECTION)
PERSON = "person:"


@dataclass(frozen=True, slots=True)
class Sight:
    """What a subscriber sees now: None where nothing. ``over`` says why it will see nothing any more, "" while it may."""

    shown: VisibleConsignment | None = None
    over: str = ""

    @property
    def fields(self) -> tuple[str, ...]:
        """How each field that decides on what is told is shown, as ``State`` has them."""
        return () if self.shown is None else shown_fields(self.shown)


def sight(session: Session, registry: Registry, found: Subscription, now: int) -> Sight:
    """What the subscriber sees at ``now``. A link that has ended, or a person that may do nothing any more, is over for good."""
    party = registry.party(found.party)
    if found.made_by.startswith(PERSON):
        person = people.by_id(session, bytes.fromhex(found.made_by.removeprefix(PERSON)))
        if person is None or person.party != found.party or person.grant(now) is None:
            return Sight(over="person")
    link = None if found.share is None else share_links.link_of(session, found.share)
    if found.share is not None and (link is None or not link.works(now)):
        return Sight(over="link")
    if party is None:
        return Sight()
    reading = PartyReader(session, party, registry, now)
    return Sight(visible(reading, found.consignment, None if link is None else link.fields))


def state_now(session: Session, shown: VisibleConsignment, now: int, *, forecasts: bool = True) -> State:
    """The state of what is shown; ``forecasts``: with the platform's own forecast, which takes three statements."""
    places = places_of(shown)
    forecast = visible_forecast(session, shown, now) if forecasts else None
    return state_of(summary(shown.body, places, now), forecast, shown_fields(shown))


def shown_fields(shown: VisibleConsignment) -> tuple[str, ...]:
    """How each field that decides on what is told is shown."""
    return tuple(f"{field}={how}" for field in _DECIDING if (how := shown.grants[field]) is not Shown.NONE)
