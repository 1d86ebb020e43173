"""The HTTP gateway of events: what a partner signed goes to Kafka as it came, and its publisher learns what became of it.

The gateway never signs, never re-serialises and never judges what admission judges: it takes the form apart, sees that the
caller owns the source, forwards the very bytes that the signature covers, and answers when the broker has them.
"""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
