"""The border board: the trains due, queued and handed over at each crossing, and what blocks which of their boxes."""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
