"""Conformance runs: cases for a partner's publisher, and what is right and wrong about what arrived of each.

The cases are one table, ``cases.toml``; a run of a party makes events of its own of them, about objects that nobody else has. The
publisher sends them over HTTP or to its topic. What arrived is read from the ledger, the dead letters and the attempts that the API
records of what was posted, so a run is resumed at any time and its order does not matter. Only in the networks that have a sandbox.
"""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
