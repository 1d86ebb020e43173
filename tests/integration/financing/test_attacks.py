"""Ways in which the same goods or claim were financed twice, or a rival's deal learned of, against the decision service and its database.

The others of the list are stories (``tests/stories/financing``, *attack*). Numbers are those of the list.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from schemas.envelope import read_headers, signed_bytes
from schemas.events.finance_security import ControlRecorded
from schemas.signature_header import parse_header
from schemas.signing import verify
from services.financing.domain.decisions import Decision, DecisionOutcome
from services.financing.domain.documents import Papers
from services.financing.domain.external_registries import RegistryAnswer, RegistryFinding
from services.financing.domain.fingerprints import normalise_1
from services.financing.store import fingerprint_versions
from services.financing.store.decision_service import DecisionService
from services.financing.store.fingerprint_versions import KeyMissing, KeyRing
from services.ledger.admission.raw_bytes import unframe
from tests.support.financing.stored_world import SIGNER, TABLES, Stored, events_of, key_of
from tests.support.financing.stories import Case, cases, micros
from tests.support.financing.world import KEY

pytestmark = pytest.mark.integration
CASES: dict[str, Case] = {case.slug[:2]: case for case in cases()}
SECOND = KEY[::-1]
HOUR = 3_600 * 1_000_000


@pytest.fixture
def stored(dsn: str) -> Iterator[Stored]:
    """The story of a substitution, with an external registry that has to be clear."""
    found = Stored(dsn, events_of(CASES["09"]), required=frozenset({"tfr"}))
    found.begin()
    yield found
    found.close()


def outcome(decision: Decision) -> tuple[DecisionOutcome, str]:
    return decision.outcome, decision.guard


DONE = (DecisionOutcome.DONE, "")
NOT_CLEAR = (DecisionOutcome.REFUSED, "EXTERNAL_CLEAR")


def test_8_no_debt_rests_on_what_another_registry_was_not_asked_about(stored: Stored) -> None:
    """Financed outside the platform: neither a payment nor a substitution passes without a clear answer on what is reserved."""
    asks = [CASES["09"].ask(number) for number in range(5)]
    reserved, drawn, substituted = asks[0][1], asks[2][1], asks[4][1]

    def answered(financing: str, finding: RegistryFinding, at: int) -> None:
        stored.answer(financing, [RegistryAnswer("tfr", finding, at)])

    def ask(number: int, key: str) -> tuple[DecisionOutcome, str]:
        request, at, on = asks[number]
        return outcome(stored.ask(replace(request, idempotency=key), at, on)[0])

    answered("abank/LN-1", RegistryFinding.CLEAR, reserved - HOUR)
    assert [ask(0, "reserve"), ask(1, "pledge")] == [DONE, DONE]
    assert ask(2, "too old") == NOT_CLEAR
    answered("abank/LN-1", RegistryFinding.CLEAR, drawn - HOUR)
    assert ask(2, "draw") == DONE
    # The goods of the second one are financed elsewhere.
    assert ask(3, "reserve the second") == DONE
    assert ask(4, "nobody was asked") == NOT_CLEAR
    answered("abank/LN-2", RegistryFinding.HIT, substituted - HOUR)
    assert ask(4, "elsewhere") == NOT_CLEAR
    answered("abank/LN-2", RegistryFinding.CLEAR, substituted - 1)
    assert ask(4, "cleared") == DONE


def test_8_an_answer_from_before_the_reservation_pays_nothing(stored: Stored) -> None:
    """Whatever papers were asked about then: only from the reservation on is it known which are meant."""
    (first, reserved, on), (second, _, _), (third, _, _) = (CASES["09"].ask(number) for number in range(3))
    stored.answer("abank/LN-1", [RegistryAnswer("tfr", RegistryFinding.CLEAR, reserved - HOUR)])
    asked = ((first, reserved), (second, reserved + 12 * HOUR), (third, reserved + 20 * HOUR))
    (*before, paid) = [outcome(stored.ask(ask, at, on)[0]) for ask, at in asked]
    # The approval of the story is known two hours before the reservation.
    assert (before, paid) == ([DONE, DONE], NOT_CLEAR)


def test_8_the_papers_asked_about_are_those_that_are_reserved(stored: Stored) -> None:
    reserved, other = CASES["09"].ask(0)[0], CASES["09"].ask(3)[0]
    desk, session = stored.desk, stored.session
    assert desk.presents(session, "abank/LN-1", other.papers), "nothing is reserved under that reference"
    stored.ask(*CASES["09"].ask(0))
    assert desk.presents(session, "abank/LN-1", reserved.papers)
    assert not desk.presents(session, "abank/LN-1", other.papers)
    assert not desk.presents(session, "abank/LN-1", replace(reserved.papers, notes=()))
    assert not desk.presents(session, "abank/LN-1", Papers())


def test_12_nobody_who_reads_the_store_can_try_documents_out(dsn: str) -> None:
    """An insider knows the form of every request and all of a deal but a number: nothing stored tells a right guess from a wrong one."""
    case = CASES["01"]
    stored = Stored(dsn, events_of(case))
    stored.begin()
    asked = [case.ask(number) for number in range(len(case.asks))]
    decided = [stored.ask(*each)[0] for each in asked]
    ask, at, on = asked[0]
    (invoice,) = ask.papers.invoices
    secret = replace(ask.papers, invoices=(replace(invoice, number="INV-7777"),))
    other = replace(ask, idempotency="unstated", financing="abank/LN-9", papers=secret)
    assert stored.ask(other, at, on)[0].guard == "INVOICE_STATED"
    dump = "\n".join(
        row[0]
        for schema, table in TABLES
        if table.startswith("financing_") and table != "financing_asked"
        for row in stored.session.execute(f"SELECT t::text FROM {schema}.{table} t".encode()).fetchall()  # noqa: S608
    )
    payloads = stored.session.execute("SELECT payload FROM lianyun.financing_decision").fetchall()
    dump += "\n".join(bytes(payload).decode() for (payload,) in payloads)
    guesses = [hashlib.sha256(ask._members).digest()[:16].hex() for ask, *_ in asked]
    guesses += [ask.digest.hex() for ask, *_ in asked]  # keyed by nothing
    found = dump.replace("-", "")
    assert [guess for guess in guesses if guess in found] == []
    for number in ("INV-7777", "INV-0417", "INV0417", normalise_1("INV-0417"), "91330100799655058B"):
        assert number not in dump, "no document stands in the clear"
    secrets = (SIGNER.secret("request"), SIGNER.salt_secret, KEY)
    assert not any(secret.hex() in found for secret in secrets)
    # The platform itself knows a request again, also one of a release that used no secret.
    ask, at, on = asked[0]
    assert stored.ask(ask, at + HOUR, on)[0].number == decided[0].number
    plain = hashlib.sha256(ask._members).digest()[:16].hex()
    stored.session.execute(
        "UPDATE lianyun.financing_decision SET asked = %s WHERE idempotency = %s", (plain, ask.idempotency)
    )
    assert stored.ask(ask, at + HOUR, on)[0].number == decided[0].number
    assert stored.ask(replace(ask, papers=Papers()), at + HOUR, on)[0].guard == "IDEMPOTENCY_KEY_UNUSED"
    stored.close()


def test_14_who_signed_what_did_not_happen_stays_proven(dsn: str) -> None:
    """A collusive carrier retracts all of it: its signature over the first statement is stored and verifies with its public key alone."""
    case = CASES["73"]
    stored = Stored(dsn, events_of(case))
    stored.begin()
    for number in range(len(case.asks)):
        stored.ask(*case.ask(number))
    before = micros("2026-03-06T00:00Z")
    then = stored.status("abank/GD-1", "abank", before, before)
    now = stored.status("abank/GD-1", "abank", micros("2026-03-12T00:00Z"))
    assert then is not None
    assert now is not None
    assert [str(control.state) for control in then.control] == ["HELD"]
    (alert,) = now.alerts
    rows = stored.session.execute(
        "SELECT b.headers, b.payload FROM lianyun.body b WHERE b.id = ANY (%s::uuid[])",
        ([event.hex() for event in (*then.control[0].events, *alert.events)],),
    ).fetchall()
    types = set()
    for headers, payload in rows:
        envelope, signature = read_headers(unframe(bytes(headers)))
        proven = signed_bytes(SIGNER.network, envelope, bytes(payload))
        verify(parse_header(signature), key_of("cr").public, proven)
        types.add(envelope.type)
    assert types == {ControlRecorded.spec.type, "cre.correction.retracted.v1"}
    stored.close()


def upside_down(text: str) -> str:
    """A normaliser of a later release."""
    return normalise_1(text)[::-1]


def test_17_parts_held_under_two_versions_add_up(dsn: str) -> None:
    """A version is closed between two instalments of one invoice: a third one finds both, not each beside itself."""
    case = CASES["23"]
    stored = Stored(dsn, events_of(case), keys=(KEY, SECOND))
    first = stored.begin()
    assert outcome(stored.ask(*case.ask(0))[0]) == DONE
    stored.begin(SECOND)
    fingerprint_versions.close(stored.session, first)
    stored.session.commit()
    assert outcome(stored.ask(*case.ask(2))[0]) == DONE
    assert outcome(stored.ask(*case.ask(3))[0]) == (DecisionOutcome.REFUSED, "WITHIN_RESIDUAL")
    stored.close()


def test_17_a_release_with_another_normaliser_finds_what_the_older_one_wrote(dsn: str) -> None:
    """And the older one, which cannot compute the newer digests, decides nothing any longer."""
    case = CASES["21"]
    stored = Stored(dsn, events_of(case), keys=(KEY, SECOND))
    ring = KeyRing((KEY, SECOND), {1: normalise_1, 2: upside_down})
    newer = DecisionService(ring, SIGNER, clock=stored._clock)
    first = stored.begin()
    assert outcome(stored.ask(*case.ask(0))[0]) == DONE
    stored.begin(SECOND, 2)
    stored.session.commit()
    rival, at, on = case.ask(1)
    with pytest.raises(KeyMissing):
        stored.ask(rival, at, on)
    stored.session.rollback()
    stored.desk = newer
    assert stored.ask(rival, at, on)[0].guard == "INTEREST_FREE"
    # Closing the older version forgets nothing that is held under it.
    fingerprint_versions.close(stored.session, first)
    stored.session.commit()
    assert stored.ask(replace(rival, idempotency="again"), at, on)[0].guard == "INTEREST_FREE"
    stored.close()
