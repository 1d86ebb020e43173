"""The exporter: metrics of the whole platform that are read from the database, independent of the number of workers."""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
