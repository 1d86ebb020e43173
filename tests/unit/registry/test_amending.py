"""A party amended: what counts when, what stays known, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.events.base import Role
from services.ledger.registry.events import PartyAdded, PartyAmended, RecordedEvent, parse
from services.ledger.registry.fold import Event, apply, fold
from services.ledger.registry.registry import Registry, RegistryError
from services.ledger.registry.store import RegistryHistory


def party(code: str) -> PartyAdded:
    return PartyAdded(
        code=code,
        name=code,
        roles=frozenset({Role.RAILWAY}),
        managers=frozenset({"ktz"}),
        sources=frozenset({f"urn:{code}"}),
        topics=frozenset({f"t.{code}"}),
    )


def amended(since: int, code: str = "ktz", **more: Any) -> PartyAmended:
    return PartyAmended(code=code, since=since, **more)


START: list[Event] = [party("ktz"), party("rzd")]
TERMINAL = amended(
    500, roles=frozenset({Role.TERMINAL}), sources=frozenset({"urn:ktz:2"}), managers=frozenset()
)
NAMED = amended(900, name="KTZ of a new name")


def shapes(registry: Registry, *moments: int) -> list[frozenset[Role]]:
    return [registry.parties["ktz"].at(moment).roles for moment in moments]


def test_each_shape_counts_from_its_moment_on() -> None:
    registry = fold([*START, TERMINAL, NAMED])
    railway, terminal = frozenset({Role.RAILWAY}), frozenset({Role.TERMINAL})
    assert shapes(registry, 0, 499, 500, 899, 900) == [railway, railway, terminal, terminal, terminal]
    newest = registry.parties["ktz"]
    assert (newest.name, newest.at(899).name) == ("KTZ of a new name", "ktz")
    assert newest.at(900) is newest
    assert (newest.at(600).publisher.managers, newest.at(400).publisher.managers) == (set(), {"ktz"})
    assert newest.topics == {"t.ktz"}, "what is not named stays"
    assert [shape.version for shape in (newest, *newest.earlier)] == [4, 3, 1]
    assert all(not shape.earlier for shape in newest.earlier)
    assert registry.parties["rzd"].at(0) is registry.parties["rzd"]


def test_what_was_judged_by_an_earlier_version_is_found_again() -> None:
    """A record that the broker took after the moment, judged before anybody had registered the amendment."""
    party = fold([*START, TERMINAL, NAMED]).parties["ktz"]
    assert party.at(700, version=2).roles == {Role.RAILWAY}
    assert party.at(700, version=3).roles == {Role.TERMINAL}
    assert party.at(950, version=3).name == "ktz"
    assert party.at(400, version=4).roles == {Role.RAILWAY}


def test_the_registry_of_an_earlier_version_does_not_know_the_amendment() -> None:
    events = [RecordedEvent(n, 0, "op", event) for n, event in enumerate([*START, TERMINAL, NAMED], start=1)]
    history = RegistryHistory(events)
    assert shapes(history.at(2), 10_000) == [frozenset({Role.RAILWAY})]
    assert shapes(history.at(3), 10_000) == [frozenset({Role.TERMINAL})]
    assert history.at(3) == fold([*START, TERMINAL])


def test_a_source_once_given_up_stays_with_its_party() -> None:
    registry = fold([*START, TERMINAL])
    for source in ("urn:ktz", "urn:ktz:2"):
        owner = registry.owner(source)
        assert owner is not None
        assert owner.code == "ktz"
        with pytest.raises(RegistryError, match="belongs to ktz"):
            apply(registry, amended(700, "rzd", sources=frozenset({source})))
    back = apply(registry, amended(700, sources=frozenset({"urn:ktz"})))
    assert [back.parties["ktz"].at(at).sources for at in (100, 600, 700)] == [
        {"urn:ktz"},
        {"urn:ktz:2"},
        {"urn:ktz"},
    ]


REFUSED = [
    (amended(600, "uz", name="x"), "no party uz"),
    (amended(499, name="x"), "before the last one"),
    (amended(600), "changes nothing"),
    (amended(600, roles=frozenset({Role.TERMINAL})), "changes nothing"),
    (amended(600, sources=frozenset({"urn:rzd"})), "belongs to rzd"),
]


@pytest.mark.parametrize(("event", "problem"), REFUSED)
def test_what_contradicts_is_refused(event: PartyAmended, problem: str) -> None:
    with pytest.raises(RegistryError, match=problem):
        apply(fold([*START, TERMINAL]), event)


def test_two_amendments_of_one_moment_count_in_their_order() -> None:
    registry = fold([*START, TERMINAL, amended(500, name="later said")])
    assert registry.parties["ktz"].at(500).name == "later said"
    assert registry.parties["ktz"].at(500, version=3).name == "ktz"


def test_events_survive_their_stored_form() -> None:
    for event in (TERMINAL, NAMED):
        assert parse(event.model_dump_json(exclude_none=True)) == event
