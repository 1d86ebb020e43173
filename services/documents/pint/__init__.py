"""Documents to other platforms and back, by DCSA's eBL Platform Interoperability standard (PINT) 3.0.0, and their export as evidence.

``domain`` holds the formats and rules, pure: signed contents, the envelope with its transfer chain, the register that says which one
platform controls a document (the standard's control tracking registry), and OpenAttestation 2.0. ``store`` keeps register, directory of
platforms and transfers; ``receiver`` answers other platforms over HTTP, ``sender`` calls them. Tables ``pint_*``; named statements in
``queries.sql``.
"""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
