"""What turns records of the broker into state: admission, the batch, and the projections."""

from services.named_sql import Queries

statement = Queries(__file__)
