"""What a partner's operator is told of its own publications: hints about keys, medians of other parties, forms with files."""

from __future__ import annotations

import pytest

from schemas.schemes import Scheme
from schemas.signing import SigningKey
from services.ledger.registry.party import Key
from services.pages import multipart
from services.pages.published.file_trial import differences
from services.pages.published.key_hints import DAY, Hint, hints
from services.query.published.quality import LEAST_PARTIES, Measures, medians

NOW = 1_000 * DAY


def key(number: int, start: int, end: int | None = None, revoked: int | None = None) -> Key:
    """A key that is valid from day ``start`` to day ``end``."""
    public = SigningKey.from_seed(Scheme.ED25519, bytes([number]) * 32).public
    return Key(
        "ktz",
        public,
        start * DAY,
        None if end is None else end * DAY,
        None if revoked is None else revoked * DAY,
    )


OLD, NEW = key(1, 0, 1_010), key(2, 990)
CASES = {
    "one without an end": ([key(1, 0)], {1}, []),
    "none": ([], set(), [Hint.NONE_VALID]),
    "none now": ([key(1, 0, 900), key(2, 1_001)], {1}, [Hint.NONE_VALID]),
    "ends in ten days": ([OLD], {1}, [Hint.ENDS]),
    "ends in ninety days": ([key(1, 0, 1_090)], {1}, []),
    "revoked from a day on": ([key(1, 0, None, 1_005)], {1}, [Hint.ENDS]),
    "the next one begins too late": ([OLD, key(2, 1_012)], {1}, [Hint.GAP]),
    "the next one begins in time": ([OLD, key(2, 1_009)], {1}, []),
    "a chain of keys that ends": ([OLD, key(2, 1_005, 1_020)], {1}, [Hint.ENDS]),
    "the successor signs nothing": ([OLD, NEW], {1}, [Hint.NOT_CHANGED, Hint.UNUSED]),
    "the successor signs": ([OLD, NEW], {1, 2}, []),
    "never used": ([key(1, 0), key(2, 1)], {1}, [Hint.UNUSED]),
}


@pytest.mark.parametrize(("keys", "used", "wanted"), CASES.values(), ids=CASES)
def test_what_has_to_be_done_about_keys_is_said_ahead(
    keys: list[Key], used: set[int], wanted: list[Hint]
) -> None:
    signed = {key(number, 0).key_id: NOW for number in used}
    assert [each.hint for each in hints(keys, signed, NOW)] == wanted


def test_a_median_is_shown_of_enough_other_parties_and_is_nobody_s_exact_value() -> None:
    others = [Measures(50, refused=0.1234 + n / 1_000, lateness=61_234_567) for n in range(LEAST_PARTIES)]
    found = medians(others)
    assert found["refused"] == 0.13
    assert found["lateness"] == 60_000_000
    assert found["missing"] is None
    assert set(medians(others[1:]).values()) == {None}


def form(content: bytes, disposition: str = 'form-data; name="file"; filename="a\\\\b.csv"') -> bytes:
    return b"\r\n".join(
        [b"--b", f"Content-Disposition: {disposition}".encode(), b"", content, b"--b--", b""]
    )  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"\r\n\r\n", b"\r", b"--bc", bytes(range(256)), b"x\n--bb\r\ny"])
def test_a_file_in_a_form_is_read_byte_for_byte(content: bytes) -> None:
    fields, files = multipart.parse("multipart/form-data; boundary=b", form(content))
    assert (fields, files["file"]) == ({}, multipart.Upload("b.csv", content))


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", form(b"x")),
        ("multipart/form-data; boundary=c", form(b"x")),
        ("multipart/mixed; boundary=b", form(b"x")),
        ("multipart/form-data; boundary=b", form(b"x")[:-9]),
        ("multipart/form-data; boundary=b", form(b"x", "attachment")),
        ("multipart/form-data; boundary=b", form(b"\xff", 'form-data; name="zone"')),
        ("multipart/form-data; boundary=b", b"".join(form(b"x")[:-7] for _ in range(99))),
    ],
)
def test_what_is_no_form_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(ValueError):
        multipart.parse(content_type, body)


def test_contents_differ_where_their_fields_do() -> None:
    one = {"place": "a", "objects": [{"id": "1"}, {"id": "2"}], "same": 1}
    assert differences(one, {**one, "objects": [{"id": "1"}, {"id": "3"}], "place": "b"}) == [
        "/objects/1/id",
        "/place",
    ]
    assert differences(one, dict(one)) == []
