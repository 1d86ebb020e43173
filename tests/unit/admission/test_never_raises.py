"""Whatever bytes come, admission answers: nothing a stranger or a partner sends may end a worker."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.events.catalogue import CATALOGUE
from schemas.schemes import Scheme
from services.ledger.admission.model import Admitted, Record, Refused
from services.ledger.admission.raw_bytes import capped, digest, frame, unframe
from tests.support.profile import rounds

NAMES = [
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_time",
    "ce_subject",
    "content-type",
    "lianyun-signature",
]
LIMITS = settings(max_examples=rounds(80, 400), deadline=None, suppress_health_check=[HealthCheck.too_slow])

any_headers = st.lists(
    st.tuples(st.sampled_from(NAMES) | st.text(max_size=12), st.none() | st.binary(max_size=80)), max_size=12
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
wild_text = st.text(st.characters(codec=None), max_size=40)


def answered(judged: object) -> None:
    assert isinstance(judged, Admitted | Refused)
    if isinstance(judged, Refused):
        assert judged.reason != "INTERNAL_ERROR"
        assert judged.detail


@LIMITS
@given(headers=any_headers, value=st.none() | st.binary(max_size=300), append=st.integers(0, 2**45))
def test_arbitrary_headers_and_bytes(
    shared_network: Any, headers: list[tuple[str, bytes | None]], value: bytes | None, append: int
) -> None:
    record = Record("cre.railway.ktz.v1", 0, 0, append, headers, value)
    judged = shared_network.judge(record)
    assert isinstance(judged, Refused)
    answered(judged)


@LIMITS
@given(at=st.integers(0, 7), value=st.none() | st.binary(max_size=300), data=st.data())
def test_one_header_of_a_good_event_replaced(
    shared_network: Any, at: int, value: bytes | None, data: Any
) -> None:
    good = shared_network.record(scheme=data.draw(st.sampled_from([Scheme.ED25519, Scheme.ED25519_BATCH])))
    headers = list(good.headers)
    name, old = headers[at]
    headers[at] = (name, value)
    judged = shared_network.judge(good._replace(headers=headers))
    answered(judged)
    assert isinstance(judged, Admitted) == (value == old)


@LIMITS
@given(value=st.binary(max_size=400))
def test_arbitrary_bytes_that_a_partner_signed(shared_network: Any, value: bytes) -> None:
    answered(shared_network.judge(shared_network.record(value)))


@LIMITS
@given(data=st.data())
def test_a_signed_payload_of_each_type_with_one_field_spoiled(shared_network: Any, data: Any) -> None:
    type_ = data.draw(st.sampled_from(sorted(CATALOGUE)))
    payload = shared_network.payload(
        **{
            "from": "2026-03-01T08:00:00+08:00",
            "target": "arr-0",
            "reason": "OTHER",
            "place": "railnet:dostyk",
        }
    )
    field = data.draw(st.sampled_from(sorted(payload)) | st.text(min_size=1, max_size=10))
    payload[field] = data.draw(json_values)
    raw = json.dumps(payload).encode("utf-8", "surrogatepass")
    answered(shared_network.judge(shared_network.record(raw, type=type_)))


@LIMITS
@given(id=wild_text, place=wild_text, occurrence=wild_text)
def test_wild_text_in_identifiers(shared_network: Any, id: str, place: str, occurrence: str) -> None:
    for kind in ("container", "wagon", "train", "note", "consignment", "booking"):
        changed = shared_network.payload(
            objects=[{"kind": kind, "id": id}], place=place, occurrence=occurrence
        )
        raw = json.dumps(changed, ensure_ascii=True).encode()
        answered(shared_network.judge(shared_network.record(raw)))


@LIMITS
@given(
    id=st.text("A0/ -.:\u0661\uff11\u00b2CUIM", min_size=1, max_size=24),
    kind=st.sampled_from(["container", "wagon", "train", "note", "consignment"]),
)
def test_identifiers_that_look_almost_right(shared_network: Any, id: str, kind: str) -> None:
    record = shared_network.record(shared_network.payload(objects=[{"kind": kind, "id": id}]))
    answered(shared_network.judge(record))


@LIMITS
@given(headers=any_headers, value=st.none() | st.binary(max_size=300))
def test_the_raw_bytes_of_a_dead_letter_come_back_unchanged(
    headers: list[tuple[str, bytes | None]], value: bytes | None
) -> None:
    framed, kept, truncated = capped(headers, value)
    assert not truncated
    assert (unframe(framed), kept) == (headers, value)
    assert digest(unframe(framed), kept) == digest(headers, value)
    changed = [*headers, ("x", None)]
    assert digest(changed, value) != digest(headers, value)
    assert frame(changed) != frame(headers)
