"""Financing of cargo: reservations and pledges of interests, their uniqueness, and what a lender has to know of its cargo.

Decides requests of banks and cargo parties (reserve, pledge, draw, release, ...) from earlier decisions, signed statements,
the views of the consignments, fingerprints of documents and answers of other registries (``domain``); and annotations of papers of offshore deals (``domain/annotation``, lianyun.annotation_*). Each decision is taken once
under locks, signed by the platform and recorded (``store``). Stored in lianyun.financing_*.
"""
