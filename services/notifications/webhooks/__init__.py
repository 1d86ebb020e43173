"""Webhooks: parties are notified, at endpoints of their own, that something changed, and read the details through the API.

Messages are made from committed rows only and delivered at least once, in no guaranteed order, by ``lianyun webhooks run``. Signatures
follow Standard Webhooks 1.0: ``v1`` (HMAC-SHA256) and ``v1a`` (Ed25519).
"""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
