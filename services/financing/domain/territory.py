"""Which countries a cargo has entered, by the places of the facts about it."""

from __future__ import annotations

from collections.abc import Iterator

from schemas import railnet
from schemas.events.base import Classifier
from services.domain.facts import Claim
from services.financing.domain.cargo import Cargo


def entered(cargo: Cargo) -> Iterator[tuple[str, Claim]]:
    """(country by ISO 3166 alpha-2, the first fact there), in the order in which they were entered.

    A border station that belongs to two countries tells nothing by itself.
    """
    seen: set[str] = set()
    facts = (a.claim for a in cargo.counted if a.claim.classifier is Classifier.ACT and a.claim.place)
    for claim in sorted(facts, key=lambda c: (c.happened, c.published, c.event)):
        countries = railnet.countries_of(claim.place)
        if len(countries) == 1:
            (country,) = countries
            if country not in seen:
                seen.add(country)
                yield country, claim
