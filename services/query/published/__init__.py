"""What one party published: the accepted events that its keys signed, the latest first, and how good they are.

``listing`` reads pages of events by key and append time; ``quality`` measures a sample of them, and is pure but for its reading.
Whether an event reaches a consignment, and what was refused, is read elsewhere.
"""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
