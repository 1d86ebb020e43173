"""The state of consignments as pure functions of sets of facts: interpretation, links, claims, views. No I/O, no clock.

Decides from accepted events what they state (``interpretation``), which of them are live (``liveness``), what reaches a
consignment (``links``, ``evidence``) and what its view shows (``derive``). Stored by ``services.ledger.storage``.
"""
