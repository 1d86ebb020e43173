"""The projections that follow accepted events in the transaction that stores them, in their order."""

from services.processors.credit.store import noting as credit
from services.processors.financing.store import noting as financing
from services.storage.projecting import Projection

PROJECTIONS: tuple[Projection, ...] = (financing.follow, credit.follow)
