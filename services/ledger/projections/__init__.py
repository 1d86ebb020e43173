"""Projections of the accepted events that processes of their own keep up to date beside the workers.

``follower`` runs the steps of a projection, each one transaction; ``changes`` reads what became visible after a position and finds
the consignments that it may concern. A projection stores its position with its rows in its own tables and reads in order of
visibility, so it misses no event; what it derives while notes are unsettled it derives again.
"""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
