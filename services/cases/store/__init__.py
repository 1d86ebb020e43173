"""Where cases are kept: the follower that finds causes, the desk that takes steps, and the lists of what stands."""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
