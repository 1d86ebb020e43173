"""One spelling for every path (RFC 3986, 6.2.2), and which names are the API's own."""

from __future__ import annotations

from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.api.targets import OwnNames, normal_path, normal_uri, require_url


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("/v1/x", "/v1/x"),
        ("/v1/%7ex%2dy%5Fz", "/v1/~x-y_z"),
        ("/v1/a%2fb", "/v1/a%2Fb"),
        ("/v1/a%2Fb", "/v1/a%2Fb"),
        ("/v1/a/b", "/v1/a/b"),
        ("/v1/%e8%81%94%E8%bf%90", "/v1/%E8%81%94%E8%BF%90"),
        ("/v1/联运", "/v1/%E8%81%94%E8%BF%90"),
        ("/v1/a b|c", "/v1/a%20b%7Cc"),
        ("/v1/50%25", "/v1/50%25"),
        ("/v1/%2525", "/v1/%2525"),
        ("/v1/./a/../b", "/v1/b"),
        ("/v1/%2e/a/%2E%2e/b", "/v1/b"),
        ("/../../v1", "/v1"),
        ("/v1/..", "/"),
        ("/v1/x/.", "/v1/x/"),
        ("/v1//x/", "/v1//x/"),
        ("/v1/.x/..y", "/v1/.x/..y"),
        ("/", "/"),
        ("*", "*"),
    ],
)
def test_a_path_has_one_spelling(written: str, normal: str) -> None:
    assert normal_path(written) == normal


@pytest.mark.parametrize(
    "written",
    ["/%", "/%4", "/%zz", "/a%2", "/%+1", "/%00", "/a%00b", "/%ff", "/%c0%af", "/%ed%a0%80", "/%\n1"],
)
def test_what_cannot_be_read_is_said(written: str) -> None:
    with pytest.raises(ValueError, match=r"escape"):
        normal_path(written)


SEGMENTS = st.lists(
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8),
    min_size=1,
    max_size=5,
)


@given(SEGMENTS)
@example(["a/b", "%", "%2F", " ", "联运", "?", "#"])
def test_what_is_escaped_comes_back_segment_by_segment(segments: list[str]) -> None:
    named = [each for each in segments if each not in (".", "..")]
    path = normal_path("".join("/" + quote(each, safe="") for each in named))
    assert normal_path(path) == path
    if named:
        assert [unquote(each) for each in path.split("/")[1:]] == named


@given(SEGMENTS, st.booleans())
def test_however_it_is_escaped_the_path_is_the_same(segments: list[str], upper: bool) -> None:
    named = [each for each in segments if each not in (".", "..")]
    plain = "".join("/" + quote(each, safe="") for each in named) or "/"
    escape = "%{:02X}" if upper else "%{:02x}"
    every = "".join("/" + "".join(map(escape.format, each.encode())) for each in named) or "/"
    assert normal_path(every) == normal_path(plain)


def test_uris_are_compared_without_what_makes_no_difference() -> None:
    assert normal_uri("HTTPS://API.example:443/v1/%7Ex?q#f") == normal_uri("https://api.example/v1/~x")
    assert normal_uri("http://h") == "http://h/"
    assert normal_uri("http://h:443/") != normal_uri("http://h/")
    assert normal_uri("http://u@h/") != normal_uri("http://h/")


def test_names_are_those_of_the_urls_alone() -> None:
    names = OwnNames(("https://Api.example", "http://api:8443"))

    def refused(*hosts: bytes, path: bytes = b"/v1/x") -> str:
        scope = {"raw_path": path, "path": "/", "headers": [(b"host", host) for host in hosts]}
        problem = names.address(scope)
        return "" if problem is None else problem.kind.name

    good = (b"api.example", b"API.EXAMPLE:443", b"api:8443")
    assert {refused(host) for host in good} == {""}
    bad = (
        b"api.example:8443",
        b"api",
        b"api.example.",
        b"x@api.example",
        b"api.example:0443",
        b"",
        b" api:8443",
    )
    assert {refused(host) for host in bad} == {"misdirected"}
    assert refused() == refused(b"api:8443", b"api:8443") == "misdirected"
    assert refused(b"10.0.0.1", path=b"/health/live") == ""
    assert refused(b"10.0.0.1", path=b"/health/../v1/x") == "misdirected"
    assert refused(b"10.0.0.1", path=b"/health%2Flive") == "misdirected"
    assert refused(b"api:8443", path=b"/%zz") == "bad-request"
    assert names.uris("/v1/x") == ("https://api.example/v1/x", "http://api:8443/v1/x")


def test_a_url_of_an_api_is_scheme_host_and_port() -> None:
    assert require_url("https://api.example/") == "https://api.example"
    for wrong in (
        "",
        "api.example",
        "//api",
        "ftp://api",
        "https://",
        "https://u:p@api",
        "https://a?x",
        "https://a:x",
        "http://联运",
    ):
        with pytest.raises(ValueError):
            require_url(wrong)
