"""Share links: what they show, to whom, for how long, and who learns that they were opened."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import zxingcpp
from typer.testing import CliRunner

from services.api.access import share_links
from services.cli import share
from services.cli.exits import Failure
from tests.support.pages import RunningPages

pytestmark = pytest.mark.integration
REFERENCE = "xaport/XA-1"
BOX = "CSQU3054383"
ORIGIN = {"sec-fetch-site": "same-origin"}


def made(browser: httpx.Client, **form: str) -> str:
    """The path of a new link to XA-1."""
    answer = browser.post("/links", data={"consignment": REFERENCE, "days": "7", **form}, headers=ORIGIN)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    (address,) = re.findall(r'value="(http://[^"]+/s/[^"]+)"', answer.text)
    return str(httpx.URL(address).path)


@contextmanager
def holder(pages: RunningPages) -> Iterator[httpx.Client]:
    """Whoever holds a link and nothing else."""
    with pages.browser() as browser:
        yield browser


def test_a_link_shows_its_fields_and_nothing_else(pages: RunningPages) -> None:
    with pages.browser("optic") as owner, holder(pages) as other:
        bare = other.get(made(owner))
        assert bare.status_code == 200
        assert bare.headers["referrer-policy"] == "no-referrer"
        assert "noindex" in bare.headers["x-robots-tag"]
        assert REFERENCE in bare.text
        assert "Loaded on a wagon" in bare.text
        for hidden in (BOX, "Released by customs", "INV-", "abank", "8541", "100001"):
            assert hidden not in bare.text, hidden
        more = other.get(made(owner, ids="on", declaration_status="on", goods="on"))
        for shown in (BOX, "Released by customs", "8541430000"):
            assert shown in more.text, shown
        assert "222920260000012345" not in more.text
        assert "abank" not in more.text


def scanned(page: str) -> list[str]:
    """What another reader than ours finds in the code of a page, drawn with 4 pixels a module and nothing around it."""
    (side, drawn), *others = re.findall(
        r'<svg viewBox="0 0 (\d+) \1" class="code"><path [^>]*d="([^"]+)"', page
    )
    assert not others
    size, scale = int(side), 4
    dark = [[255] * size for _ in range(size)]
    x = y = 0
    for move, first, second in re.findall(r"([Mmh])(-?[\d.]+)(?: (-?[\d.]+))?", drawn):
        if move == "h":
            dark[y][x : x + int(first)] = [0] * int(first)
            x += int(first)
        else:
            x, y = (int(first), int(float(second))) if move == "M" else (x + int(first), y + int(second))
    quiet = [*dark[:4], *dark[-4:], *(row[:4] + row[-4:] for row in dark)]
    assert all(each == 255 for row in quiet for each in row)
    pixels = bytes(each for row in dark for _ in range(scale) for each in row for _ in range(scale))
    image = memoryview(pixels).cast("B", (size * scale, size * scale))
    return [each.text for each in zxingcpp.read_barcodes(image)]


def test_the_printed_code_leads_to_the_page(pages: RunningPages) -> None:
    with pages.browser("optic") as owner, holder(pages) as other:
        own = owner.get(f"/track/{REFERENCE}?lang=de").text
        assert scanned(own) == [f"{pages.url}/track/{REFERENCE}"]
        path = made(owner)
        assert "/s/" not in own
        shared = other.get(path).text
        assert scanned(shared) == [f"{pages.url}{path}"]
        (address,) = scanned(shared)
        assert address in re.sub(r"<svg.*?</svg>", "", shared)
        assert "style=" not in shared
        assert other.get(address).status_code == 200


def test_a_token_has_192_bits_and_only_its_digest_is_stored(pages: RunningPages) -> None:
    with pages.browser("optic") as owner:
        token = made(owner).removeprefix("/s/")
    assert len(token) == 32
    with pages.context.pool.connection() as session:
        rows = session.execute("SELECT to_jsonb(l)::text FROM lianyun.share_link l").fetchall()
        trail = session.execute(
            "SELECT change FROM lianyun.audit_trail WHERE register = 'share_link'"
        ).fetchall()
    assert trail
    assert not any(token in text for (text,) in [*rows, *trail])


def test_it_opens_until_it_ends_or_is_ended(pages: RunningPages) -> None:
    with pages.browser("optic") as owner, holder(pages) as other:
        path = made(owner, label="for the consignee")
        assert other.get(path).status_code == 200
        listed = owner.get("/links", params={"consignment": REFERENCE}).text
        (id_,) = re.findall(r'action="/links/([0-9a-f-]+)/end"', listed)[:1]
        with pages.browser("silk") as somebody:
            assert somebody.post(f"/links/{id_}/end", data={}, headers=ORIGIN).status_code == 404
        assert owner.post(f"/links/{id_}/end", data={}, headers=ORIGIN).status_code == 303
        ended = other.get(path)
        assert ended.status_code == 410
        assert REFERENCE not in ended.text
        assert other.get("/s/" + "x" * 32).status_code == 404
        path = made(owner)
        digest = share_links.digest_of(path.removeprefix("/s/"))
        with pages.context.pool.connection() as session:
            session.execute(
                "UPDATE lianyun.share_link SET made = 1, expires = 2 WHERE digest = %s", (digest,)
            )
        assert other.get(path).status_code == 410


def test_every_opening_is_logged_and_shown_to_its_owner(pages: RunningPages) -> None:
    with pages.browser("silk") as owner, holder(pages) as other:
        path = made(owner)
        for _ in range(3):
            assert other.get(path).status_code == 200
        text = owner.get("/links", params={"consignment": REFERENCE}).text
        assert "<summary>3</summary>" in text
    with pages.context.pool.connection() as session:
        rows = session.execute(
            "SELECT subjects, resource FROM lianyun.access_log WHERE party = 'silk' AND client LIKE 'share:%'"
        ).fetchall()
    assert rows == [(["optic"], f"consignment:{REFERENCE}")] * 3


def test_it_gives_no_more_than_its_party_may_see_when_it_is_opened(pages: RunningPages) -> None:
    """The terminal does not see the invoice: its link shows none, whatever was chosen."""
    with pages.browser("dit") as owner, holder(pages) as other:
        text = other.get(made(owner, invoice="on", ids="on", goods="on", declaration_status="on")).text
        assert "Invoice issued" not in text
        assert "8541430000" not in text  # a terminal sees two digits
        assert 'HS <span class="code">85</span>' in text


def test_what_a_bank_sees_by_its_pledge_is_not_handed_on(pages: RunningPages) -> None:
    with pages.browser("abank") as bank:
        assert bank.get(f"/track/{REFERENCE}").status_code == 200
        answer = bank.post("/links", data={"consignment": REFERENCE, "days": "7"}, headers=ORIGIN)
        assert answer.status_code == 403


def test_who_may_not_see_it_makes_no_link(pages: RunningPages) -> None:
    with pages.browser("stranger") as stranger, holder(pages) as nobody:
        for browser, status in ((stranger, 404), (nobody, 401)):
            answer = browser.post("/links", data={"consignment": REFERENCE, "days": "7"}, headers=ORIGIN)
            assert answer.status_code == status


def test_a_form_from_another_site_is_not_taken(pages: RunningPages) -> None:
    form = {"consignment": REFERENCE, "days": "7"}
    with pages.browser("optic") as owner:
        for headers in (
            {},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
            {"origin": "https://evil.example"},
            {"origin": "null"},
        ):
            assert owner.post("/links", data=form, headers=headers).status_code == 403
        assert owner.post("/links", data=form, headers={"origin": pages.url}).status_code == 200
        assert owner.post("/links", json=form, headers=ORIGIN).status_code == 400
        for wrong in ({"days": "367"}, {"days": "x"}, {"label": "x" * 81}):
            assert owner.post("/links", data={**form, **wrong}, headers=ORIGIN).status_code == 400


def test_guessing_and_hammering_are_bounded(pages: RunningPages) -> None:
    with RunningPages(pages.dsn, {"pages_guess_rate": 3, "pages_link_rate": 4}) as slow:
        with slow.browser("optic") as owner:
            path = made(owner)
        with slow.browser() as other:
            assert [other.get(path).status_code for _ in range(6)] == [200] * 4 + [429] * 2
            guesses = [other.get(f"/s/{number:032}").status_code for number in range(5)]
            assert guesses == [404] * 3 + [429] * 2
            assert other.get(path).status_code == 429


def test_an_operator_makes_lists_and_ends_links_for_a_party(
    pages: RunningPages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIANYUN_DSN", pages.dsn)
    monkeypatch.setenv("LIANYUN_PAGES_URL", pages.url)
    run = CliRunner()
    done = run.invoke(share.app, ["make", REFERENCE, "--party", "ruhr", "--days", "2", "--json"])
    assert done.exit_code == 0, done.output
    link = json.loads(done.stdout)
    with holder(pages) as other:
        assert BOX in other.get(httpx.URL(link["url"]).path).text
        listed = json.loads(run.invoke(share.app, ["list", "--party", "ruhr", "--json"]).stdout)["links"]
        assert [(each["id"], each["opened"], each["works"]) for each in listed] == [(link["id"], 1, True)]
        assert (
            len(json.loads(run.invoke(share.app, ["openings", link["id"], "--json"]).stdout)["openings"]) == 1
        )
        assert run.invoke(share.app, ["end", link["id"]]).exit_code == 0
        assert other.get(httpx.URL(link["url"]).path).status_code == 410
    for arguments in (
        ["make", REFERENCE, "--party", "stranger"],
        ["make", REFERENCE, "--party", "abank"],
        ["make", REFERENCE, "--party", "ruhr", "--fields", "credit"],
        ["end", link["id"]],
    ):
        assert isinstance(run.invoke(share.app, arguments).exception, Failure)
