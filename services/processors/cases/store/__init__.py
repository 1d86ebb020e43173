"""Where cases are kept: the follower that finds causes, the desk that takes steps, and the lists of what stands."""

from services.named_sql import Queries

statement = Queries(__file__)
