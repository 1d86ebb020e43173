"""What a partner declares of its files is read back as written, and a mistake is answered with what to write."""

from __future__ import annotations

import tomllib
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from schemas.reasons import Reason, Refusal
from schemas.signing import Scheme
from services.producers import file_reader
from services.producers.formats.declarations import BadDeclaration, read, write
from services.producers.formats.model import Settings
from services.producers.profile import NoProfile, ProfileError, create, load, renewed
from tests.support.producers.partner import departed, lines, on_clock, partner

FULL = Settings(
    "ktz",
    ZoneInfo("Asia/Almaty"),
    "KTZE",
    {"border_handover": ZoneInfo("Europe/Moscow"), "border_handover.交接时间": ZoneInfo("Asia/Shanghai")},
    {"border_handover": {'口岸 "A\\B"\n': "place.border", "方向": "train.direction"}},
)


@pytest.mark.parametrize("settings", [FULL, Settings("ktz", ZoneInfo("Asia/Almaty"))])
def test_it_survives_the_profile(settings: Settings, tmp_path: Path) -> None:
    partner(files=settings).save(tmp_path)
    assert load(tmp_path, "ktz").files == settings


def test_a_column_may_be_written_without_quotes() -> None:
    table = tomllib.loads('zone = "Asia/Almaty"\nzones.handover.date = "Europe/Moscow"')
    assert read(table, "ktz").zones == {"handover.date": ZoneInfo("Europe/Moscow")}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", 'add zone = "'),
        ('zone = "Beijing"', "files.zone is 'Beijing'.*did you mean Asia/Shanghai"),
        ('zone = "MSK"', "did you mean Europe/Moscow"),
        ('zone = "Asia/Alamty"', "did you mean Asia/Almaty"),
        ("zone = 8", "is 8, which is no time zone"),
        ('zone = "../x"', "no time zone"),
        ('zone = "Asia/Almaty"\nchocies = 1', "no key 'chocies'; did you mean choices"),
        ('zone = "Asia/Almaty"\ncompany = "a b"', "files.company"),
        ('zone = "Asia/Almaty"\nzones = 1', r"write \[files.zones\]"),
        ('zone = "Asia/Almaty"\nzones.x = "Nowhere/At_all"', "files.zones.x"),
        ('zone = "Asia/Almaty"\n[choices]\nx = "y"', r"\[files.choices.FORMAT\]"),
        ('zone = "Asia/Almaty"\n[choices.x]\ny = 1', "'y' means 1"),
    ],
)
def test_a_mistake_is_answered_with_what_to_write(text: str, says: str) -> None:
    with pytest.raises(BadDeclaration, match=says):
        read(tomllib.loads(text), "ktz")


def test_a_mistake_in_a_profile_names_its_file(tmp_path: Path) -> None:
    path = partner().save(tmp_path)
    path.write_text(path.read_text() + '\n[files]\nzone = "Beijing"\n')
    with pytest.raises(ProfileError, match=r"ktz\.toml: files.zone .* Asia/Shanghai") as caught:
        load(tmp_path, "ktz")
    assert not isinstance(caught.value, NoProfile)


def test_a_format_that_does_not_exist_is_named_before_anything_is_read() -> None:
    who = partner(files=read({"zone": "Asia/Almaty", "choices": {"natve": {"a": "b"}}}, "ktz"))
    with pytest.raises(Refusal) as caught:
        file_reader.read(lines(departed("a")), who)
    assert (caught.value.reason, caught.value.pointer) == (Reason.UNKNOWN_FORMAT, "files.choices.natve")
    assert "native" in caught.value.remedy


def test_a_new_key_keeps_the_salt_secret_and_the_declarations(tmp_path: Path) -> None:
    old = partner(files=on_clock())
    fresh = create("ktz", old.source, old.topic, "demo", Scheme.ED25519)
    assert renewed(tmp_path, fresh) is fresh
    old.save(tmp_path)
    kept = renewed(tmp_path, fresh)
    assert (kept.key, kept.salt_secret, kept.files) == (fresh.key, old.salt_secret, on_clock())
    before = [each.event for each in file_reader.read(lines(departed("a")), old).records]
    assert [each.event for each in file_reader.read(lines(departed("a")), kept).records] == before


def test_the_section_is_plain_toml() -> None:
    assert tomllib.loads(write(FULL))["files"]["company"] == "KTZE"
