"""What an outcome says of a place in the log that the ledger has not passed, or has gone back behind."""

from __future__ import annotations

from services.api.cloudevents.outcomes import Outcome, _fate


def test_what_is_stored_from_a_place_is_accepted_also_where_the_ledger_went_back_behind_it() -> None:
    assert _fate(False, True, False, True, False, False, None, None, None, None).outcome is Outcome.ACCEPTED


def test_what_is_known_from_another_place_waits_until_its_own_is_passed() -> None:
    assert _fate(False, True, False, False, False, False, None, None, None, None).outcome is Outcome.PENDING
    assert _fate(True, True, False, False, False, False, None, None, None, None).outcome is Outcome.DUPLICATE


def test_what_was_passed_and_is_nowhere_is_unknown() -> None:
    assert _fate(True, False, False, False, False, False, None, None, None, None).outcome is Outcome.UNKNOWN
