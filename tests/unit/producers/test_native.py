"""Native lines become the same signed bytes on every machine, and bad lines become outcomes with a pointer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.reasons import Reason, Refusal
from schemas.signing import Scheme, SigningKey
from services.producers import file_reader, unsigned_event
from services.producers.formats import native_lines
from services.producers.formats.model import Position
from services.producers.profile import Profile, ProfileError, load

PROFILE = Profile(
    "ktz",
    "urn:cre:ktz",
    "cre.railway.ktz.v1",
    "demo",
    SigningKey.from_seed(Scheme.ED25519_BATCH, bytes(32)),
    bytes(32),
)
RECORD = {
    "id": "dep-1",
    "type": "cre.movement.departed.v1",
    "time": "2025-09-12T08:00:00+05:00",
    "data": {
        "classifier": "ACT",
        "happened": "2025-09-12T07:55:00+05:00",
        "place": "esr:708403",
        "objects": [
            {"kind": "train", "id": "ktz/1402/2025-09-12/esr:708403"},
            {"kind": "container", "id": "CSQU3054383"},
        ],
    },
}


def line(**changes: object) -> bytes:
    return json.dumps({**RECORD, **changes}).encode()


def test_the_same_record_gives_the_same_bytes_whatever_the_spacing_and_key_order() -> None:
    one = unsigned_event.build(json.dumps(RECORD).encode(), PROFILE)
    other = unsigned_event.build(json.dumps(RECORD, indent=1).encode(), PROFILE)
    assert one.signed == other.signed
    assert one.key == b"ktz/1402/2025-09-12/esr:708403"


def test_the_salt_differs_by_record_and_secret() -> None:
    first = json.loads(unsigned_event.build(line(), PROFILE).payload)["salt"]
    assert json.loads(unsigned_event.build(line(id="dep-2"), PROFILE).payload)["salt"] != first


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (b"[]", ""),
        (line(id=7), "/id"),
        (line(data=[]), "/data"),
        (line(extra=1), "/extra"),
        (line(data={**RECORD["data"], "happened": "yesterday"}), "/happened"),  # type: ignore[dict-item]
        (line(type="cre.movement.vanished.v1"), "header:ce_type"),
        (line(time="2025-09-12T08:00:00"), "header:ce_time"),
        (b'{"id": "a", "id": "b"}', ""),
        (b"\xff", ""),
    ],
)
def test_a_bad_line_is_refused_with_a_pointer(raw: bytes, pointer: str) -> None:
    with pytest.raises(Refusal) as refused:
        unsigned_event.build(raw, PROFILE)
    assert refused.value.pointer == pointer
    assert isinstance(refused.value.reason, Reason)


def test_a_file_with_bom_blank_and_bad_lines_yields_every_line_with_its_number() -> None:
    content = b"\xef\xbb\xbf" + line() + b"\n\n{broken\n" + line(id="dep-3") + b"\r\n"
    records = list(file_reader.read(content, PROFILE).records)
    assert [(each.where.row, each.event is not None) for each in records] == [
        (1, True),
        (3, False),
        (4, True),
    ]


def test_a_file_that_ends_in_half_a_line_is_not_read_at_all() -> None:
    whole = line() + b"\n" + line(id="dep-2")
    assert len(list(file_reader.read(whole, PROFILE).records)) == 2
    for cut in (1, 30, len(line()) - 1):
        with pytest.raises(Refusal) as refused:
            file_reader.read(whole[:-cut], PROFILE)
        assert (refused.value.reason, refused.value.pointer) == (Reason.UNREADABLE_FILE, "line 2")


def test_a_native_line_comes_back_equal_from_what_it_says() -> None:
    for raw in (line(), line(subject="x")):
        said = native_lines.record(raw, Position())
        assert unsigned_event.build(native_lines.line_of(said), PROFILE) == unsigned_event.build(raw, PROFILE)


def test_a_profile_survives_its_file_and_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = PROFILE.save(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    loaded = load(tmp_path, "ktz")
    assert (loaded.key.key_id, loaded.salt_secret) == (PROFILE.key.key_id, PROFILE.salt_secret)
    assert "00000000" not in repr(loaded)


def test_a_missing_profile_names_those_that_exist(tmp_path: Path) -> None:
    PROFILE.save(tmp_path)
    with pytest.raises(ProfileError, match="ktz"):
        load(tmp_path, "kzt")


def test_a_profile_whose_topic_can_be_none_is_named(tmp_path: Path) -> None:
    replace(PROFILE, topic="no topic!").save(tmp_path)
    with pytest.raises(
        ProfileError, match=r"ktz\.toml: topic 'no topic!' is not the name .* lianyun party show ktz"
    ):
        load(tmp_path, "ktz")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"id": "dep-1\u202e"}, "header:ce_id"),
        ({"subject": "box\u200b"}, "header:ce_subject"),
        ({"data": {**RECORD["data"], "occurrence": "leg\u061c"}}, "/occurrence"),  # type: ignore[dict-item]
    ],
)
def test_what_cannot_be_told_from_another_by_looking_is_refused_before_it_is_signed(
    changes: dict[str, object], pointer: str
) -> None:
    with pytest.raises(Refusal) as refused:
        unsigned_event.build(line(**changes), PROFILE)
    assert refused.value.pointer == pointer
    assert "NFC" in refused.value.remedy
