"""One transit declaration through the whole platform: customs' messages as files, relayed by a forwarder and signed by customs.

A large message travels packed in a second version of its event type; what people see is the same.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.testbed.localstack.platform import Platform
from tests.support.messages.documents import BOXES, MRN, NOTE, life
from tests.support.terminal.user import User, subprocess_safe
from tests.unit.producers.formats.test_ncts import with_items

pytestmark = [pytest.mark.long, pytest.mark.integration]

LIFE = life()
LARGE = with_items(LIFE["029"], 200)
DECLARED = """
[files]
zone = "Europe/Warsaw"

[files.choices.ncts]
"NTA.PL" = "eu-pl"
"NTA.DE" = "eu-de"
DE004605 = "locode:DEDUI"
"""
PARTIES = (
    ("xianport", "operator", "cre.operator.xianport.v1", ()),
    ("hanse", "forwarder", "cre.gateway.v1", ()),
    ("eu-pl", "customs", "cre.customs.eu.v1", ("--country", "PL")),
)


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    folder = tmp_path_factory.mktemp("customs")
    with Platform(workers=2) as platform:
        user = User(folder, platform.worker_environment())
        for code, role, topic, more in PARTIES:
            source = f"urn:test:{code}"
            user.run(
                *("party", "add", code, "--name", code, "--role", role, "--source", source, "--topic", topic),
                *more,
            )
            user.run("key", "add", code, "--new")
            (profile,) = (folder / ".lianyun" / "partners").glob(f"{code}*.toml")
            profile.write_text(profile.read_text() + DECLARED)
        founding = {
            "id": "open",
            "type": "cre.link.consignment_opened.v1",
            "time": "2026-03-01T09:00:00+08:00",
            "data": {
                "reference": "R-1",
                "from": "2026-03-01T09:00:00+08:00",
                "containers": list(BOXES[:2]),
                "notes": [NOTE],
                "parties": [{"party": "hanse", "role": "forwarder"}],
            },
        }
        user.run("publish", "--as", "xianport", user.write("open.jsonl", founding))
        user.until(lambda: bool(subprocess_safe(user, "track", "xianport/R-1")), seconds=60)
        yield user


def files(folder: Path, *numbers: str) -> list[str]:
    made = []
    for number in numbers:
        path = folder / f"CC{number}C.xml"
        path.write_bytes(LARGE if number == "029" else LIFE[number])
        made.append(str(path))
    return made


def view(user: User) -> dict[str, Any]:
    (found,) = user.json("track", "xianport/R-1")["consignments"]
    return dict(found)


def shown(user: User) -> dict[str, tuple[str, str, str]]:
    """Milestone, publisher and assurance of each customs position."""
    customs = view(user)["customs"]
    return {code: (told["milestone"], told["by"], told["assurance"]) for code, told in customs.items()}


def test_a_declaration_lives_as_its_messages_are_relayed_by_the_forwarder(user: User) -> None:
    steps = {
        "015": {"PL": ("customs.transit_lodged", "hanse", "ASSERTED")},
        "028": {"PL": ("customs.accepted", "hanse", "RELAYED")},
        "060": {"PL": ("customs.selected_for_inspection", "hanse", "RELAYED")},
        "029": {"PL": ("customs.transit_opened", "hanse", "RELAYED")},
    }
    for number, customs in steps.items():
        report = user.json("publish", "--as", "hanse", "--format", "ncts", *files(user.folder, number))
        assert report["refused"] == 0
        assert report["acknowledged"] > 0
        user.until(lambda customs=customs: shown(user) == customs)
        assert bool(view(user)["exceptions"]) == (number == "060")
    assert view(user)["disputes"] == []


def test_a_large_message_travels_packed_and_is_kept_whole(user: User) -> None:
    arrived = {told["event"]["id"] for told in view(user)["timeline"] if told["by"] == "hanse"}
    packed = {}
    for identity in arrived:
        (event,) = user.json("events", "show", "urn:test:hanse", identity)["events"]
        if event["type"].endswith(".v2"):
            packed[event["type"]] = event["payload"]["relay"]
    assert set(packed) == {"cre.customs.transit_opened.v2", "cre.customs.inspection_passed.v2"}
    for relay in packed.values():
        assert (relay["packing"], relay["authority"], relay["message_length"]) == (
            "GZIP",
            "eu-pl",
            len(LARGE),
        )
        assert gzip.decompress(base64.b64decode(relay["message_b64"])) == LARGE


def test_customs_own_signature_stands_above_the_relay_of_the_same_message(user: User) -> None:
    assert user.json("publish", "--as", "eu-pl", *files(user.folder, "029"))["refused"] == 0
    user.until(
        lambda: shown(user)["PL"] == ("customs.transit_opened", "eu-pl", "SIGNED_BY_AUTHORITY"),
    )
    opened = [t for t in view(user)["timeline"] if t["milestone"] == "customs.transit_opened"]
    assert {(t["by"], t["assurance"]) for t in opened} == {
        ("hanse", "RELAYED"),
        ("eu-pl", "SIGNED_BY_AUTHORITY"),
    }
    (own,) = {t["event"]["id"] for t in opened if t["by"] == "eu-pl"}
    (event,) = user.json("events", "show", "urn:test:eu-pl", own)["events"]
    assert event["type"] == "cre.customs.transit_opened.v1"
    assert "relay" not in event["payload"], "customs need not relay themselves"


def test_what_happens_at_destination_is_relayed_of_another_administration(user: User) -> None:
    report = user.json("publish", "--as", "hanse", *files(user.folder, "043", "044", "025", "045"))
    assert report["refused"] == 0
    end = {
        "PL": ("customs.transit_closed", "hanse", "RELAYED"),
        "DE": ("customs.transit_closed", "hanse", "RELAYED"),
    }
    user.until(lambda: shown(user) == end)
    found = view(user)
    assert found["exceptions"] == found["disputes"] == []
    closed = [t for t in found["timeline"] if t["milestone"] == "customs.transit_closed"]
    assert {t["object"] for t in closed} >= {f"declaration:PL/{MRN}"}


def test_the_number_of_the_declarant_and_that_of_customs_answer_the_same(user: User) -> None:
    """Lodged under the one, accepted under the other: both lead to one cargo with one life of the declaration."""
    names = {
        t["object"].partition(":")[2] for t in view(user)["timeline"] if t["object"][:12] == "declaration:"
    }
    (lodged,) = (name for name in names if "/LRN/" in name)
    moment = ("--as-of", "2026-12-01T00:00:00Z")
    told = [user.json("track", name, *moment) for name in (MRN, f"PL/{MRN}", lodged, lodged.lower())]
    assert told[0]["consignments"][0]["customs"]["PL"]["milestone"] == "customs.transit_closed"
    assert told == [told[0]] * 4
    assert told[0] == user.json("track", "xianport/R-1", *moment)


def test_all_of_it_is_sound_and_none_of_it_was_refused(user: User) -> None:
    assert user.json("fsck")["findings"] == []
    assert user.json("dlq", "list")["letters"] == []
