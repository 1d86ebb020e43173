"""Storage of documents: the transaction that decides on an instruction, and the reads."""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
