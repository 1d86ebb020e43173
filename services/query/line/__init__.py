"""The line: where every train of the corridor was at each moment of a period, what waited at which border, and what was closed.

``facts`` holds what is stated, ``trains`` decides which names are one train, ``visits`` and ``stops`` where it was when, ``film`` cuts a period out of
that and counts, ``film_json`` is its form for readers; all of them are pure. ``reading`` loads the facts.
"""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
