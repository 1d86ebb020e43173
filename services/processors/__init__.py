"""What turns records of the broker into state: admission, the batch, and the projections."""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
