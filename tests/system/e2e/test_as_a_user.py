"""The command line as a partner and an operator use it, on a platform of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from schemas.envelope import event_id
from services.testbed.localstack.platform import Platform
from tests.support.terminal.user import BOX, OTHER, User, departed, opened, subprocess_safe

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    folder = tmp_path_factory.mktemp("user")
    with Platform(workers=1) as platform:
        user = User(folder, platform.worker_environment())
        for code, role, topic, extra in (
            ("xianport", "operator", "cre.operator.xianport.v1", ()),
            ("cr", "railway", "cre.railway.cr.v1", ("--manager", "cr")),
            ("ktz", "railway", "cre.railway.ktz.v1", ("--manager", "ktz")),
            ("gacc", "customs", "cre.customs.gacc.v1", ("--country", "CN")),
        ):
            source = f"urn:test:{code}"
            user.run(
                "party",
                "add",
                code,
                "--name",
                code,
                "--role",
                role,
                "--source",
                source,
                "--topic",
                topic,
                *extra,
            )
            user.run("key", "add", code, "--new")
        yield user


def movement(user: User, identifier: str = BOX) -> dict[str, Any] | None:
    shown = user.json("track", identifier)["consignments"]
    found: dict[str, Any] | None = shown[0]["movement"]
    return found


def test_from_a_file_to_a_view(user: User) -> None:
    report = user.json("publish", "--as", "xianport", user.write("open.jsonl", opened()))
    assert (report["acknowledged"], report["refused"]) == (1, 0)
    user.run(
        "publish",
        "--as",
        "cr",
        user.write("cr.jsonl", departed("d1", "2025-09-05T10:00:00+08:00", "railnet:xian-intl-port")),
    )
    user.until(lambda: "XA-1" in subprocess_safe(user, "track", BOX) and movement(user) is not None)
    found = movement(user)
    assert found is not None
    assert (found["by"], found["assurance"], found["place"]) == (
        "cr",
        "SIGNED_BY_AUTHORITY",
        "railnet:xian-intl-port",
    )
    assert found["happened"] == "2025-09-05T02:00:00Z"
    again = user.json("publish", "--as", "cr", str(user.folder / "cr.jsonl"))
    assert (again["acknowledged"], again["already"]) == (0, 1)
    assert movement(user, "xianport/XA-1") == found
    earlier = user.json("track", BOX, "--as-of", "2025-09-04T00:00:00Z")["consignments"][0]
    assert earlier["movement"] is None


def test_a_retraction_takes_it_back(user: User) -> None:
    wrong = departed("d2", "2025-09-09T10:00:00+05:00", "esr:708403")
    user.run("publish", "--as", "ktz", user.write("ktz.jsonl", wrong))
    user.until(lambda: (movement(user) or {})["by"] == "ktz")
    back = {
        "id": "r2",
        "type": "cre.correction.retracted.v1",
        "time": "2025-09-09T12:00:00+05:00",
        "data": {"target": "d2", "reason": "DID_NOT_HAPPEN"},
    }
    user.run("publish", "--as", "ktz", user.write("back.jsonl", back))
    user.until(lambda: (movement(user) or {})["by"] == "cr")


def test_a_party_is_amended_and_what_it_was_is_still_known(user: User) -> None:
    """Elsewhere than on its own line it is no authority; once amended it is, for what it says from then on."""
    place = "railnet:ozinki"
    first = departed("t1", "2025-09-15T10:00:00+03:00", place, OTHER)
    second = departed("t2", "2025-09-16T10:00:00+03:00", place, OTHER)
    user.run("publish", "--as", "ktz", user.write("t1.jsonl", first))
    user.until(lambda: "t1" in subprocess_safe(user, "events", "show", "urn:test:ktz", "t1"))
    amended = user.json("party", "amend", "ktz", "--name", "KTZ, RZD", "--manager", "ktz", "--manager", "rzd")
    assert (amended["managers"], amended["sources"]) == (["ktz", "rzd"], ["urn:test:ktz"])
    (earlier,) = amended["earlier"]
    assert (earlier["name"], earlier["managers"], earlier["since"]) == ("ktz", ["ktz"], None)
    assert user.json("party", "show", "ktz") == {**amended, "schema_version": 1}
    user.run("publish", "--as", "ktz", user.write("t2.jsonl", second))
    user.until(lambda: "t2" in subprocess_safe(user, "events", "show", "urn:test:ktz", "t2"))
    assert [territorial(user, each) for each in ("t1", "t2")] == [False, True]
    user.run("party", "amend", "ktz", "--without", "managers", "--from", "2020-01-01T00:00:00Z", code=1)
    user.run("party", "amend", "ktz", "--country", "Kazakhstan", code=2)


def test_what_reaches_no_consignment_is_shown_with_what_it_lacks(user: User) -> None:
    """The facts of the test before: they wait, and whoever looks for their box sees them."""
    code, out, err = user.tried("track", OTHER)
    assert code == 5
    for part in ("2025-09-15T07:00:00Z", "movement.departed", "Ozinki", "ktz", "t1", "t2"):
        assert part in out, out
    assert f"{OTHER} belongs to no consignment yet" in err
    assert "cre.link.consignment_opened.v1" in err
    back = {
        "id": "back-t2", "type": "cre.correction.retracted.v1", "time": "2025-09-16T12:00:00+03:00",
        "data": {"target": "t2", "reason": "DID_NOT_HAPPEN"},
    }  # fmt: skip
    user.run("publish", "--as", "ktz", user.write("back-t2.jsonl", back))
    user.until(lambda: "back-t2" in user.run("events", "tail", "--no-follow"))
    shown = json.loads(user.tried("track", OTHER, "--json")[1])
    assert shown["consignments"] == []
    (waiting,) = shown["waiting"]
    assert (waiting["object"], waiting["links"]) == (f"container:{OTHER}", [])
    assert [(fact["event"]["id"], fact["counts"]) for fact in waiting["facts"]] == [
        ("t1", True),
        ("t2", False),
    ]
    earlier = json.loads(user.tried("track", OTHER, "--json", "--as-of", "2025-09-15T12:00:00Z")[1])
    assert [fact["event"]["id"] for fact in earlier["waiting"][0]["facts"]] == ["t1"]
    assert user.tried("track", OTHER, "--as-of", "2025-09-01T00:00:00Z")[:2] == (5, "")


def territorial(user: User, event: str) -> bool:
    """Whether what ktz says in ``event`` was judged to be of its own territory."""
    with psycopg.connect(user.environment["LIANYUN_DSN"]) as connection:
        query = "SELECT c.territorial FROM lianyun.claim c JOIN lianyun.body b ON b.no = c.no WHERE b.id = %s"
        ((found,),) = connection.execute(query, (event_id("urn:test:ktz", event).hex(),)).fetchall()
    return bool(found)


def test_events_are_shown_as_published(user: User) -> None:
    (event,) = user.json("events", "show", "urn:test:cr", "d1")["events"]
    assert event["payload"]["place"] == "railnet:xian-intl-port"
    assert event["by"] == "cr"
    lines = [json.loads(line) for line in user.run("events", "tail", "--no-follow", "--json").splitlines()]
    assert {"open-1", "d1", "d2", "r2"} <= {line["id"] for line in lines}


def test_bad_records_are_named_with_line_and_pointer_and_good_ones_go_out(user: User) -> None:
    bad = departed("d3", "2025-09-06T10:00:00+08:00", "railnet:lanzhou")
    del bad["data"]["place"]
    path = user.write("mixed.jsonl", bad, departed("d4", "2025-09-06T11:00:00+08:00", "railnet:lanzhou"))
    assert user.json("events", "validate", path, code=1)["valid"] == 1
    report = user.json("publish", "--as", "cr", path, code=1)
    assert report["acknowledged"] == 1
    (refusal,) = report["refusals"]
    assert (refusal["row"], refusal["pointer"], refusal["reason"]) == (1, "/place", "INVALID_SCHEMA")


def test_a_used_id_with_other_content_is_not_sent(user: User) -> None:
    changed = departed("d1", "2025-09-05T11:00:00+08:00", "railnet:xian-intl-port")
    report = user.json("publish", "--as", "cr", user.write("changed.jsonl", changed), code=1)
    assert [row["reason"] for row in report["refusals"]] == ["ID_USED_TWICE"]


def test_a_mistake_is_mended_by_publishing_the_record_again(user: User) -> None:
    right = departed("d4", "2025-09-06T12:00:00+08:00", "railnet:lanzhou")
    path = user.write("mended.jsonl", right)
    report = user.json("publish", "--as", "cr", "--amend", path)
    assert (report["corrected"], report["refused"]) == (1, 0)
    user.until(lambda: (movement(user) or {})["happened"] == "2025-09-06T04:00:00Z")
    assert user.json("publish", "--as", "cr", path)["already"] == 1
    state = user.json("publish", "--as", "cr", "--status")
    assert (state["waiting"], state["corrections"]) == (0, 1)
    assert state["last"]["id"].startswith("d4~")


def test_all_or_nothing_publishes_nothing_beside_a_bad_record(user: User) -> None:
    bad = departed("d6", "2025-09-06T10:00:00+08:00", "railnet:lanzhou")
    del bad["data"]["place"]
    path = user.write("whole.jsonl", bad, departed("d7", "2025-09-06T11:00:00+08:00", "railnet:lanzhou"))
    shown = user.run("publish", "--as", "cr", "--all-or-nothing", path, code=1)
    assert re.search(r"^1 +INVALID_SCHEMA +d6 ", shown, re.MULTILINE)
    assert re.search(r"^2 +withheld +d7 ", shown, re.MULTILINE)


def test_a_file_is_understood_before_it_is_published(user: User) -> None:
    record = departed("d8", "2025-09-06T12:00:00+08:00", "railnet:lanzhou")
    path = user.write("dry.jsonl", record)
    assert json.loads(user.run("convert", path, "--as", "cr", "--native")) == record
    (user.folder / "letter.txt").write_text("Dear Sirs,\n")
    known, unknown = user.json("convert", path, str(user.folder / "letter.txt"), code=1)["files"]
    assert (known["format"], known["records"][0]["event"]) == ("native", record)
    assert (unknown["format"], unknown["refusal"]["reason"]) == ("", "UNKNOWN_FORMAT")
    assert "--format" in unknown["refusal"]["remedy"]


def test_an_operator_publishes_its_own_list(user: User) -> None:
    path = str(Path.cwd() / "tests" / "data" / "sheets" / "02_departure_list_zh.xlsx")
    assert 'zone = "' in user.run("publish", "--as", "xianport", path, code=1)
    profile = user.folder / ".lianyun" / "partners" / "xianport.toml"
    profile.write_text(profile.read_text() + '\n[files]\nzone = "Asia/Shanghai"\n')
    (understood,) = user.json("convert", "--as", "xianport", path)["files"]
    events = [record["event"] for record in understood["records"] if record["event"]]
    assert "container.id" in {taken["meaning"] for taken in understood["taken"]}
    report = user.json("publish", "--as", "xianport", path)
    assert (report["published"], report["refused"], report["files"][0]["format"]) == (
        len(events),
        0,
        "departure_list",
    )
    last = events[-1]["id"]
    user.until(lambda: last in subprocess_safe(user, "events", "show", "urn:test:xianport", last))
    assert user.json("dlq", "list", "--publisher", "xianport")["letters"] == []


def test_a_watched_folder_is_published_and_stopped_in_order(user: User) -> None:
    inbox = user.folder / "inbox"
    inbox.mkdir()
    command = [
        sys.executable,
        "-m",
        "services.cli",
        "publish",
        "--as",
        "cr",
        "--watch",
        str(inbox),
        "--settle",
        "0.1",
    ]
    environment = {**os.environ, **user.environment, "PYTHONPATH": str(Path.cwd())}
    watch = subprocess.Popen(
        command, cwd=user.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        user.write("inbox/today.jsonl", departed("w1", "2025-09-07T10:00:00+08:00", "railnet:alashankou"))
        user.until(lambda: (inbox / "done" / "today.jsonl").exists())
        user.until(lambda: (movement(user) or {})["place"] == "railnet:alashankou")
    finally:
        watch.send_signal(signal.SIGINT)
        out, err = watch.communicate(timeout=120)
    assert watch.returncode == 0, err
    assert "done/today.jsonl  native: 1 published" in out
    report = json.loads((inbox / "done" / "today.jsonl.outcome.json").read_text())
    assert report["records"][0]["outcome"] == "published"


def test_a_refused_message_is_redriven_when_its_key_is_registered(user: User) -> None:
    user.run("party", "add", "rzd", "--name", "rzd", "--role", "railway", "--source", "urn:test:rzd", "--manager", "rzd",
             "--topic", "cre.railway.rzd.v1")  # fmt: skip
    user.run("key", "add", "rzd", "--new", "--valid-from", "2099-01-01T00:00:00Z")
    user.run(
        "publish",
        "--as",
        "rzd",
        user.write("rzd.jsonl", departed("d5", "2025-09-11T10:00:00+03:00", "railnet:ozinki")),
    )
    user.until(lambda: bool(user.json("dlq", "list", "--publisher", "rzd")["letters"]))
    (letter,) = user.json("dlq", "list", "--publisher", "rzd")["letters"]
    assert letter["reason"] == "KEY_NOT_YET_VALID"
    (still,) = user.json("dlq", "redrive", letter["digest"], code=1)["results"]
    assert still["outcome"] == "STILL_REFUSED"
    (gone,) = user.json("dlq", "discard", letter["digest"], "--why", "test")["results"]
    assert gone["outcome"] == "DISCARDED"
    (twice,) = user.json("dlq", "discard", letter["digest"], "--why", "test")["results"]
    assert twice["outcome"] == "ALREADY_DISCARDED"


def test_a_compromised_key_loses_what_it_signed_since(user: User) -> None:
    key = user.json("party", "show", "cr")["keys"][0]["key_id"]
    done = user.json("key", "revoke", key, "--compromised-since", "2000-01-01T00:00:00Z", "--cause", "stolen")
    assert done["quarantined"] >= 2
    user.until(lambda: movement(user) is None)


def test_accepting_a_loss_is_asked_for_and_recorded(user: User) -> None:
    used = [row for row in user.json("offsets", "list")["partitions"] if row["next_offset"] > 0]
    at = used[0]["topic"], str(used[0]["partition"])
    user.run("offsets", "accept-loss", *at, "--next", "1000", "--why", "test", code=2)
    assert user.run(
        "offsets", "accept-loss", "cre.gateway.v1", "99", "--next", "1", "--why", "test", "--yes", code=5
    )


def test_a_replay_gives_the_same_state_and_can_be_undone(user: User) -> None:
    done = user.json("replay")
    assert (done["differences"], done["generation"]) == (0, 2)
    assert user.json("replay", "--rollback")["generation"] == 1
    assert user.json("replay", "--drop")["dropped"] == [2]


def test_fsck_finds_the_platform_sound_and_the_doctor_only_what_is_left_to_do(user: User) -> None:
    assert user.json("fsck")["sound"]
    told = user.json("doctor", code=3)
    # What the tests above left: a key of the future and one that was stolen.
    (finding,) = [check for check in told["checks"] if not check["ok"]]
    assert (finding["name"], told["findings"]) == ("keys", 1)
    assert "rzd has none that counts" in finding["found"]
    names = {check["name"] for check in told["checks"]}
    assert {"topics", "fold version", "durability", "workers", "stopped partitions", "database disk"} < names


def test_what_does_not_exist_ends_with_its_own_code_and_a_suggestion(user: User) -> None:
    assert "to do:" in user.run("track", "MSKU0000000", code=5)
    assert "to do:" in user.run("track", "???", code=2)
    assert "to do:" in user.run("publish", "--as", "nobody", user.write("x.jsonl", opened()), code=5)
    assert "to do:" in user.run("dlq", "show", "abcdef", code=5)
