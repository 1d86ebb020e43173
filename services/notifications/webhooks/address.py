"""The addresses that a webhook may call: public ones only (protection against server-side request forgery).

A webhook has the platform send requests to an address of somebody else's choice. The URL is checked at registration, and each
address that its name resolves to is checked again, by ``allowed``, when the socket to that address is opened: DNS rebinding in
between has no effect.
"""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

MAX_URL: Final = 2_048

# In addition to those that the standard library knows as not global: addresses translated to others (NAT64, 6to4), and the
# metadata services of clouds.
_REFUSED: Final = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
            "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
            "224.0.0.0/4", "240.0.0.0/4", "100.100.100.200/32",
            "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fc00::/7",
            "fe80::/10", "fec0::/10", "ff00::/8", "fd00:ec2::254/128",
        ),
    )
)  # fmt: skip

# Ports at 1024 and above that browsers do not call either (WHATWG Fetch, "bad port"): services that speak first or by lines.
_REFUSED_PORTS: Final = frozenset(
    {1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, *range(6665, 6670), 6679, 6697, 10080}
)


class BadUrl(ValueError):
    """The URL cannot be that of a webhook; the text says why and what to give instead."""


def allowed(address: str, loopback: bool = False) -> bool:
    """Whether a socket to the IP address ``address`` may be opened; ``loopback`` also allows this machine.

    An IPv4-mapped IPv6 address is treated as the IPv4 address; anything that is no address is refused.
    """
    try:
        found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if loopback and found.is_loopback:
        return True
    return found.is_global and not any(
        found.version == network.version and found in network for network in _REFUSED
    )


def require_url(url: str, loopback: bool = False) -> None:
    """Raise BadUrl unless ``url`` may be a webhook's: https, without credentials and fragment, no internal address, port 443 or one
    from 1024 on that no other protocol is known for.

    ``loopback`` allows http and https to this machine, for tests and the sandbox. Names are not resolved here.
    """
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise BadUrl(f"Give at most {MAX_URL} printable ASCII characters without spaces.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise BadUrl("It is no URL: give https, a host, and a port from 1024 to 65535 or none.") from None
    if not host or port == 0:
        raise BadUrl("It names no host, or no port that can be called.")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise BadUrl("Leave out credentials and fragment: deliveries prove themselves by their signature.")
    if "\\" in url:
        raise BadUrl("It holds a backslash, which others read as a slash.")
    here = _is_loopback(host)
    if parts.scheme != "https" and not (loopback and here and parts.scheme == "http"):
        raise BadUrl("Give an https URL.")
    if _looks_numeric(host) and not allowed(host, loopback):
        raise BadUrl("It leads to an address that is not public.")
    if here and not loopback:
        raise BadUrl("It leads to an address that is not public.")
    if not here and port is not None and port != 443 and (port < 1_024 or port in _REFUSED_PORTS):
        raise BadUrl(
            f"Port {port} is not called: take 443, or one from 1024 on on which no other kind of service is usual."
        )


def _is_loopback(host: str) -> bool:
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _looks_numeric(host: str) -> bool:
    """An address, or what resolvers take for one (``127.1``, ``0x7f000001``, ``2130706433``) and ``allowed`` does not."""
    if ":" in host:
        return True
    last = host.rstrip(".").rpartition(".")[2].lower()
    return last.isdigit() or last.startswith("0x")
