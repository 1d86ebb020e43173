"""Webhooks: parties are told, at addresses of their own, that something changed; what it is they read through the API.

Messages are made of what is committed and of nothing else, and delivered at least once by ``lianyun webhooks run``. Their
order is not promised. Signed by Standard Webhooks 1.0: ``v1`` (HMAC-SHA256) and ``v1a`` (Ed25519).
"""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
