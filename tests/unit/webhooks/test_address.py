"""No spelling of an internal address is called."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.webhooks.address import BadUrl, allowed, require_url

INTERNAL = (
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "100.100.100.200", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
    "::ffff:10.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "fc00::1", "fd00:ec2::254",
    "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "100::1", "no address", "", "127.1", "0x7f000001", "2130706433",
)  # fmt: skip
PUBLIC = ("8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8")


@pytest.mark.parametrize("address", INTERNAL)
def test_internal(address: str) -> None:
    assert not allowed(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert allowed(address)
    assert allowed(address, loopback=True)


def test_loopback_opens_this_machine_and_nothing_else() -> None:
    inside = {address for address in INTERNAL if allowed(address, loopback=True)}
    assert inside == {"127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"}


@given(st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address))
def test_inside_an_ipv6_address_it_is_judged_the_same(address: ipaddress.IPv4Address) -> None:
    assert allowed(f"::ffff:{address}") == allowed(str(address))
    assert not allowed(f"::{address}")
    if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast:
        assert not allowed(str(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.abank.example/x", "ftp://hooks.abank.example", "https://", "https://user@hooks.example/", "file:///etc/passwd",
        "https://u:p@hooks.example/", "https://hooks.example/#x", "https://localhost/x", "https://x.localhost/", "https://127.0.0.1/",
        "https://LOCALHOST./", "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://127.1/", "https://0x7f.1/", "https://2130706433/",
        "https://0177.0.0.01/", "https://10.0.0.5:8443/", "https://hooks.example:0/", "https://hooks.example:99999/", "https://a b/",
        "https://hooks.example\\@10.0.0.1/", "https://hooks.exämple/", "https://[::1", "https://" + "a" * 2_048, "\thttps://hooks.example",
    ],
)  # fmt: skip
def test_bad_urls(url: str) -> None:
    with pytest.raises(BadUrl):
        require_url(url)


@pytest.mark.parametrize("url", ["https://hooks.abank.example/lianyun?x=1", "https://8.8.8.8:8443/"])
def test_good_urls(url: str) -> None:
    require_url(url)
    require_url(url, loopback=True)


@pytest.mark.parametrize(
    "port",
    [1, 21, 22, 23, 25, 53, 80, 110, 143, 389, 444, 465, 636, 993, 1023, 2049, 5060, 6000, 6667, 10080],
)
def test_a_port_that_is_none_of_the_web_is_not_called(port: int) -> None:
    for host in ("hooks.abank.example", "8.8.8.8"):
        with pytest.raises(BadUrl, match=f"Port {port} is not called"):
            require_url(f"https://{host}:{port}/")
        with pytest.raises(BadUrl, match="Port"):
            require_url(f"https://{host}:{port}/", loopback=True)
    require_url(f"http://127.0.0.1:{port}/", loopback=True)


@pytest.mark.parametrize("port", ["", ":", ":443", ":1024", ":8443", ":9443", ":65535"])
def test_a_port_of_the_web_is_called(port: str) -> None:
    require_url(f"https://hooks.abank.example{port}/")


def test_what_is_wrong_with_a_url_is_said_in_our_own_words() -> None:
    for url in ("https://[::1", "https://hooks.example:99999/", "https://hooks.example:ssh/", "https://[x]/"):
        with pytest.raises(BadUrl, match=r"^It is no URL: give https"):
            require_url(url)


def test_loopback_urls_by_setting_only() -> None:
    for url in ("http://127.0.0.1:9000/", "http://localhost:9000/x", "https://[::1]/"):
        require_url(url, loopback=True)
    for url in ("http://hooks.example/", "http://10.0.0.1/", "https://10.0.0.1/"):
        with pytest.raises(BadUrl):
            require_url(url, loopback=True)
