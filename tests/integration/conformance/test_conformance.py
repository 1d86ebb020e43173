"""Conformance runs against a real API, broker and worker: a publisher of an outsider passes, and each fault of a broken one is named."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from schemas.events.base import Role
from schemas.signing import Scheme, SigningKey
from services.api.conformance.evidence import MOST_RUNS
from services.ledger.registry import commands
from services.ledger.registry.possession import proven
from services.producers.profile import Profile
from services.testbed.localstack.engine import Servers
from tests.integration.gateway.conftest import Gateway, Partner, opening
from tests.support import launcher

pytestmark = pytest.mark.integration
EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "conformance.py"
OLD = SigningKey.from_seed(Scheme.ED25519, bytes(range(32)))


def outsider() -> ModuleType:
    """The example, which imports nothing of ours."""
    spec = importlib.util.spec_from_file_location("outsider", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EXAMPLES = outsider()


@pytest.fixture(scope="module")
def gateway(stack: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    found = opening(stack, tmp_path_factory.mktemp("conformance"))
    with found.api, found.worker():
        found.await_worker()
        yield found


def registered(gateway: Gateway, code: str, *roles: Role) -> Partner:
    """A party with a key for single events and batches, one outside its window, and an API client."""
    partner = Partner(code)
    partner.register(gateway.dsn, *roles)
    now = time.time_ns() // 1_000
    with psycopg.connect(gateway.dsn) as session:
        batches = SigningKey.from_seed(Scheme.ED25519_BATCH, partner.key.seed)
        commands.add_key(session, code, proven(batches, "demo", code), at=now, by="test")
        not_yet = proven(
            OLD if code == "outsider" else SigningKey.generate(Scheme.ED25519),
            "demo",
            code,
            not_before=now + 86_400_000_000,
        )
        commands.add_key(session, code, not_yet, at=now, by="test")
    gateway.api.client(code)
    return partner


@pytest.fixture(scope="module")
def broken(gateway: Gateway) -> Partner:
    return registered(gateway, "broken", Role.OPERATOR)


def publisher(gateway: Gateway, partner: Partner, kind: type = EXAMPLES.Publisher) -> Any:
    key = gateway.api.key(partner.code)
    api = EXAMPLES.Api(gateway.api.url, partner.code, key.as_dict(private=True))
    return kind(api, "demo", partner.source, partner.key.seed)


def outcome(gateway: Gateway, code: str, run: str) -> dict[str, Any]:
    answer = gateway.api.client(code).get(f"/v1/sandbox/conformance/{run}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_the_publisher_of_an_outsider_passes(gateway: Gateway) -> None:
    partner = registered(gateway, "outsider", Role.OPERATOR)
    made = publisher(gateway, partner)
    cases = made.api.ask("GET", "/v1/sandbox/conformance?run=a")[1]["cases"]
    before = outcome(gateway, "outsider", "a")
    assert (before["right"], before["wrong"], before["not_tried"]) == (0, 0, len(cases))
    run = EXAMPLES.Run(made, OLD.seed)
    for case in reversed(cases):  # no order is needed, and a run goes on where it was
        run.case(case)
    found = outcome(gateway, "outsider", "a")
    assert [case for case in found["cases"] if case["status"] != "right"] == []
    assert (found["conforms"], found["right"]) == (True, len(cases))


@pytest.mark.long
def test_the_example_is_a_program(gateway: Gateway, tmp_path: Path) -> None:
    partner = registered(gateway, "program", Role.SHIPPER)
    key, seed = tmp_path / "key.jwk", tmp_path / "seed.hex"
    key.write_text(json.dumps(gateway.api.key("program").as_dict(private=True)))
    seed.write_text(partner.key.seed.hex())
    command = [sys.executable, str(EXAMPLE), gateway.api.url, "program", str(key), str(seed)]
    for more, untried in (([], 2), (["2", "--batches"], 1)):
        done = subprocess.run([*command, *more], capture_output=True, text=True, timeout=300, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        right = re.fullmatch(rf"right ([0-9]+), wrong 0, not tried {untried}\n", done.stdout)
        assert right is not None, done.stdout
        assert int(right.group(1)) > 30


def test_the_example_needs_nothing_of_ours() -> None:
    tree = ast.parse(EXAMPLE.read_text(encoding="utf-8"))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names]
        )
    }
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}


class WrongNetwork(EXAMPLES.Publisher):  # type: ignore[misc]
    def signed_bytes(self, attributes: Any, payload: bytes, network: str | None = None) -> bytes:
        return bytes(super().signed_bytes(attributes, payload, network or "prod"))


class WritesAnew(EXAMPLES.Publisher):  # type: ignore[misc]
    def posted(self, attributes: Any, payload: bytes, signature: str | None) -> Any:
        return super().posted(attributes, json.dumps(json.loads(payload)).encode(), signature)


class NewSalt(EXAMPLES.Publisher):  # type: ignore[misc]
    def salt(self, _record: Any) -> str:
        return uuid4().hex


class OneSalt(EXAMPLES.Publisher):  # type: ignore[misc]
    def salt(self, _record: Any) -> str:
        return "00" * 16


class SendingTime(EXAMPLES.Publisher):  # type: ignore[misc]
    def attributes(self, record: Any) -> Any:
        return {**super().attributes(record), "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


class LosesLetters(EXAMPLES.Publisher):  # type: ignore[misc]
    def payload(self, record: Any) -> bytes:
        return bytes(super().payload(record)).decode().encode("ascii", "replace")


class ForgetsSubject(EXAMPLES.Publisher):  # type: ignore[misc]
    def attributes(self, record: Any) -> Any:
        return {name: value for name, value in super().attributes(record).items() if name != "subject"}


class LocalTime(EXAMPLES.Publisher):  # type: ignore[misc]
    def payload(self, record: Any) -> bytes:
        return bytes(super().payload(record)).replace(b"+08:00", b"Z")


class MendsInPlace(EXAMPLES.Publisher):  # type: ignore[misc]
    def send(self, records: Any) -> Any:
        replaced = (
            {**each, **each["data"]["replacement"], "id": each["data"]["target"]}
            if "replacement" in each["data"]
            else each
            for each in records
        )
        return super().send(list(replaced))


class NewIdAtEachSending(EXAMPLES.Publisher):  # type: ignore[misc]
    sent = 0

    def attributes(self, record: Any) -> Any:
        self.sent += 1
        return {**super().attributes(record), "id": f"{record['id']}/{self.sent}"}


class DropsTheSeventh(EXAMPLES.Publisher):  # type: ignore[misc]
    def send(self, records: Any) -> Any:
        return super().send([each for n, each in enumerate(records) if n != 6])


class SendsOneByOne(EXAMPLES.Publisher):  # type: ignore[misc]
    def send(self, records: Any) -> Any:
        return [result for each in records for result in super(SendsOneByOne, self).send([each])]


class NeverGivesUp(EXAMPLES.Publisher):  # type: ignore[misc]
    def post(self, events: Any) -> Any:
        for _ in range(4):
            results = super().post(events)
        return results


class KnowsBetter(EXAMPLES.Publisher):  # type: ignore[misc]
    def payload(self, record: Any) -> bytes:
        return bytes(super().payload(record)).replace(b"MAYBE", b"ACT")


BROKEN = [
    (WrongNetwork, "departed", "/lianyunsignature", "It did sign them for the network 'prod'; this is 'demo'."),
    (WritesAnew, "departed", "/lianyunsignature", "BAD_SIGNATURE"),
    (NewSalt, "again", "/salt", "2 contents"),
    (OneSalt, "salts", "/salt", "that of conformance/"),
    (SendingTime, "late", "header:ce_time", "2"),
    (LosesLetters, "letters", "/remark", "??"),
    (ForgetsSubject, "subject", "header:ce_subject", "none"),
    (LocalTime, "late", "/happened", "2025-08-31T22:15:00Z"),
    (MendsInPlace, "corrected", "/remark", "2 contents"),
    (NewIdAtEachSending, "ids", "header:ce_id", "an id of none"),
    (DropsTheSeventh, "batch", "", "not this one"),
    (SendsOneByOne, "batch", "", "1"),
    (NeverGivesUp, "no-offset", "", "sent unchanged 4 times"),
    (KnowsBetter, "not-in-the-list", "", "accepted"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "case", "where", "came"), BROKEN, ids=lambda each: getattr(each, "__name__", None)
)
def test_each_fault_is_named(
    gateway: Gateway, broken: Partner, kind: type, case: str, where: str, came: str
) -> None:
    run = kind.__name__.lower()
    made = publisher(gateway, broken, kind)
    wanted = {case, "departed", "arrived"} if case in ("salts", "ids") else {case}
    for each in made.api.ask("GET", f"/v1/sandbox/conformance?run={run}")[1]["cases"]:
        if each["id"] in wanted:
            EXAMPLES.Run(made).case(each)
    found = outcome(gateway, "broken", run)
    named = {each["id"]: each for each in found["cases"]}[case]
    assert named["status"] == "wrong", named
    assert any(where in each["where"] and came in each["came"] for each in named["findings"]), named
    assert all(each["remedy"] for each in named["findings"])
    assert not found["conforms"]


def test_a_publisher_that_does_not_read_its_refusals_is_named(gateway: Gateway, broken: Partner) -> None:
    made = publisher(gateway, broken)
    wanted = {
        "no-offset": "INVALID_TIME",
        "check-digit": "iso6346.check_digit",
        "equivocation": "equivocation",
    }
    for notice, came in ((lambda _results: "", "it was not noticed"), (lambda _results: "ERROR", "ERROR")):
        run = f"deaf-{came.split()[0].lower()}"
        for each in made.api.ask("GET", f"/v1/sandbox/conformance?run={run}")[1]["cases"]:
            if each["id"] in wanted:
                EXAMPLES.Run(made, notice=notice).case(each)
        found = {each["id"]: each for each in outcome(gateway, "broken", run)["cases"]}
        for case, reason in wanted.items():
            (finding,) = found[case]["findings"]
            assert finding["where"] == "/remark"
            assert reason in finding["expected"]
            assert came in finding["came"]


def test_equivocations_are_listed(gateway: Gateway, broken: Partner) -> None:
    made = publisher(gateway, broken)
    for each in made.api.ask("GET", "/v1/sandbox/conformance?run=twice")[1]["cases"]:
        if each["id"] == "equivocation":
            EXAMPLES.Run(made).case(each)
    environment = {**os.environ, "LIANYUN_DSN": gateway.dsn, "LIANYUN_NETWORK": "demo"}
    words = ("events", "equivocations", "--publisher", "broken", "--json")
    found = json.loads(launcher.lianyun(*words, env=environment, timeout=60).stdout)
    assert found["total"] == len(found["equivocations"]) > 0
    assert found["equivocations"][0] | {"last": ""} == {
        "by": "broken",
        "source": "urn:cre:broken",
        "id": "conformance/twice/equivocation",
        "contents": 2,
        "last": "",
        "remedy": "None of the contents counts: publish what is right under a new id.",
    }


def test_attempts_of_a_party_are_bounded(gateway: Gateway, broken: Partner) -> None:
    made = publisher(gateway, broken)
    case = made.api.ask("GET", "/v1/sandbox/conformance?run=bound")[1]["cases"][0]
    refused = {**case["events"][0], "data": {}}
    unsigned = {**made.event(refused), "lianyunsignature": "v1;none"}
    for _ in range(2):
        made.post([unsigned] * 600)
    for n in range(MOST_RUNS):
        made.post([{**unsigned, "id": f"conformance/later-{n}/x"}])
    kept = dict(
        gateway.api.rows(
            "SELECT run, count(*) FROM lianyun.conformance_attempt WHERE party = 'broken' GROUP BY run"
        )
    )
    assert kept == {f"later-{n}": 1 for n in range(MOST_RUNS)}


def test_nobody_else_sees_a_run_or_gets_into_it(gateway: Gateway, broken: Partner) -> None:
    other = registered(gateway, "other", Role.OPERATOR)
    made = publisher(gateway, other)
    mine = made.api.ask("GET", "/v1/sandbox/conformance?run=mine")[1]
    theirs = publisher(gateway, broken).api.ask("GET", "/v1/sandbox/conformance?run=mine")[1]
    ids = [
        {str(o) for c in run["cases"] for e in c["events"] for o in (e.get("data") or {}).get("objects", ())}
        for run in (mine, theirs)
    ]
    shared = set(ids[0] & ids[1])
    assert shared == {
        str({"kind": "container", "id": "CSQU3054380"}),
        str({"kind": "wagon", "id": "conformance-mine"}),
    }
    made.send([{**theirs["cases"][0]["events"][0], "data": {}}])
    assert outcome(gateway, "broken", "mine")["wrong"] == 0


def test_a_network_without_a_sandbox_has_no_run(stack: Servers, tmp_path: Path) -> None:
    found = opening(stack, tmp_path, network="prod")
    with found.api:
        for path in ("/v1/sandbox/conformance", "/v1/sandbox/conformance/1"):
            assert found.api.client("ktz").get(path).status_code == 404


@pytest.mark.long
def test_our_own_publisher_on_a_topic_is_right_in_all_that_it_can_be_made_to_try(
    gateway: Gateway, tmp_path: Path
) -> None:
    partner = registered(gateway, "kafkaist", Role.OPERATOR)
    profile = Profile("kafkaist", partner.source, gateway.topic, "demo", partner.key, bytes(range(32)))
    profile.save(tmp_path)
    environment = {
        **os.environ,
        "LIANYUN_BOOTSTRAP": gateway.servers.bootstrap,
        "LIANYUN_PARTNERS": str(tmp_path),
        "LIANYUN_DSN": gateway.dsn,
        "LIANYUN_NETWORK": "demo",
    }

    def published(records: list[dict[str, Any]]) -> dict[str, Any]:
        file = tmp_path / "records.jsonl"
        names = ("id", "type", "time", "subject", "data")
        lines = [
            json.dumps({name: each[name] for name in names if each[name] is not None}) for each in records
        ]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        done = launcher.lianyun(
            "publish", "--as", "kafkaist", "--json", str(file), env=environment, timeout=120
        )
        assert done.stdout, done.stderr
        return dict(json.loads(done.stdout)["files"][0])

    done = launcher.lianyun("conformance", "kafkaist", "--cases", env=environment, timeout=60)
    cases = json.loads(done.stdout)["cases"]
    able = [
        each
        for each in cases
        if all(event["how"] == "as_given" for event in each["events"]) and each["id"] != "clock-ahead"
    ]
    sent = [(case, event) for case in able for event in case["events"] if not event["echo"]]
    answered = published([event for _, event in sent])["records"]
    assert len(answered) == len(sent)
    echoes = []
    for case in able:
        answers = [record for (of, _), record in zip(sent, answered, strict=True) if of is case]
        said = [record["refusal"]["reason"] for record in answers if record["refusal"]]
        said += [remark["code"] for record in answers for remark in record["remarks"]]
        echoes += [
            {**event, "data": {**event["data"], "remark": said[0]}}
            for event in case["events"]
            if event["echo"] and said
        ]
    published(echoes)

    # What only the platform can know, the role, its publisher reads in the operator's list.
    def letters() -> list[Any]:
        shown = launcher.lianyun(
            "dlq", "list", "--publisher", "kafkaist", "--json", env=environment, timeout=60
        )
        return list(json.loads(shown.stdout)["letters"])

    end = time.monotonic() + 60
    while not (refused := letters()) and time.monotonic() < end:
        time.sleep(0.2)
    for letter in refused:
        (case,) = (each for each in able if letter["id"] in {event["id"] for event in each["events"]})
        echo = case["events"][-1]
        published([{**echo, "data": {**echo["data"], "remark": letter["reason"]}}])
    done = launcher.lianyun("conformance", "kafkaist", "--wait", "6", "--json", env=environment, timeout=120)
    found = {each["id"]: each for each in json.loads(done.stdout)["cases"]}
    named = {case["id"] for case in able}
    assert {name: found[name] for name in named if found[name]["status"] != "right"} == {
        "again": found["again"]
    }
    assert [each for each in found.values() if each["status"] == "wrong"] == []
    shown = launcher.lianyun("conformance", "kafkaist", env=environment, timeout=60)
    assert shown.returncode == 1
    assert "to do again: conformance/1/again: came once over HTTP or on a topic" in shown.stdout
