"""How much of what is random or repeated a run does: little in ``make test``, all of it in ``make test-long``.

| variable | meaning |
|---|---|
| ``LIANYUN_LONG`` | ``1``: the whole number of rounds and examples |
| ``LIANYUN_SEED`` | the number that every random draw of a round starts from; 0 without it |
"""

from __future__ import annotations

import os

LONG = os.environ.get("LIANYUN_LONG") == "1"
SEED = int(os.environ.get("LIANYUN_SEED") or "0")


def rounds(ordinary: int, long: int) -> int:
    """How often something random is done in this run."""
    return long if LONG else ordinary
