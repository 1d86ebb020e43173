"""Lists of a party's consignments: one row for each engaged party (``lianyun.consignment_party``), with what lists are filtered by.

``rows`` computes them from a view (pure); whoever follows the accepted events keeps them (``store.replace``); ``store.listed`` reads a
list in pages. A row says that a consignment is to be looked at; what may be shown of it is decided by whoever shows it.
"""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
