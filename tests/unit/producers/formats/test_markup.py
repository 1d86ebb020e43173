"""A stranger's XML is read from its own bytes alone; what is broken, hostile or too large is refused with a remedy."""

from __future__ import annotations

import codecs
import time
from pathlib import Path

import pytest

from schemas.reasons import Reason, Refusal
from services.producers.formats import markup
from tests.support.messages.documents import running

BOMB = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
RUSSIAN = "Достык"


def refused(raw: bytes) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        markup.read(raw)
    assert refusal.value.detail
    assert refusal.value.remedy
    return refusal.value


@pytest.mark.parametrize(
    ("raw", "says", "where"),
    [
        (f'<!DOCTYPE m [<!ENTITY a0 "ha">{BOMB}]><m>&a9;</m>'.encode(), "document type", "line 1"),
        (b'<!DOCTYPE m [<!ENTITY x SYSTEM "file:///etc/hostname">]><m>&x;</m>', "document type", "line 1"),
        (b'<?xml version="1.0"?>\n<!-- a -->\n<!DOCTYPE m SYSTEM "http://127.0.0.1:9/x.dtd"><m/>', "type", "line 3"),
        (b'<!DOCTYPE m [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p">%p;]><m/>', "document type", "line 1"),
        (b"<m>&undeclared;</m>", "not well-formed", "line 1"),
        (b"<m><a>1</b></m>", "not well-formed", "line 1"),
        (b"<m>\n<a>1</a>\n<b>", "cut off", "line 3"),
        (running()[:-40], "cut off", "line"),
        (b"", "empty", ""),
        (b" \r\n\t ", "empty", ""),
        (b"\xef\xbb\xbf", "empty", ""),
        (b"PK\x03\x04 a workbook", "not XML", "line 1"),
        (b'{"events": []}', "not XML", "line 1"),
        (f'<?xml version="1.0" encoding="UTF-8"?><m>{RUSSIAN}</m>'.encode("cp1251"), "is no utf-8", "byte 41"),
        (f"<m>{RUSSIAN}</m>".encode("cp1251"), "without a declaration", "byte 3"),
        (b'<?xml version="1.0" encoding="UTF-16"?><m/>', "its bytes are not", "line 1"),
        (codecs.BOM_UTF8 + b'<?xml version="1.0" encoding="windows-1251"?><m/>', "its first bytes", "line 1"),
        (codecs.BOM_UTF16_LE + '<?xml version="1.0" encoding="utf-8"?><m/>'.encode("utf-16-le"), "first", "line 1"),
        (b'<?xml version="1.0" encoding="utf-7"?><m/>', "utf-7 is not read", "line 1"),
        (b'<?xml version="1.0" encoding="rot13"?><m/>', "rot13 is not read", "line 1"),
        (b'<?xml version="1.0" encoding="klingon"?><m/>', "klingon is not read", "line 1"),
        (codecs.BOM_UTF32_LE + "<m/>".encode("utf-32-le"), "utf-32 is not read", "line 1"),
        (("\ufeff" + "<m>a</m>").encode("utf-16-le")[:-1], "cut off", "byte"),
        (b"<m>" + b"\x00" * 8 + b"</m>", "not well-formed", "line 1"),
        (b"<m>" * 65 + b"</m>" * 65, "deeper than 64", "/m/m/m"),
        (b"<m>" * 5000 + b"</m>" * 5000, "", ""),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_says_why_where_and_what_to_do(raw: bytes, says: str, where: str) -> None:
    refusal = refused(raw)
    assert refusal.reason is Reason.UNREADABLE_FILE
    assert says in refusal.detail
    assert where in refusal.pointer


def test_a_file_outside_is_never_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    uri = secret.as_uri()
    include = f'<m xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="{uri}" parse="text"/></m>'
    node = markup.read(include.encode())
    assert "secret" not in " ".join(found.text for found in node.walk())
    assert "the secret" not in str(refused(f'<!DOCTYPE m [<!ENTITY x SYSTEM "{uri}">]><m>&x;</m>'.encode()))


def test_fifty_megabytes_are_refused_at_once() -> None:
    raw = b"<m>" + b"<a>1</a>" * 6_250_000 + b"</m>"
    begun = time.perf_counter()
    refusal = refused(raw)
    assert refusal.reason is Reason.TOO_LARGE
    assert time.perf_counter() - begun < 1


def test_a_small_file_of_too_many_elements_is_refused() -> None:
    assert refused(b"<m>" + b"<a/>" * 200_001 + b"</m>").reason is Reason.TOO_LARGE


def test_an_element_of_very_many_attributes_is_refused_by_their_number() -> None:
    refusal = refused(b"<m><a " + b" ".join(b'a%d="1"' % n for n in range(40_000)) + b"/></m>")
    assert refusal.reason is Reason.UNREADABLE_FILE
    assert "40000 attributes, more than 64" in refusal.detail
    assert refusal.pointer == "/m/a"
    assert len(markup.read(b"<m " + b" ".join(b'a%d="1"' % n for n in range(64)) + b"/>").attributes) == 64


def test_a_name_of_an_element_is_bounded_and_a_path_is_made_where_it_is_shown() -> None:
    assert "more than 128" in refused(b"<" + b"n" * 129 + b"/>").detail
    name = "n" * 128
    root = markup.read(f"<{name}>{'<a/>' * 3}<{name}/></{name}>".encode())
    assert [child.path for child in root.children] == [
        f"/{name}/a",
        f"/{name}/a[2]",
        f"/{name}/a[3]",
        f"/{name}/{name}",
    ]


@pytest.mark.parametrize(
    "twice", ["<s>1</s><s>3</s>", '<s k="1">1</s><s>1</s>', "<s><t>1</t></s><s><t>2</t></s>"]
)
def test_an_element_that_stands_twice_and_differs_is_refused(twice: str) -> None:
    root = markup.read(f"<m>{twice}</m>".encode())
    with pytest.raises(Refusal, match="stands twice") as refusal:
        root.value("s")
    assert refusal.value.pointer == "/m/s[2]"
    assert markup.read(b"<m><s>1</s><s> 1 </s></m>").value("s") == "1"


@pytest.mark.parametrize(
    "raw",
    [
        f"<m>{RUSSIAN}</m>".encode(),
        f'<?xml version="1.0" encoding="UTF-8"?>\n<m>{RUSSIAN}</m>'.encode(),
        codecs.BOM_UTF8 + f"<m>{RUSSIAN}</m>".encode(),
        f'\r\n <?xml version="1.0"?><m>{RUSSIAN}</m>'.encode(),
        f'<?xml version="1.0" encoding="windows-1251"?><m>{RUSSIAN}</m>'.encode("cp1251"),
        f"<?xml version='1.0' encoding='koi8-r'?><m>{RUSSIAN}</m>".encode("koi8-r"),
        f'<?xml version="1.0" encoding="GB18030"?><m>{RUSSIAN}</m>'.encode("gb18030"),
        f'<?xml version="1.0" encoding="utf-16"?><m>{RUSSIAN}</m>'.encode("utf-16"),
        f"<m>{RUSSIAN}</m>".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + f"<m>{RUSSIAN}</m>".encode("utf-16-be"),
    ],
)
def test_every_honest_encoding_reads_alike(raw: bytes) -> None:
    assert markup.read(raw).text == RUSSIAN
    assert markup.root_name(raw) == "m"


def test_paths_name_the_element_and_number_its_brothers() -> None:
    root = markup.read(b'<x:m xmlns:x="u"><x:a/><b><c> 1 \n 2 </c></b><a x:i=" 3 "/></x:m>')
    first, b, second = root.children
    assert (first.path, second.path) == ("/m/a", "/m/a[2]")
    assert b.value("c") == "1 2"
    assert second.attributes == {"i": "3"}
    assert root.find("b/c/d") is None
    with pytest.raises(Refusal, match="/m/b/e"):
        b.require("e")


def test_names_are_compared_without_case_and_joining() -> None:
    root = markup.read(b"<m><UN_Number>3480</UN_Number><unnumber>1</unnumber></m>")
    assert [node.text for node in root.all("UNNumber")] == ["3480", "1"]


@pytest.mark.parametrize("raw", [b"", b"text", b'{"a": 1}', b"\xff\xfe", b"<", b"<!DOCTYPE", b"\x00" * 40])
def test_recognising_never_raises(raw: bytes) -> None:
    assert markup.root_name(raw) == ""
