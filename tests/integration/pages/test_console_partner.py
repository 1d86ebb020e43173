"""A partner's operator in the console: own events and refused messages alone, redrive by a person, and a file that is tried before it is published."""

from __future__ import annotations

import html
import io
import json
import re
import time
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from schemas.envelope import Envelope, event_id, signed_bytes
from schemas.events.base import Role
from schemas.schemes import Scheme
from schemas.signing import SigningKey, sign
from services.audit.fsck.dead_letters import check_dead_letters
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Findings
from services.ledger.admission.evaluation import admit
from services.ledger.admission.model import AdmissionSettings, Admitted, Record
from services.ledger.dead_letters import requests
from services.ledger.dead_letters.batch import LetterSettings, record_refused
from services.ledger.dead_letters.service import ActionOutcome
from services.ledger.registry import commands, store
from services.ledger.registry.events import PartyAdded
from services.ledger.registry.possession import proven
from services.ledger.storage.batch import Event
from services.ledger.storage.bodies import prepare_partitions
from services.ledger.storage.operations import apply_one
from services.ledger.storage.session import open_session
from services.pages.routes import console_events
from services.people.domain.person import Permission
from services.processors.ledger_store import PROJECTIONS, LedgerStore
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.console import TOKEN, RunningConsole, post
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration
SETTINGS = AdmissionSettings("demo")
SHEETS = Path(__file__).resolve().parents[2] / "data" / "sheets"
MARCH = "from=2026-03-01&to=2026-03-31"
KEYS = {
    code: SigningKey.from_seed(Scheme.ED25519, code.encode().ljust(32, b"."))
    for code in ("ktz", "cr", "rzd", "be", "pkp", "db", "xian", "new")
}
SENT = {"offset": 0}
EVENT = r'href="(/console/events/[0-9a-f]{32,64})"'
OPENED = {
    "from": "2026-03-01T00:00:00Z", "reference": "R1", "containers": ["MSKU0000006"],
    "parties": [{"role": "railway", "party": "ktz"}],
}  # fmt: skip


def record(
    party: str,
    id_: str,
    data: dict[str, Any],
    type_: str = "cre.movement.departed.v1",
    key: str = "",
    at: int = 1_772_700_000_000,
) -> Record:
    """A message of ``party`` through its own topic, as a partner's program makes it, received from ``at`` on (milliseconds)."""
    raw = json.dumps({"salt": "0" * 32, **data}).encode()
    envelope = Envelope("1.0", id_, f"urn:x:{party}", type_, "2026-03-05T08:00:00Z")
    signature = sign(KEYS[key or party], signed_bytes("demo", envelope, raw)).encode()
    SENT["offset"] += 1
    headers = [*envelope.to_headers(), ("lianyun-signature", signature)]
    appended = at + SENT["offset"]
    return Record(f"cre.railway.{party}.v1", 0, SENT["offset"], appended, headers, raw)


def departed(box: str = "CSQU3054383", place: str = "railnet:dostyk") -> dict[str, Any]:
    return {
        "classifier": "ACT", "happened": "2026-03-05T07:00:00Z", "place": place,
        "objects": [{"kind": "container", "id": box}],
    }  # fmt: skip


def publish(dsn: str, *records: Record) -> None:
    """What a worker does with them."""
    with psycopg.connect(dsn) as session:
        registry = store.load(session)
        for each in records:
            outcome = admit(each, registry, SETTINGS)
            if isinstance(outcome, Admitted):
                apply_one(session, Event.of(outcome, registry.version), PROJECTIONS)
            else:
                record_refused(session, [outcome], LetterSettings())


@pytest.fixture(scope="module")
def console(postgres: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningConsole]:
    dsn = migrated_database(postgres, "console_partner")
    with psycopg.connect(dsn) as session:
        prepare_partitions(session)
        for code in ("ktz", "cr", "rzd", "be", "pkp", "db", "xian"):
            party = PartyAdded(
                code=code, name=code, roles=frozenset({Role.OPERATOR if code == "xian" else Role.RAILWAY}), sources=frozenset({f"urn:x:{code}"}),
                topics=frozenset({f"cre.railway.{code}.v1"}),
            )  # fmt: skip
            commands.add_party(session, party, at=0, by="test")
            if code in KEYS:
                commands.add_key(session, code, proven(KEYS[code], "demo", code), at=0, by="test")
    publish(
        dsn,
        *(record("ktz", f"dep-{n}", departed()) for n in range(3)),
        record("ktz", "doubt", departed("CSQU3054384")),
        record("ktz", "twice", departed()),
        record("ktz", "twice", departed(place="railnet:almaty-1")),
        record("ktz", "<script>alert(1)</script>", {"classifier": "<script>alert(2)</script>"}),
        record("ktz", "early", departed(), key="new"),
        record("xian", "open", OPENED, "cre.link.consignment_opened.v1"),
        record("ktz", "reaches", departed("MSKU0000006")),
        record("cr", "of-cr", departed()),
        record("cr", "refused-of-cr", {}),
    )
    with RunningConsole(dsn, tmp_path_factory.mktemp("console")) as running:
        running.person("ktz", "aigerim", may=[*Permission])
        running.person("ktz", "reader", may=[Permission.EVENTS])
        running.person("ktz", "shift", may=[Permission.CASES])
        running.person("cr", "li-na", may=[*Permission])
        yield running


def letters(browser: httpx.Client) -> dict[str, str]:
    """The refused messages that are listed: (reason: address)."""
    found = browser.get(f"/console/events?state=refused&{MARCH}&table=events&format=json").json()["rows"]
    page = browser.get(f"/console/events?state=refused&{MARCH}").text
    addresses = re.findall(r'href="(/console/events/[0-9a-f]{64})"', page)
    return {row["reason"]: address for row, address in zip(found, addresses, strict=True)}


def test_a_person_sees_what_its_party_published_and_nothing_of_others(console: RunningConsole) -> None:
    mine, others = console.looking("aigerim"), console.looking("li-na")
    page = mine.get(f"/console/events?{MARCH}")
    assert page.status_code == 200, page.text
    assert "dep-1" in page.text
    assert "of-cr" not in page.text
    own = f"/console/events/{event_id('urn:x:ktz', 'dep-1').hex()}"
    assert "waits for a link" in mine.get(own).text
    assert "Nothing leads on from it" in mine.get(own).text
    assert others.get(own).status_code == 404
    (refused,) = [address for reason, address in letters(others).items() if reason == "INVALID_SCHEMA"]
    assert others.get(refused).status_code == 200
    for path in (refused, f"/console/events/{'0' * 32}", f"/console/events/{'0' * 64}", "/console/events/x"):
        assert mine.get(path).status_code == 404
    assert console.looking("shift").get("/console/events").status_code == 404
    assert console.looking("shift").get("/console/keys").status_code == 404


def test_each_state_is_counted_and_found(console: RunningConsole) -> None:
    browser = console.looking("aigerim")
    days = browser.get(f"/console/events?{MARCH}&table=events-by-day&format=json").json()["rows"]
    assert [
        {key: day[key] for key in ("received", "parked", "remarks", "equivocation", "refused")}
        for day in days
    ] == [{"received": 7, "parked": 4, "remarks": 1, "equivocation": 1, "refused": 2}]

    def ids(query: str) -> list[str]:
        found = browser.get(f"/console/events?{MARCH}&table=events&format=json&{query}").json()
        return [row["id"] for row in found["rows"]]

    assert ids("state=remarks") == ["doubt"]
    assert ids("state=equivocation") == ["twice", "twice"]
    assert ids("type=cre.movement.departed.v1") == [
        "reaches",
        "twice",
        "twice",
        "doubt",
        "dep-2",
        "dep-1",
        "dep-0",
    ]
    assert ids("type=cre.movement.arrived.v1") == []
    assert (ids("state=accepted"), ids("consignment=xian/R1"), ids("consignment=xian/R2")) == (
        ["reaches"],
        ["reaches"],
        [],
    )
    reaching = browser.get(f"/console/events/{event_id('urn:x:ktz', 'reaches').hex()}").text
    assert 'href="/track/xian/R1"' in reaching
    assert set(ids("state=refused")) == {"early", "<script>alert(1)</script>"}
    csv = browser.get(f"/console/events?{MARCH}&table=events&format=csv")
    assert csv.headers["content-type"].startswith("text/csv")
    assert "dep-0" in csv.text
    for wrong in ("state=x", "type=x", "from=x", "from=2026-01-01&to=2026-12-31", "before=x", "batch=%00"):
        assert browser.get(f"/console/events?{wrong}").status_code == 400, wrong


def test_pages_follow_one_another_without_a_gap(
    console: RunningConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = console.looking("aigerim")
    for state in ("", "refused", "parked"):
        path = f"/console/events?state={state}&{MARCH}"
        whole = re.findall(EVENT, browser.get(path).text)
        with monkeypatch.context() as small:
            small.setattr(console_events, "PAGE", 1)
            found = []
            while path:
                page = browser.get(path).text
                found += re.findall(EVENT, page)
                following = re.search(r'rel="next" href="([^"]+)"', page)
                path = html.unescape(following[1]) if following else ""
        assert found == whole, state
        assert len(whole) > 1


def test_a_refused_message_shows_its_bytes_as_text(console: RunningConsole) -> None:
    """ASVS 5.3.3"""
    browser = console.looking("aigerim")
    page = browser.get(letters(browser)["INVALID_SCHEMA"]).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(2)&lt;/script&gt;" in page
    assert "The content does not fit its type." in page


def test_a_redrive_is_asked_for_once_and_recorded_for_the_person(console: RunningConsole) -> None:
    mine, others = console.looking("aigerim"), console.looking("li-na")
    path = letters(mine)["UNKNOWN_KEY"]
    for browser in (console.looking("reader"), others):
        assert post(browser, f"{path}/redrive", {"last": "0"}).status_code == 404
    assert mine.post(f"{path}/redrive", data={"last": "0"}).status_code == 403

    def carried_out() -> list[ActionOutcome | None]:
        worker = LedgerStore(console.dsn, "worker", admission=SETTINGS)
        worker.idle()
        worker.close()
        with psycopg.connect(console.dsn) as session:
            digest = bytes.fromhex(path.rpartition("/")[2])
            return [each.outcome for each in requests.requests_of(session, digest)]

    for _ in range(2):  # a second click
        assert post(mine, f"{path}/redrive", {"last": "0"}).status_code == 303
    assert "judged again in a moment" in mine.get(path).text
    refused = [ActionOutcome.STILL_REFUSED]
    assert (carried_out(), carried_out()) == (refused, refused)
    assert "refused again" in mine.get(path).text
    with psycopg.connect(console.dsn) as session:
        commands.add_key(session, "ktz", proven(KEYS["new"], "demo", "ktz"), at=0, by="test")
    assert post(mine, f"{path}/redrive", {"last": "0"}).status_code == 303, "the old form asks for nothing"
    assert carried_out() == refused
    assert post(mine, f"{path}/redrive", {"last": "1"}).status_code == 303
    assert carried_out() == [*refused, ActionOutcome.REDRIVEN]
    shown = mine.get(path).text
    assert "It is accepted now." in shown
    assert "Judge it again" not in shown
    assert mine.get(f"/console/events/{event_id('urn:x:ktz', 'early').hex()}").status_code == 200
    assert post(mine, f"{path}/redrive", {"last": "2"}).status_code == 400
    with psycopg.connect(console.dsn) as session:
        by = session.execute("SELECT DISTINCT by FROM lianyun.dead_letter_outcome").fetchall()
        (person,) = (
            session.execute("SELECT id FROM lianyun.person WHERE subject = 'aigerim'").fetchone() or ()
        )
    assert by == [(f"person:{person.hex} of {console.issuer.url}",)]

    def found() -> list[str]:
        findings = Findings()
        with open_session(console.dsn) as session:
            check_dead_letters(Snapshot(session), findings)
        return [each.field for each in findings.report(0.0).findings]

    assert found() == []
    with psycopg.connect(console.dsn) as session:
        session.execute(
            "UPDATE lianyun.person_grant SET permissions = '{events}' WHERE person = %s", (person,)
        )
    assert found() == ["by", "by"], "who might not"
    with psycopg.connect(console.dsn) as session:
        every = sorted(map(str, Permission))
        session.execute("UPDATE lianyun.person_grant SET permissions = %s WHERE person = %s", (every, person))


def tried(browser: httpx.Client, name: str, content: bytes, **form: str) -> httpx.Response:
    token = TOKEN.search(browser.get("/console/upload").text)
    assert token is not None
    return browser.post(
        "/console/upload",
        data={"form_token": token[1], "source": "urn:x:ktz", **form},
        files={"file": (name, content)},
        headers={"sec-fetch-site": "same-origin"},
    )


def stored(dsn: str) -> list[Any]:
    with psycopg.connect(dsn) as session:
        return session.execute(
            "SELECT (SELECT count(*) FROM lianyun.body), (SELECT count(*) FROM lianyun.dead_letter),"
            " (SELECT count(*) FROM lianyun.audit_trail)"
        ).fetchall()


def line(id_: str, data: dict[str, Any]) -> str:
    return json.dumps(
        {"id": id_, "type": "cre.movement.departed.v1", "time": "2026-03-05T08:00:00Z", "data": data}
    )


def test_a_file_is_tried_row_by_row_and_nothing_of_it_is_kept(console: RunningConsole) -> None:
    browser = console.looking("aigerim")
    before = stored(console.dsn)
    rows = [
        line("new", departed()),
        line("dep-0", departed()),
        line("dep-1", departed(place="railnet:almaty-1")),
        line("bad", {"classifier": "ACT"}),
        line("new", departed("MSKU0000006")),
    ]
    page = tried(browser, "my list.jsonl", "\n".join(rows).encode())
    assert page.status_code == 200, page.text
    table = page.text[page.text.index("<tbody>") : page.text.index("</tbody>")]
    states = [re.sub(r"<[^>]+>", "", row).split() for row in table.split("<tr>")[1:]]
    said = [" ".join(row) for row in states]
    for n, words in enumerate(
        (
            "would be published", "published: waits for a link", "was published with other content", "cannot be published",
            "the same id with other content in this file",
        )
    ):  # fmt: skip
        assert words in said[n], said[n]
    assert "/place" in said[2], "what differs"
    assert "lianyun publish --as ktz &#39;my list.jsonl&#39;" in page.text
    assert "lianyun publish --as ktz --amend" in page.text
    sheet = (SHEETS / "04_border_handover_zh_ru.xlsx").read_bytes()
    read = tried(browser, "handover.xlsx", sheet, zone="Asia/Shanghai", company="CR")
    assert read.status_code == 200
    assert "border_handover" in read.text
    assert "would be published" in read.text
    assert "cannot be read in one way only" in tried(browser, "handover.xlsx", sheet).text, (
        "no clock is declared"
    )
    assert stored(console.dsn) == before


def hostile() -> dict[str, bytes]:
    whole = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO((SHEETS / "04_border_handover_zh_ru.xlsx").read_bytes())) as book,
        zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for each in book.namelist():
            bomb.writestr(each, bytes(200 << 20) if each.endswith("sheet1.xml") else book.read(each))
    entities = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd"><!ENTITY b "&a;&a;&a;&a;">]><TrainCompositionMessage>&b;</TrainCompositionMessage>'
    return {"bomb.xlsx": whole.getvalue(), "entities.xml": entities}


def test_a_hostile_file_is_refused_and_costs_nobody_anything(console: RunningConsole) -> None:
    browser = console.looking("aigerim")
    for name, content in hostile().items():
        page = tried(browser, name, content, zone="Asia/Almaty", format="taf" if name.endswith("xml") else "")
        assert page.status_code == 200, name
        assert ("too large" if name == "bomb.xlsx" else "cannot be read in one way only") in page.text, name
        assert "root:" not in page.text
    assert tried(browser, "large", bytes(2 << 20)).status_code == 413
    for form in (
        {"source": "urn:x:cr"},
        {"format": "x"},
        {"zone": "Mars"},
        {"declarations": '[key]\nseed = "ff"'},
    ):
        assert tried(browser, "a.jsonl", b"{}", **form).status_code == 409, form
    reader = console.looking("reader")
    token = TOKEN.search(reader.get("/console/account").text)
    assert token is not None
    sent = {"form_token": token[1], "source": "urn:x:ktz"}
    same_site = {"sec-fetch-site": "same-origin"}
    answer = reader.post("/console/upload", data=sent, files={"file": ("a", b"{}")}, headers=same_site)
    assert answer.status_code == 404
    without = browser.post(
        "/console/upload", data={"source": "x"}, files={"file": ("a", b"{}")}, headers=same_site
    )
    assert without.status_code == 403


def test_keys_and_quality_are_those_of_the_party(console: RunningConsole) -> None:
    browser = console.looking("reader")
    page = browser.get("/console/keys").text
    assert KEYS["ktz"].key_id in page
    assert KEYS["cr"].key_id not in page
    quality = browser.get("/console/quality")
    assert quality.status_code == 200, quality.text
    assert "With fewer than 20 events nothing is measured" in quality.text
    assert browser.get("/console/quality?role=customs").status_code == 400
    now, found = time.time_ns() // 1_000_000 - 3_600_000, dict[Any, Any]()
    others = ("cr", "rzd", "be", "pkp", "db")
    for count, codes in ((19, (*others, "ktz")), (1, others[1:]), (1, ("ktz",)), (1, ("cr",))):
        odd = ["CSQU3054384" if code == "ktz" else "CSQU3054383" for code in codes]
        publish(console.dsn, *(
            record(code, f"late-{count}-{n}", departed(box), at=now) for code, box in zip(codes, odd, strict=True) for n in range(count)
        ))  # fmt: skip
        publish(console.dsn, *(record(code, "refused", {}, at=now) for code in codes if code == "ktz"))
        console.pages.context.console.measures.forget()  # type: ignore[attr-defined]
        rows = browser.get("/console/quality?table=quality&format=json").json()["rows"]
        found[count, codes] = {row["measure"]: (row["own"], row["median"]) for row in rows}
    before, _, four, all_ = found.values()
    assert set(before["digits"]) == {None}, "too few events of everybody"
    assert four["digits"] == (1, None), "four other parties are too few"
    assert all_["digits"] == (1, 0)
    assert all_["refused"] == (pytest.approx(1 / 21), 0)


class _Prose(HTMLParser):
    """The texts of a page that are meant to be read in its language: no codes, no bytes, nothing in a language that it names."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._apart: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        code = "code" in (given.get("class") or "").split() or tag in ("pre", "textarea", "option", "style")
        if tag not in ("input", "meta", "link", "br", "hr", "img", "use", "path"):
            self._apart.append((tag, code or (tag != "html" and "lang" in given)))

    def handle_endtag(self, tag: str) -> None:
        while self._apart and self._apart.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not any(apart for _, apart in self._apart):
            self.texts.append(data)


def test_in_chinese_a_partner_reads_what_was_wrong_and_what_to_do_in_chinese(
    console: RunningConsole,
) -> None:
    browser = console.looking("aigerim")
    english = browser.get(letters(browser)["INVALID_SCHEMA"])
    browser.cookies.set("lang", "zh")
    row = {"id": "odd", "type": "cre.movement.departed.v1", "time": "2026-03-05T08:00:00Z"}
    rows = [
        json.dumps({**row, "data": departed("CSQU3054384")}),
        line("bad", {"classifier": "ACT"}),
        line("new", departed()),
        line("new", departed("MSKU0000006")),
    ]
    doubtful = browser.get(f"/console/events/{event_id('urn:x:ktz', 'doubt').hex()}")
    assert "校验位不符：箱号（ISO 6346）。 请与其来源核对" in doubtful.text
    pages = {
        "doubt": doubtful,
        "file": tried(browser, "my.jsonl", "\n".join(rows).encode()),
        "sheet": tried(browser, "x.xlsx", (SHEETS / "04_border_handover_zh_ru.xlsx").read_bytes()),
        "read": tried(
            browser,
            "x.xlsx",
            (SHEETS / "04_border_handover_zh_ru.xlsx").read_bytes(),
            zone="Asia/Shanghai",
            company="CR",
        ),
        **{reason: browser.get(address) for reason, address in letters(browser).items()},
        **{
            path: browser.get(path)
            for path in ("/console", f"/console/events?{MARCH}", "/console/keys", "/console/quality")
        },
    }
    assert "校验位不符" in pages["file"].text
    wrong = {}
    for name, page in pages.items():
        assert page.status_code == 200, name
        prose = _Prose()
        prose.feed(page.text)
        wrong[name] = [text for text in prose.texts if re.search(r"([A-Za-z'’]{2,}[ ,.:]+){4}", text)]
    assert {name: texts for name, texts in wrong.items() if texts} == {}
    assert "<summary>原文（英语）</summary>" in pages["INVALID_SCHEMA"].text
    assert "<summary>" not in english.text, "in English it stands there as it is"
