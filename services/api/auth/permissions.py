"""The permission that a route declares: a scope of the token, a role of the party, and how objects of others answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from schemas.events.base import Role

BANKS = frozenset({Role.BANK, Role.INSURER})
EVERYBODY = frozenset(Role)
SHIPPERS = frozenset({Role.SHIPPER})


class Scope(StrEnum):
    """What a client may be registered for and a token may carry."""

    EVENTS_READ = "events:read"
    EVENTS_WRITE = "events:write"
    FINANCING_READ = "financing:read"
    FINANCING_WRITE = "financing:write"
    CREDIT_READ = "credit:read"
    WEBHOOKS_MANAGE = "webhooks:manage"
    ACCESS_LOG_READ = "access-log:read"
    SHARE_LINKS_MANAGE = "share-links:manage"


@dataclass(frozen=True, slots=True)
class Needs:
    """The declaration of a route.

    ``scope`` must be in the token, one of ``roles`` among the party's. ``foreign`` says how objects of others answer:
    "absent" (as if they did not exist), "own" (the route only ever concerns the caller itself), "public" (nothing here
    belongs to anybody).
    """

    scope: Scope
    roles: frozenset[Role] = EVERYBODY
    foreign: Literal["absent", "own", "public"] = "absent"
