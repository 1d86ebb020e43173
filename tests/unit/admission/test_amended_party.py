"""A record is judged by what its party was when the broker took it, however late it is judged."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.events.base import Role
from services.domain.facts import Assurance
from services.ledger.admission.model import Admitted
from services.ledger.registry.events import PartyAmended
from tests.unit.admission.conftest import micros

BEFORE, AFTER = "2026-03-05T09:29:59Z", "2026-03-05T09:30:00Z"


@pytest.fixture
def amended(network: Any) -> Any:
    """The network in which the railway ktz has another territory, source and topic from AFTER on."""
    network.events.append(
        PartyAmended(
            code="ktz",
            since=micros(AFTER),
            managers=frozenset({"cr"}),
            sources=frozenset({"urn:cre:ktz:new"}),
            topics=frozenset({"cre.railway.ktz.v2"}),
        )
    )
    return network


def test_before_the_moment_nothing_has_changed(amended: Any) -> None:
    admitted = amended.judge(amended.record(appended=BEFORE))
    assert isinstance(admitted, Admitted)
    (claim,) = admitted.facts.claims
    assert (claim.territorial, claim.assurance) == (True, Assurance.SIGNED_BY_AUTHORITY)


def test_from_the_moment_on_the_new_source_topic_and_territory_count(amended: Any) -> None:
    new = {"source": "urn:cre:ktz:new", "topic": "cre.railway.ktz.v2"}
    admitted = amended.judge(amended.record(appended=AFTER, **new))
    assert isinstance(admitted, Admitted)
    (claim,) = admitted.facts.claims
    assert (claim.publisher, claim.territorial) == ("ktz", False), "Dostyk is no longer its territory"
    assert amended.refusal(amended.record(appended=AFTER, topic="cre.railway.ktz.v2"))[0] == "WRONG_SOURCE"
    assert amended.refusal(amended.record(appended=AFTER, source="urn:cre:ktz:new"))[0] == "WRONG_TOPIC"


def test_the_new_source_does_not_count_before_the_moment(amended: Any) -> None:
    early = amended.record(appended=BEFORE, source="urn:cre:ktz:new")
    assert amended.refusal(early) == ("WRONG_SOURCE", "header:ce_source")
    assert amended.refusal(amended.record(appended=BEFORE, topic="cre.railway.ktz.v2"))[0] == "WRONG_TOPIC"


def test_a_role_that_was_taken_away_counts_until_then(network: Any) -> None:
    network.events.append(PartyAmended(code="ktz", since=micros(AFTER), roles=frozenset({Role.BANK})))
    assert isinstance(network.judge(network.record(appended=BEFORE)), Admitted)
    assert network.refusal(network.record(appended=AFTER)) == ("ROLE_NOT_ALLOWED", "header:ce_type")
