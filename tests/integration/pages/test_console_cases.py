"""Cases and borders in the console, on the night at a border: who sees what, who takes which step, and what fsck makes of it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from urllib.parse import urljoin

import httpx
import psycopg
import pytest

from schemas.events.base import Role
from services.audit.fsck.cases import check_cases
from services.audit.fsck.registry import read_history
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Findings
from services.cases.store import overview
from services.cases.store.overview import Listed, Wanted, Whole
from services.ledger.registry import commands
from services.ledger.registry.events import PartyAdded
from services.ledger.storage.session import open_session
from services.people.domain.person import Permission, PersonId
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.cases.border_night import border_night, play
from tests.support.console import RunningConsole, post
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration
AT = border_night().as_of
BOARD = "/console/board/alashankou-dostyk"
PEOPLE: dict[str, PersonId] = {}


@pytest.fixture(scope="module")
def console(postgres: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningConsole]:
    dsn = migrated_database(postgres, "console_cases")
    play(dsn)
    with psycopg.connect(dsn) as session:
        for code, role, managers in (("pkp", Role.RAILWAY, {"pkp-plk"}), ("abank", Role.BANK, set())):
            party = PartyAdded(
                code=code, name=code, roles=frozenset({role}), sources=frozenset({f"urn:x:{code}"}),
                managers=frozenset(managers),
            )  # fmt: skip
            commands.add_party(session, party, at=0, by="test")
    with RunningConsole(dsn, tmp_path_factory.mktemp("console")) as running:
        for party, subject, teams, may in (
            ("cr", "li-na", ["alashankou-shift"], [*Permission]),
            ("cr", "zhang", ["alashankou-night", "urumqi"], [*Permission]),
            ("cr", "reader", ["alashankou-shift"], [Permission.BOARD, Permission.CASES]),
            ("ktz", "aigerim", ["dostyk-shift"], [*Permission]),
            ("gacc", "wang", ["customs"], [*Permission]),
            ("pkp", "ewa", ["malaszewicze"], [*Permission]),
            ("abank", "bank", ["desk"], [*Permission]),
        ):
            known = running.person(party, subject, teams, may, name=subject.title())
            PEOPLE[subject] = known
        yield running


def whole(console: RunningConsole, case: bytes) -> Whole:
    with open_session(console.dsn) as session:
        return overview.whole(session, case)


def listed(console: RunningConsole, **wanted: object) -> list[Listed]:
    with open_session(console.dsn) as session:
        return overview.listed(session, Wanted(**wanted))  # type: ignore[arg-type]


def held(console: RunningConsole) -> Listed:
    """The train that the shift at Alashankou has taken."""
    return next(each for each in listed(console) if each.what == "TRAIN_HELD" and each.life.owner)


def seal(console: RunningConsole) -> Listed:
    """A broken seal at Alashankou."""
    return next(each for each in listed(console, everything=True) if each.what == "SEAL_BROKEN")


def shown(browser: httpx.Client, path: str = "/console/cases") -> set[str]:
    answer = browser.get(path)
    assert answer.status_code == 200, answer.text
    return set(re.findall(r"/console/cases/([0-9a-f]{32})", answer.text))


def act(browser: httpx.Client, case: Listed, **form: str) -> httpx.Response:
    path = f"/console/cases/{case.id.hex()}"
    return post(browser, f"{path}/steps", form, path)


def sound(console: RunningConsole) -> list[str]:
    findings = Findings()
    with open_session(console.dsn) as session:
        snapshot = Snapshot(session)
        check_cases(snapshot, read_history(snapshot, findings), "demo", findings)
        return [str(each) for each in findings.report(0.0).findings]


def test_a_party_sees_the_cases_of_its_territory_and_no_others(console: RunningConsole) -> None:
    here = {held(console).id.hex(), seal(console).id.hex()}
    assert here <= shown(console.looking("li-na"))
    assert here <= shown(console.looking("wang")), "customs of the country"
    for stranger in ("ewa", "bank"):
        browser = console.looking(stranger)
        assert shown(browser) == set()
        for case in here:
            assert browser.get(f"/console/cases/{case}").status_code == 404
    assert console.looking("li-na").get(f"/console/cases/{'0' * 32}").status_code == 404


def test_an_alert_of_a_pledge_is_in_nobody_s_list(console: RunningConsole) -> None:
    assert not any(
        each.kind == "FINANCING_ALERT"
        for each in listed(console, everything=True)
        if each.id.hex() in shown(console.looking("li-na"))
    )


def test_a_case_goes_through_the_hands_of_a_shift(console: RunningConsole) -> None:
    case = seal(console)
    first, second = console.looking("li-na"), console.looking("zhang")
    assert act(first, case, step="acknowledge", by="alashankou-shift").status_code == 303
    page = first.get(f"/console/cases/{case.id.hex()}").text
    assert "Li-Na" in page
    assert "cr/alashankou-shift" in page
    assert act(first, case, step="note", by="alashankou-shift", note="two boxes wait").status_code == 303
    assert (
        act(first, case, step="snooze", by="alashankou-shift", hours="2", reason="on its way").status_code
        == 303
    )
    taken = act(second, case, step="close", by="urumqi", reason="RESOLVED")
    assert taken.status_code == 409
    assert "not yours" in taken.text
    assert act(first, case, step="assign", by="alashankou-shift", to="alashankou-night").status_code == 303
    assert (
        act(
            second, case, step="close", by="alashankou-night", reason="FALSE_ALARM", note="it was whole"
        ).status_code
        == 303
    )
    steps = whole(console, case.id).steps[1:]
    assert [str(step.kind) for step in steps] == ["acknowledged", "noted", "snoozed", "assigned", "closed"]
    people = [PEOPLE["li-na"]] * 4 + [PEOPLE["zhang"]]
    assert [step.person and step.person.person for step in steps] == people
    assert {step.person and step.person.issuer for step in steps} == {console.issuer.url}
    assert sound(console) == []
    aside = console.looking("wang").get(f"/console/cases/{case.id.hex()}").text
    assert "Li-Na" not in aside, "another party sees the team, not who it was"
    assert PEOPLE["li-na"].hex()[:8] in aside


NOT_ONES_OWN: tuple[tuple[str, dict[str, str], int], ...] = (
    ("zhang", {"step": "acknowledge", "by": "alashankou-shift"}, 404),
    ("aigerim", {"step": "note", "by": "alashankou-shift", "note": "x"}, 404),
    ("aigerim", {"step": "close", "by": "dostyk-shift", "reason": "RESOLVED"}, 409),
    ("reader", {"step": "note", "by": "alashankou-shift", "note": "x"}, 404),
    ("ewa", {"step": "note", "by": "malaszewicze", "note": "x"}, 404),
    ("li-na", {"step": "assign", "by": "alashankou-shift", "to": "dostyk-shift"}, 409),
    ("li-na", {"step": "assign", "by": "alashankou-shift", "to": "nobody"}, 409),
    ("li-na", {"step": "snooze", "by": "alashankou-shift", "hours": "9999", "reason": "x"}, 409),
    ("li-na", {"step": "snooze", "by": "alashankou-shift", "hours": "2", "reason": ""}, 409),
    ("li-na", {"step": "note", "by": "alashankou-shift", "note": "a" * 201}, 409),
    ("li-na", {"step": "note", "by": "alashankou-shift", "note": "a\nb"}, 409),
    ("li-na", {"step": "close", "by": "alashankou-shift", "reason": "CAUSE_GONE"}, 409),
    ("li-na", {"step": "reopened", "by": "alashankou-shift"}, 409),
    ("li-na", {}, 404),
)


def test_what_is_not_one_s_to_do_leaves_no_step(console: RunningConsole) -> None:
    case = held(console)
    before = whole(console, case.id).steps
    path = f"/console/cases/{case.id.hex()}"
    for subject, form, status in NOT_ONES_OWN:
        browser = console.looking(subject)
        shows_form = 'name="form_token"' in browser.get(path).text
        given = {"last": str(before[-1].number), **form}
        answer = post(browser, f"{path}/steps", given, path if shows_form else "")
        assert answer.status_code == status, (subject, form)
        assert whole(console, case.id).steps == before, (subject, form)


def test_a_form_that_was_drawn_before_another_step_is_refused(console: RunningConsole) -> None:
    case = held(console)
    browser = console.looking("li-na")
    path = f"/console/cases/{case.id.hex()}"
    form = {"step": "note", "by": "alashankou-shift", "note": "twice"}
    old = str(whole(console, case.id).steps[-1].number)
    assert post(browser, f"{path}/steps", {**form, "last": old}, path).status_code == 303
    again = post(browser, f"{path}/steps", {**form, "last": old}, path)
    assert again.status_code == 409
    assert "meanwhile" in again.text
    assert [step.text for step in whole(console, case.id).steps].count("twice") == 1


def test_a_shift_is_reported_and_handed_over(console: RunningConsole) -> None:
    browser = console.looking("li-na")
    report = browser.get("/console/shift?hours=24").text
    case = held(console)
    assert case.short in report
    assert "cr/alashankou-shift" in report
    form = {"by": "alashankou-shift", "to": "alashankou-night", "note": "all quiet"}
    assert post(browser, "/console/shift/hand-over", {**form, "to": "dostyk-shift"}).status_code == 409
    assert post(browser, "/console/shift/hand-over", form).status_code == 303
    now = whole(console, case.id)
    assert str(now.listed.life.owner) == "cr/alashankou-night"
    noted, given = now.steps[-2:]
    assert (noted.text, str(given.to)) == ("all quiet", "cr/alashankou-night")
    assert given.person is not None
    assert given.person.person == PEOPLE["li-na"]
    assert sound(console) == []
    back = post(
        console.looking("zhang"),
        "/console/shift/hand-over",
        {"by": "alashankou-night", "to": "alashankou-shift"},
    )
    assert back.status_code == 303


def test_a_border_is_shown_to_both_sides_and_their_customs(console: RunningConsole) -> None:
    for subject in ("li-na", "aigerim", "wang"):
        browser = console.looking(subject)
        assert BOARD in browser.get("/console/board").text
        page = browser.get(f"{BOARD}?at={AT}")
        assert page.status_code == 200
        assert "CR X8024" in page.text
    for subject in ("ewa", "bank"):
        browser = console.looking(subject)
        assert BOARD not in browser.get("/console/board").text
        assert browser.get(f"{BOARD}?at={AT}").status_code == 404
    assert console.looking("li-na").get("/console/board/nowhere").status_code == 404
    assert console.looking("li-na").get(f"{BOARD}?at=yesterday").status_code == 400


def test_whoever_waits_longest_stands_first_with_what_blocks_its_boxes_and_three_clocks(
    console: RunningConsole,
) -> None:
    page = console.looking("li-na").get(f"{BOARD}?at={AT}").text
    table = page[page.index("<tbody>") :]
    order = [each for each in re.findall(r"CR (X80\d\d)", table) if each]
    first = list(dict.fromkeys(order))
    assert first[0] == "X8024", first  # arrived at eight, still there
    assert first[-1] == "X8022", "handed over comes last"
    for clock in ("Beijing", "on the spot", "Moscow"):
        assert clock in page
    assert re.search(r"<strong>\d+ (hours?|minutes?)</strong>", table)
    assert "seal 1" in table
    assert "LYNU7300037" in table


def walked(browser: httpx.Client) -> set[str]:
    """Every page of the console that links lead to, from its first on and from the list of closed cases."""
    seen, left = set[str](), ["/console", "/console/cases?show=closed"]
    while left:
        path = left.pop()
        if path in seen:
            continue
        seen.add(path)
        answer = browser.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        found = (html.unescape(each) for each in re.findall(r'href="([^"]+)"', answer.text))
        links = {urljoin(f"http://x{path}", each).removeprefix("http://x") for each in found}
        left += [
            each.partition("#")[0] for each in links if each.startswith("/console") and "lang=" not in each
        ]
    return seen


@pytest.mark.long
def test_every_link_opens_and_nobody_opens_what_no_link_shows(console: RunningConsole) -> None:
    """ASVS 4.1.3, 4.2.1: every page as every role; what has no link for somebody is not there for it."""
    browsers = {subject: console.looking(subject) for subject in PEOPLE}
    own = {subject: walked(browser) for subject, browser in browsers.items()}
    every = {path for paths in own.values() for path in paths if re.search(r"/(cases|board)/", path)}
    assert len(every) > 5
    for subject, browser in browsers.items():
        for path in sorted(every):
            opens = browser.get(path).status_code
            assert opens == (200 if path in own[subject] else 404), f"{subject}: {path}"
    for path in every:
        assert console.browser().get(path).status_code == 401


def test_what_people_write_is_text(console: RunningConsole) -> None:
    """ASVS 5.3.3"""
    case = held(console)
    browser = console.looking("li-na")
    wild = "<img src=x onerror=alert(1)>\"'&{{7*7}}"
    assert act(browser, case, step="note", by="alashankou-shift", note=wild).status_code == 303
    for path in (f"/console/cases/{case.id.hex()}", "/console/shift"):
        page = browser.get(path)
        assert "<img" not in page.text
        assert html.escape(wild, quote=False).replace('"', "&#34;").replace("'", "&#39;") in page.text
        assert "script-src 'self'" in page.headers["content-security-policy"]
