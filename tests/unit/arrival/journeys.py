"""A short journey over one border, as events, for tests of arrival times."""

from __future__ import annotations

from services.arrival.domain.legs import Event
from services.domain.rules import HOUR, rules

ROUTE = ("railnet:xian-intl-port", "railnet:alashankou", "railnet:dostyk", "railnet:almaty-1")
XIAN, ALASHANKOU, DOSTYK, ALMATY = ROUTE
NUMBERS = {rule.name.removeprefix("cre.movement.").removesuffix(".v1"): n for n, rule in rules().items()}
START = 490_000 * HOUR
"""An hour of November 2025."""


def event(name: str, place: str, hours: float, publisher: str = "cr", recorded: float | None = None) -> Event:
    """``name`` happened at ``place`` so many hours after START."""
    known = hours if recorded is None else recorded
    at, published = START + int(hours * HOUR), START + int(known * HOUR)
    return Event(NUMBERS[name], place, at, f"{name} {place} {hours}".encode()[:16], publisher, published)


def journey() -> list[Event]:
    """From Xi'an to Almaty: 60 hours to the border, 20 before and 10 after the hand-over, 30 to the end."""
    return [
        event("gated_in", XIAN, -40),
        event("loaded_on_wagon", XIAN, -8),
        event("departed", XIAN, 0),
        event("position_reported", "railnet:lanzhou", 20),
        event("arrived", ALASHANKOU, 60),
        event("handed_over", "crossing:alashankou-dostyk", 80),
        event("transshipped", DOSTYK, 85, "ktz"),
        event("departed", DOSTYK, 90, "ktz"),
        event("arrived_at_destination", ALMATY, 120, "ktz"),
    ]
