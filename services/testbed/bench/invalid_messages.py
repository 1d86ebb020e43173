"""Messages that must be refused: what partners get wrong, in its common forms."""

from __future__ import annotations

from random import Random
from typing import Literal

from services.testbed.bench.events import Said

Spoil = Literal["", "signature", "key", "source"]
"""What goes wrong at signing: nothing, a byte changed afterwards, a key that nobody registered, another's source."""


def spoilt(random: Random, stated: Said) -> tuple[Said, Spoil]:
    """``stated`` as it must not be accepted, and what its signer still has to do wrong."""
    match random.randrange(6):
        case 0:
            return stated, "signature"
        case 1:
            return stated, "key"
        case 2:
            return stated, "source"
        case 3:  # no classifier
            return stated._replace(payload=stated.payload.replace('"classifier"', '"clasifier"', 1)), ""
        case 4:  # the same member twice
            return stated._replace(payload=stated.payload.replace("{", '{"salt":"0",', 1)), ""
        case _:  # a customs administration that runs trains
            return stated._replace(party="gacc", type="cre.movement.departed.v1"), ""
