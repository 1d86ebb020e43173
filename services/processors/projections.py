"""The projections that follow accepted events in the transaction that stores them, in their order."""

from services.credit.store import subject_index as credit
from services.financing.store import subject_index as financing
from services.ledger.storage.batch_transaction import Projection

PROJECTIONS: tuple[Projection, ...] = (financing.follow, credit.follow)
