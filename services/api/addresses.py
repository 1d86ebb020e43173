"""Whose address a request counts for, where callers are not known yet."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.requests import Request

_OWN_BITS = 64
"""One caller of IPv6 has at least a whole network of that prefix."""


def address_of(request: Request, proxies: Collection[str]) -> str:
    """The peer's address; behind one of ``proxies`` the last one of X-Forwarded-For, which that proxy wrote.

    An IPv6 address counts for its /64 network, one that cannot be read for the peer.
    """
    peer = request.client.host if request.client is not None else ""
    told = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip() if peer in proxies else ""
    try:
        return network_of(str(ip_address(told or peer)))
    except ValueError:
        return peer


def network_of(address: str) -> str:
    """What counts as one caller: an IPv4 address, the /64 network of an IPv6 one; ``address`` itself where it is neither."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return str(ip_network((found, _OWN_BITS), strict=False))
    return str(found)
