"""Messages that were not accepted: kept with their raw bytes, found, redriven unchanged, replaced or discarded."""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
