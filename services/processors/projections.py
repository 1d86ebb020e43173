"""The projections that follow accepted events in the transaction that stores them, in their order."""

from services.processors.financing.store import noting
from services.storage.projecting import Projection

PROJECTIONS: tuple[Projection, ...] = (noting.follow,)
