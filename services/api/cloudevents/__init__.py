"""A posted event between HTTP and Kafka: its form taken apart, its handle, its topic, and what became of it.

Nothing is signed or serialised anew: the very bytes that the signature covers are forwarded.
"""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
