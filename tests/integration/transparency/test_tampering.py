"""What the owner of the database changes and makes every digest anew for: no seal and no chain shows it, the log names it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from schemas.reasons import Reason
from services.api.auth import clients
from services.audit.report import Damage
from services.credit.store import records
from services.ledger.admission.model import Refused
from services.ledger.audit_trail.digests import COLUMNS, NONE, chained, seal, select_list
from services.ledger.audit_trail.entries import link
from services.ledger.dead_letters import store as letters
from services.ledger.registry import store
from services.ledger.storage.session import Session, open_session
from services.testbed.localstack.engine import DatabaseAddress
from services.transparency.store import log
from tests.integration.transparency.test_log_store import SIGNER, catch_up, fill
from tests.stories.story import Story, stories
from tests.support.damage.mutations import prepare
from tests.support.damage.report import look
from tests.support.databases import migrated_database
from tests.support.signed_stories import APPENDED_MS, GATEWAY, register, rubbish

pytestmark = pytest.mark.integration
LINES = 3


@pytest.fixture(scope="module")
def dsn(postgres: DatabaseAddress) -> str:
    """A platform whose log holds something of every kind."""
    told: list[Story] = [each for each in stories() if each.slug[:2] in ("01", "08")]
    fresh = migrated_database(postgres, "tampering")
    with psycopg.connect(fresh) as session:
        prepare(session)
        register(session, told)
        party = next(iter(store.load(session).parties.values()))
        clients.add_client(session, "reader", party, jwk=None, certificate="A" * 43, at=1, by="test")
        for number in (1, 2):
            records.issue(session, party.code, "CREDIT_ASSESSMENT", party.code, number, {"score": number})
        session.execute("INSERT INTO lianyun.access_stream VALUES ('access_log', 7, 0, '')")
        for number in range(1, LINES + 1):
            session.execute(
                "INSERT INTO lianyun.access_log (id, at, client, party, bound, purpose, method, route, resource, subjects, status, request, stream, place, seal)"
                " VALUES (gen_random_uuid(), %s, 'reader', 'p', '', 'x', 'GET', '/r', '/r', '{}', 200, gen_random_uuid(), 7, %s, '')",
                (number, number),
            )
        anew_lines(session)
    with open_session(fresh) as session:
        session.autocommit = True
        log.create(session, SIGNER, 1)
        fill(fresh, told)
        catch_up(session)
    return fresh


@pytest.fixture
def session(dsn: str) -> Iterator[Session]:
    """As the owner sees and changes it; nothing is committed."""
    with psycopg.connect(dsn) as opened:
        yield opened
        opened.rollback()


def anew_lines(session: psycopg.Connection[Any]) -> None:
    """Seal the stream of the access log again, from its first line."""
    digest, last = NONE, 0
    query = f"SELECT place, {select_list(COLUMNS)} FROM lianyun.access_log WHERE stream = 7 ORDER BY place"  # noqa: S608
    for place, (old, *line) in enumerate(session.execute(query.encode()).fetchall(), 1):
        digest, last = chained(digest, seal(*line)), place
        session.execute(
            "UPDATE lianyun.access_log SET seal = %s, place = %s WHERE stream = 7 AND place = %s",
            (digest, place, old),
        )
    session.execute("UPDATE lianyun.access_stream SET lines = %s, seal = %s WHERE stream = 7", (last, digest))


def anew_trail(session: psycopg.Connection[Any], register_: str) -> None:
    """Chain the entries of a register again, from the first."""
    digest, last = NONE, 0
    rows = session.execute(
        "SELECT no, key, change FROM lianyun.audit_trail WHERE register = %s ORDER BY no", (register_,)
    ).fetchall()
    for last, (old, key, change) in enumerate(rows, 1):
        digest = chained(digest, link(register_, key, change))
        session.execute(
            "UPDATE lianyun.audit_trail SET digest = %s, no = %s WHERE register = %s AND no = %s",
            (digest, last, register_, old),
        )
    session.execute(
        "UPDATE lianyun.audit_head SET entries = %s, digest = %s WHERE register = %s",
        (last, digest, register_),
    )


def _register(session: psycopg.Connection[Any]) -> None:
    """A party has another name, from the beginning and everywhere."""
    session.execute(
        "UPDATE lianyun.registry_event SET body = jsonb_set(body, '{name}', '\"Other\"') WHERE version = 1"
    )
    session.execute("UPDATE lianyun.party SET name = 'Other' WHERE no = 1")
    session.execute(
        "UPDATE lianyun.audit_trail SET change = jsonb_set(change::jsonb, '{body,name}', '\"Other\"')::text"
        " WHERE register = 'registry_event' AND no = 1"
    )
    anew_trail(session, "registry_event")


def _client(session: psycopg.Connection[Any]) -> None:
    """A client is another one's certificate."""
    other = "B" * 43
    session.execute("UPDATE lianyun.api_client SET certificate = %s", (other,))
    session.execute(
        "UPDATE lianyun.audit_trail SET change = jsonb_set(change::jsonb, '{certificate}', to_jsonb(%s::text))::text"
        " WHERE register = 'api_client'",
        (other,),
    )
    anew_trail(session, "api_client")


def _credit(session: psycopg.Connection[Any]) -> None:
    """A credit signal was never given."""
    session.execute(
        "DELETE FROM lianyun.credit_record WHERE no = (SELECT max(no) FROM lianyun.credit_record)"
    )
    session.execute("DELETE FROM lianyun.audit_trail WHERE register = 'credit_record' AND no = 2")
    anew_trail(session, "credit_record")


def _line(session: psycopg.Connection[Any]) -> None:
    """Somebody else has read."""
    session.execute("UPDATE lianyun.access_log SET party = 'q' WHERE stream = 7 AND place = 2")
    anew_lines(session)


def _unread(session: psycopg.Connection[Any]) -> None:
    """Nobody has read."""
    session.execute("DELETE FROM lianyun.access_log WHERE stream = 7 AND place = %s", (LINES,))
    anew_lines(session)


def _appended(session: psycopg.Connection[Any]) -> None:
    session.execute(
        "UPDATE lianyun.body SET appended = appended - 1000 WHERE no = (SELECT min(no) FROM lianyun.body)"
    )


def _erased(session: psycopg.Connection[Any]) -> None:
    session.execute("DELETE FROM lianyun.body WHERE no = (SELECT max(no) FROM lianyun.body)")


def _letter(session: psycopg.Connection[Any]) -> None:
    """A message was never refused."""
    session.execute(
        "WITH gone AS (DELETE FROM lianyun.dead_letter WHERE digest = (SELECT min(digest) FROM lianyun.dead_letter) RETURNING *)"
        " UPDATE lianyun.dead_letter_usage u SET letters = letters - 1,"
        " bytes = bytes - octet_length(g.headers) - coalesce(octet_length(g.value), 0) FROM gone g WHERE u.publisher = g.publisher"
    )


def _reason(session: psycopg.Connection[Any]) -> None:
    session.execute(
        "UPDATE lianyun.dead_letter SET reason = 'KEY_REVOKED' WHERE digest = (SELECT min(digest) FROM lianyun.dead_letter)"
    )


@pytest.mark.parametrize(
    ("change", "where", "alone"),
    [
        (_register, "register registry_event 1", True),
        (_client, "register api_client 1", True),
        (_credit, "register credit_record 2", True),
        (_line, "access_log 7 2", True),
        (_unread, f"access_log 7 {LINES}", True),
        (_letter, "refused ", True),
        (_reason, "refused ", True),
        (_appended, "event ", False),
        (_erased, "event ", False),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_the_log_names_it(
    session: Session, change: Callable[[Session], None], where: str, alone: bool
) -> None:
    assert look(session).findings == ()
    change(session)
    findings = look(session).findings
    assert [each for each in findings if each.kind is Damage.TRANSPARENCY and where in each.where], findings
    if alone:  # nothing else of fsck sees it
        assert {each.kind for each in findings} == {Damage.TRANSPARENCY}, findings


def test_what_is_done_to_letters_as_it_should_be_is_no_damage(session: Session) -> None:
    """Judged again with another reason, seen earlier elsewhere, removed after its time."""
    first, second, *_ = [each.digest for each in letters.list_letters(session, letters.LetterQuery())]
    refused = Refused(rubbish(0), Reason.KEY_REVOKED, "", "", "", GATEWAY)
    letters.update_refusal(session, first, refused)
    letters.add_outcome(session, first, letters.LetterOutcome(1, "op", "redrive", "STILL_REFUSED", ""))
    session.execute(
        "UPDATE lianyun.dead_letter SET first_append = first_append - 5, first_partition = 9 WHERE digest = %s",
        (second,),
    )
    assert not named(session)
    letters.purge(session, APPENDED_MS * 1000 + 1_000_000)
    assert not named(session)


def named(session: Session) -> list[str]:
    return [each.where for each in look(session).findings if each.kind is Damage.TRANSPARENCY]
