"""Strict JSON: one text, one meaning, whichever way it is read."""

import json
import time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import strict_json
from schemas.reasons import Reason, Refusal

REFUSED = [
    ("duplicate key", b'{"a":1,"a":1}', "", "more than once"),
    ("duplicate key, spelt with an escape", b'{"a":1,"\\u0061":2}', "", "more than once"),
    ("duplicate key further down", b'{"objects":[{},{"id":1,"id":2}]}', "/objects/1", "more than once"),
    ("place of a key with slashes", b'{"a/b~c":{"d":1,"d":2}}', "/a~1b~0c", "more than once"),
    ("NaN", b'{"weight":NaN}', "/weight", "NaN"),
    ("infinity", b"[Infinity]", "/0", "Infinity"),
    ("negative infinity", b"[-Infinity]", "/0", "-Infinity"),
    ("2^53", b'{"n":9007199254740992}', "/n", "2^53"),
    ("-2^53", b'{"n":-9007199254740992}', "/n", "2^53"),
    ("beyond 64 bits", b'{"n":18446744073709551616}', "/n", "2^53"),
    ("a huge integer", b'{"n":' + b"9" * 60_000 + b"}", "/n", "2^53"),
    ("a float that overflows", b'{"n":1e400}', "/n", "too large"),
    ("NUL in a string", b'{"remark":"a\\u0000b"}', "/remark", "NUL"),
    ("NUL in a key", b'{"a\\u0000":1}', "", "NUL"),
    ("raw NUL", b'{"remark":"a\x00b"}', "", "not JSON"),
    ("lone high surrogate", b'{"remark":"\\ud800"}', "/remark", "surrogate"),
    ("lone low surrogate", b'["\\uDC00"]', "/0", "surrogate"),
    ("lone surrogate in a key", b'{"\\ud800":1}', "", "surrogate"),
    ("surrogates in UTF-8", b'["\xed\xa0\x80"]', "", "UTF-8"),
    ("invalid UTF-8", b'["\xff"]', "", "UTF-8"),
    ("overlong UTF-8", b'["\xc0\xaf"]', "", "UTF-8"),
    ("byte order mark", b"\xef\xbb\xbf{}", "", "not JSON"),
    ("UTF-16", "{}".encode("utf-16"), "", "UTF-8"),
    ("nothing", b"", "", "not JSON"),
    ("cut off", b'{"a":', "", "not JSON"),
    ("something behind", b"{} {}", "", "not JSON"),
    ("trailing comma", b"[1,]", "", "not JSON"),
    ("single quotes", b"{'a':1}", "", "not JSON"),
    ("leading zero", b"[01]", "", "not JSON"),
    ("33 deep", b"[" * 33 + b"]" * 33, "", "deeper than 32"),
    ("33 deep with objects", b'{"a":' * 33 + b"1" + b"}" * 33, "", "deeper than 32"),
    ("33 deep with spaces", b"[ " * 33 + b"]" * 33, "", "deeper than 32"),
    ("30,000 deep", b"[" * 30_000 + b"]" * 30_000, "", "deeper than 32"),
    ("65,000 deep, never closed", b"[" * 65_000, "", "deeper than 32"),
    ("deep behind closing brackets in strings", b'["]",' * 40 + b"1" + b"]" * 40, "", "deeper than 32"),
    ("deep behind an escaped quote", b'["\\"]",' * 40 + b"1" + b"]" * 40, "", "deeper than 32"),
]


@pytest.mark.parametrize(
    ("raw", "pointer", "says"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_refuses_and_says_where(raw: bytes, pointer: str, says: str) -> None:
    with pytest.raises(Refusal) as refusal:
        strict_json.loads(raw)
    assert refusal.value.reason is Reason.INVALID_JSON
    assert refusal.value.pointer == pointer
    assert says in refusal.value.detail


@pytest.mark.parametrize("raw", [b"[" * 100_000 + b"]" * 100_000, b'"' + b"x" * 65_535 + b'"'])
def test_refuses_more_than_64_kib_unread(raw: bytes) -> None:
    with pytest.raises(Refusal) as refusal:
        strict_json.loads(raw)
    assert refusal.value.reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'"' + b"x" * 65_534 + b'"', "x" * 65_534),
        (b"[" * 32 + b"]" * 32, None),
        (b"[ " * 32 + b"]" * 32, None),
        (b'["[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["]', ["[" * 38]),
        (b'["[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[" ]', ["[" * 38]),
        (b'{"a": 1, "b": [true, null]}', {"a": 1, "b": [True, None]}),
        (b'{"n":9007199254740991,"m":-9007199254740991}', {"n": 2**53 - 1, "m": -(2**53 - 1)}),
        (b'["\\ud83d\\ude82"]', ["\U0001f682"]),
        (b'["\\\\u0000"]', ["\\u0000"]),
        ('{"站":"霍尔果斯"}'.encode(), {"站": "霍尔果斯"}),
        (b"[-0, 1.50, 1E2]", [0, 1.5, 100.0]),
        (b" 7\n", 7),
    ],
)
def test_accepts_ordinary_json(raw: bytes, value: object) -> None:
    read = strict_json.loads(raw)
    assert read == (json.loads(raw) if value is None else value)


def test_a_hostile_string_costs_no_quadratic_time() -> None:
    raw = b'["' + b'\\"' * 30_000 + b"[" * 40
    start = time.process_time()
    with pytest.raises(Refusal):
        strict_json.loads(raw)
    assert time.process_time() - start < 0.5


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53 - 1), 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
values = st.recursive(
    scalars | texts, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5)
)


@given(values)
def test_the_fast_and_the_exact_way_agree(value: object) -> None:
    raw = orjson.dumps(value)
    assert strict_json.loads(raw) == value
    assert strict_json._loads_exactly(raw) == value
    assert strict_json.loads(json.dumps(value, indent=1).encode()) == value


PIECES = b'{ } [ ] , : "a" "\\u0000" "\\ud800" 1 -0 1.0 1e400 9007199254740992 99999999999999999999 NaN true \xff " \\'.split()
fragments = st.lists(st.sampled_from([*PIECES, b" "]), max_size=24).map(b"".join)


@given(fragments | st.binary(max_size=64))
def test_the_fast_way_accepts_nothing_that_the_exact_way_refuses(raw: bytes) -> None:
    try:
        value = strict_json.loads(raw)
    except Refusal:
        with pytest.raises(Refusal):
            strict_json._loads_exactly(raw)
    else:
        exact = strict_json._loads_exactly(raw)
        assert repr(exact) == repr(value)
