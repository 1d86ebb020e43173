"""The three forms of a posted event give the same headers and payload, byte for byte; whatever has no form is told where."""

from __future__ import annotations

import base64
import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import SIGNATURE_HEADER, Envelope, read_headers, signed_bytes
from schemas.reasons import Reason
from schemas.signature_header import parse_header
from schemas.signing import Scheme, SigningKey, sign, verify
from services.api.cloudevents.binary import read_binary
from services.api.cloudevents.handle import Handle
from services.api.cloudevents.offer import MAX_EVENTS, Misfit, Offer
from services.api.cloudevents.structured import BadBody, TooMany, read_batch, read_event

KEY = SigningKey.from_seed(Scheme.ED25519, b"\x07" * 32)
PAYLOAD = b'{ "salt":"00",\n "n": 1.50, "container":"CSQU3054383", "text":"\\u4e2d\xe4\xb8\xad", "x":[{}]}'
ATTRIBUTES = {
    "specversion": "1.0",
    "source": "urn:cre:ktz",
    "id": 'dep 7/中%"x',
    "type": "cre.movement.departed.v1",
    "time": "2025-09-10T08:05:00+05:00",
    "subject": "",
    "datacontenttype": "application/json",
}


def signature(attributes: dict[str, str] = ATTRIBUTES, payload: bytes = PAYLOAD) -> str:
    return sign(KEY, signed_bytes("demo", Envelope(**attributes), payload))


def structured(payload: bytes = PAYLOAD, **more: object) -> bytes:
    told = {**ATTRIBUTES, "lianyunsignature": signature(payload=payload), "partitionkey": "x", **more}
    head = json.dumps({name: value for name, value in told.items() if value is not None}).encode()
    return head[:-1] + b', "data" : ' + payload + b" }"


def binary(payload: bytes = PAYLOAD) -> list[tuple[bytes, bytes]]:
    return [
        (b"ce-specversion", b"1.0"),
        (b"ce-source", b"urn:cre:ktz"),
        (b"ce-id", b"dep%207/%E4%B8%AD%25%22x"),
        (b"ce-type", b"cre.movement.departed.v1"),
        (b"ce-time", b"2025-09-10T08:05:00+05:00"),
        (b"ce-subject", b""),
        (b"content-type", b"application/json"),
        (b"lianyun-signature", signature(payload=payload).encode()),
        (b"ce-partitionkey", b"x"),
        (b"host", b"x"),
    ]


def good(found: Offer | Misfit) -> Offer:
    assert isinstance(found, Offer), found
    return found


def bad(found: Offer | Misfit) -> tuple[Reason, str]:
    assert isinstance(found, Misfit)
    return found.refusal.reason, found.refusal.pointer


def test_every_form_gives_what_was_signed() -> None:
    one = good(read_event(structured(), "demo"))
    again = structured().replace(
        b', "data" : ' + PAYLOAD, b', "data_base64": "' + base64.b64encode(PAYLOAD) + b'"'
    )
    forms = [one, good(read_event(again, "demo")), good(read_binary(binary(), PAYLOAD, "demo"))]
    forms += [
        good(each) for each in read_batch(b" [ " + structured() + b" ,\n" + structured() + b"] ", "demo")
    ]
    assert all(each == one for each in forms)
    assert len(forms) == 5
    assert one.payload == PAYLOAD
    assert one.key == b"CSQU3054383"
    envelope, header = read_headers(one.headers)
    verify(parse_header(header), KEY.public, signed_bytes("demo", envelope, one.payload))
    assert [name for name, _ in one.headers] == [
        "ce_specversion", "ce_source", "ce_id", "ce_type", "ce_time", "ce_subject", "content-type", SIGNATURE_HEADER,
    ]  # fmt: skip


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), _JSON, max_size=5), st.booleans(), st.sampled_from([None, 1]))
def test_any_payload_is_cut_out_as_it_stands(
    value: dict[str, object], ascii_only: bool, indent: int | None
) -> None:
    try:
        payload = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    except UnicodeEncodeError:
        return
    assert good(read_event(structured(payload), "demo")).payload == payload


@given(st.binary(max_size=60))
def test_no_body_is_a_fault_of_ours(body: bytes) -> None:
    for read in (read_event, read_batch):
        with pytest.raises((BadBody, TooMany)) if not _is_json(body) else _anything():
            read(body, "demo")


class _anything:
    def __enter__(self) -> None: ...
    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        return kind is None or issubclass(kind, BadBody | TooMany)


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body.decode())
    except (ValueError, UnicodeDecodeError):
        return False
    return True


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no"), (b"[]", "object"), (b"{", "name"), (b'{"a":1', "comma"), (b'{"a" 1}', "colon"), (b'{"a":}', "value"),
        (b'{"a":NaN}', "NaN"), (b'{"a":1} x', "follows"), (b"\xff{}", "UTF-8"), (b"\xef\xbb\xbf{}", "object"),
        (b'{"a":' + b"[" * 100_000, "deep"), (b'{"a\n":1}', "value"),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_read(body: bytes, said: str) -> None:
    with pytest.raises(BadBody, match=said):
        read_event(body, "demo")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"id": None}, (Reason.MISSING_HEADER, "/id")),
        ({"time": None}, (Reason.MISSING_HEADER, "/time")),
        ({"id": 7}, (Reason.INVALID_HEADER, "/id")),
        ({"id": "\ud800"}, (Reason.INVALID_HEADER, "/id")),
        ({"id": "x" * 300}, (Reason.INVALID_HEADER, "/id")),
        ({"time": "yesterday"}, (Reason.INVALID_TIME, "/time")),
        ({"specversion": "0.3"}, (Reason.INVALID_HEADER, "/specversion")),
        ({"datacontenttype": "text/xml"}, (Reason.INVALID_HEADER, "/datacontenttype")),
        ({"lianyunsignature": None}, (Reason.UNSIGNED, "/lianyunsignature")),
        ({"lianyunsignature": "v1;x"}, (Reason.MALFORMED_SIGNATURE, "/lianyunsignature")),
        ({"lianyunsignature": "é"}, (Reason.MALFORMED_SIGNATURE, "/lianyunsignature")),
        ({"data_base64": "AAAA"}, (Reason.INVALID_HEADER, "/data_base64")),
    ],
)
def test_where_an_event_lacks_form(change: dict[str, object], found: tuple[Reason, str]) -> None:
    assert bad(read_event(structured(**change), "demo")) == found


def test_more_that_lacks_form() -> None:
    twice = structured()[:-1] + b', "id":"other"}'
    assert bad(read_event(twice, "demo")) == (Reason.DUPLICATE_HEADER, "/id")
    large = structured(b'"' + b"x" * 70_000 + b'"')
    assert bad(read_event(large, "demo"))[0] is Reason.TOO_LARGE
    told = orjson.loads(structured())
    del told["data"]
    assert bad(read_event(orjson.dumps(told), "demo"))[0] is Reason.NULL_VALUE
    told["data_base64"] = "AAA"
    assert bad(read_event(orjson.dumps(told), "demo")) == (Reason.INVALID_HEADER, "/data_base64")


def test_a_bad_event_in_a_batch_leaves_the_others() -> None:
    found = read_batch(b"[" + structured() + b"," + structured(time=None) + b",{}]", "demo")
    assert [type(each) for each in found] == [Offer, Misfit, Misfit]
    assert read_batch(b"[ ]", "demo") == []
    with pytest.raises(TooMany):
        read_batch(b"[" + b",".join([b"{}"] * (MAX_EVENTS + 1)) + b"]", "demo")
    assert len(read_batch(b"[" + b",".join([b"{}"] * MAX_EVENTS) + b"]", "demo")) == MAX_EVENTS


@pytest.mark.parametrize(
    ("header", "value", "found"),
    [
        (b"ce-id", None, (Reason.MISSING_HEADER, "header:ce-id")),
        (b"ce-id", b"100%", (Reason.INVALID_HEADER, "header:ce-id")),
        (b"ce-id", b"%FF", (Reason.INVALID_HEADER, "header:ce-id")),
        (b"ce-id", b"%00", (Reason.INVALID_HEADER, "header:ce-id")),
        (b"ce-id", b"\xe4", (Reason.INVALID_HEADER, "header:ce-id")),
        (b"content-type", b"text/plain", (Reason.INVALID_HEADER, "header:content-type")),
        (b"lianyun-signature", None, (Reason.UNSIGNED, "header:lianyun-signature")),
    ],
)
def test_binary_headers(header: bytes, value: bytes | None, found: tuple[Reason, str]) -> None:
    told = [(name, old) for name, old in binary() if name != header]
    told += [] if value is None else [(header, value)]
    assert bad(read_binary(told, PAYLOAD, "demo")) == found
    assert bad(read_binary([*binary(), (b"Ce-Id", b"x")], PAYLOAD, "demo")) == (
        Reason.DUPLICATE_HEADER,
        "header:ce-id",
    )


@given(
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=32, max_size=32),
    st.from_regex(r"cre\.[a-z]{1,20}\.v1", fullmatch=True),
    st.integers(0, 1_000),
    st.integers(0, 2**62),
)
def test_a_handle_is_read_back_and_nothing_else_is(
    id_: bytes, letter: bytes, topic: str, part: int, offset: int
) -> None:
    handle = Handle(id_, id_[::-1], letter, topic, part, offset)
    assert Handle.of(handle.text()) == handle
    for other in (handle.text()[:80], "", "é", "A" * 200, handle.text() + "="):
        with pytest.raises(ValueError, match="not a handle"):
            Handle.of(other)


@pytest.mark.parametrize("id", ["dep\u202e", "dep\u200b", " dep", "de\u0301p"])
def test_an_id_that_cannot_be_told_from_another_is_no_event(id: str) -> None:
    body = json.loads(structured())
    assert bad(read_event(json.dumps({**body, "id": id}).encode(), "demo")) == (
        Reason.INVALID_HEADER,
        "/id",
    )
