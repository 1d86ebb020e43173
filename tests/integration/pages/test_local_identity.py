"""The issuer that `lianyun up` starts: its process, and the people of whichever parties are registered by then."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import psycopg
import pytest

from schemas.events.base import Role
from services.ledger.registry import commands
from services.ledger.registry.events import PartyAdded
from services.people.store import people
from services.runtime.ports import free_port
from services.testbed.identity.demo_people import PEOPLE, register
from services.testbed.identity.local import LocalIdentity
from services.testbed.localstack.engine import DatabaseAddress
from services.testbed.localstack.platform import RunningPlatform
from services.testbed.simulator.parties import PARTIES
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration


def test_the_people_of_the_demo_are_of_its_parties() -> None:
    assert {each.party for each in PEOPLE} <= set(PARTIES)
    assert len({each.subject for each in PEOPLE}) == len(PEOPLE)


@pytest.mark.long
def test_whoever_opens_the_list_finds_the_people_of_the_parties_that_are_there(
    postgres: DatabaseAddress, tmp_path: Path
) -> None:
    dsn = migrated_database(postgres, "local_identity")
    stack: Any = SimpleNamespace(dsn=dsn, bootstrap="127.0.0.1:9", folder=tmp_path)
    port = free_port()
    with LocalIdentity(RunningPlatform(stack, "demo"), tmp_path / "logs", port) as identity:
        asked = {
            "client_id": "console", "redirect_uri": f"http://127.0.0.1:{port}/sign-in/callback", "response_type": "code",
            "scope": "openid", "code_challenge_method": "S256", "code_challenge": "c" * 43,
        }  # fmt: skip
        assert "Nobody is registered" in httpx.get(f"{identity.url}/authorize", params=asked).text
        with psycopg.connect(dsn) as session:
            ktz = PartyAdded(
                code="ktz", name="KTZ", roles=frozenset({Role.RAILWAY}), sources=frozenset({"urn:x:ktz"})
            )
            commands.add_party(session, ktz, at=0, by="test")
        page = httpx.get(f"{identity.url}/authorize", params=asked).text
        assert "<strong>ktz</strong> dostyk-shift: may board, cases, cases.act" in page
        assert "<strong>pkp</strong>" not in page
        assert register(dsn, identity.url) == 0, "once"
        with psycopg.connect(dsn) as session:
            (first, *_) = people.listed(session, identity.url)
            people.end(session, first.id)
        assert str(first.name) not in httpx.get(f"{identity.url}/authorize", params=asked).text
