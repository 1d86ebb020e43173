"""Two platforms over real databases and loopback HTTP: at every point exactly one of them controls a document."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256

import httpx
import pytest
from joserfc.jwk import OKPKey

from services.documents.pint import store
from services.documents.pint.domain.envelope import (
    ChainEntry,
    Envelope,
    EnvelopeManifest,
    FinishedResponse,
    ResponseCode,
)
from services.documents.pint.domain.register import Act, Contradicted
from services.documents.pint.domain.signed_content import canonical, checksum, payload_of, signed
from services.documents.pint.exchange import party
from services.documents.pint.registers import Unreachable
from services.documents.pint.sender import NotSent, OutgoingDocument
from services.documents.pint.store import TransferState
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.databases import migrated_database
from tests.support.pint_platforms import (
    PDF,
    Instance,
    acquaint,
    answering,
    bill,
    controllers,
    damage,
    mortal,
    reachable,
    send,
    sent,
    serve,
)

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def pair(postgres: DatabaseAddress) -> Iterator[tuple[Instance, Instance]]:
    a, b = (Instance(code, migrated_database(postgres, f"pint_{code.lower()}")) for code in ("LYUN", "WAVE"))
    acquaint(a, b)
    yield a, b
    assert damage(b.session) == []
    assert {each.rpartition(" ")[2] for each in damage(a.session)} == {"decision"}, (
        "of documents without decisions"
    )
    a.close()
    b.close()


@pytest.fixture(scope="module")
def two(pair: tuple[Instance, Instance]) -> Iterator[tuple[Instance, Instance]]:
    with answering(*pair):
        yield pair


def test_a_document_goes_out_comes_back_and_is_controlled_by_one_platform(
    two: tuple[Instance, Instance],
) -> None:
    a, b = two
    document = bill(a)
    out = a.sender.start(a.session, sent(document, a, b, files=1))
    assert controllers(out.document, a, b) == []
    with pytest.raises(NotSent, match="being sent"):
        a.sender.start(a.session, sent(document, a, b))
    assert a.deliver() == [TransferState.ACCEPTED]
    assert controllers(out.document, a, b) == ["WAVE"]
    stored = store.transfer(a.session, out.entry)
    assert stored is not None
    response = FinishedResponse.of(payload_of(str(stored.response)))
    assert response.response_code is ResponseCode.RECE
    assert response.received_additional_document_checksums == [sha256(PDF).hexdigest()]
    assert store.file(b.session, sha256(PDF).hexdigest()) == PDF
    with pytest.raises(NotSent, match="is at WAVE"):
        a.sender.start(a.session, sent(document, a, b))
    back = OutgoingDocument(document, party(b.code, "duisport"), party(a.code, "xianport"))
    b.sender.start(b.session, back)
    assert b.deliver() == [TransferState.ACCEPTED]
    assert controllers(out.document, a, b) == ["LYUN"]
    again = a.sender.start(a.session, sent(document, a, b))
    assert len(again.envelope.envelope_transfer_chain) == 3
    assert a.deliver() == [TransferState.ACCEPTED]
    assert controllers(out.document, a, b) == ["WAVE"]


def posted(b: Instance, envelope: Envelope) -> tuple[int, FinishedResponse]:
    answer = httpx.post(f"{b.url}/v3/envelopes", json=envelope.json_object())
    return answer.status_code, FinishedResponse.of(payload_of(answer.json()))


def test_a_lost_answer_is_repeated_as_a_duplicate(two: tuple[Instance, Instance]) -> None:
    a, b = two
    out = a.sender.start(a.session, sent(bill(a), a, b))
    assert posted(b, out.envelope)[1].response_code is ResponseCode.RECE
    steps = store.steps(a.session, out.document)
    status, answer = posted(b, out.envelope)
    assert (status, answer.response_code) == (200, ResponseCode.DUPE)
    assert answer.duplicate_of == out.envelope.envelope_transfer_chain[-1]
    assert store.steps(a.session, out.document) == steps
    assert a.deliver() == [TransferState.ACCEPTED]
    assert posted(b, out.envelope)[1].response_code is ResponseCode.DUPE


def test_an_unknown_recipient_is_refused_and_the_document_stays(two: tuple[Instance, Instance]) -> None:
    a, b = two
    document = bill(a)
    out = a.sender.start(a.session, sent(document, a, b, to="nobody"))
    assert a.deliver() == [TransferState.REFUSED]
    assert controllers(out.document, a, b) == ["LYUN"]
    b.users.add("nobody")
    status, answer = posted(b, out.envelope)
    assert (status, answer.response_code) == (409, ResponseCode.DISE)
    assert controllers(out.document, a, b) == ["LYUN"]
    b.users.remove("nobody")


def resigned(a: Instance, envelope: Envelope, change: Callable[[list[str]], list[str]]) -> Envelope:
    """The envelope with another chain, under a right manifest of the sender."""
    chain = change(envelope.envelope_transfer_chain)
    manifest = EnvelopeManifest(
        transport_document_checksum=checksum(canonical(envelope.transport_document)),
        last_entry=checksum(chain[-1].encode()),
    )
    own = a.registers.own
    return envelope.model_copy(
        update={
            "envelope_transfer_chain": chain,
            "envelope_manifest_signed_content": own.signed(manifest.json_object()),
        }
    )


def test_a_broken_chain_a_strange_key_and_a_changed_document_are_refused(
    two: tuple[Instance, Instance],
) -> None:
    a, b = two
    document = bill(a)
    a.sender.start(a.session, sent(document, a, b))
    a.deliver()
    b.sender.start(
        b.session, OutgoingDocument(document, party(b.code, "duisport"), party(a.code, "xianport"))
    )
    b.deliver()
    whole = a.sender.start(a.session, sent(document, a, b)).envelope
    last = ChainEntry.of(payload_of(whole.envelope_transfer_chain[-1]))
    other = last.model_copy(update={"previous": "0" * 64})
    stranger = signed(last.json_object(), OKPKey.generate_key("Ed25519"))
    cases = {
        "lacks an entry": (resigned(a, whole, lambda c: [c[0], c[2]]), ResponseCode.BENV),
        "out of order": (resigned(a, whole, lambda c: [c[1], c[0], c[2]]), ResponseCode.BENV),
        "other previous": (
            resigned(a, whole, lambda c: [*c[:2], a.registers.own.signed(other.json_object())]),
            ResponseCode.BENV,
        ),
        "unknown key": (resigned(a, whole, lambda c: [*c[:2], stranger]), ResponseCode.BSIG),
        "document": (
            whole.model_copy(update={"transport_document": {**document, "isToOrder": False}}),
            ResponseCode.BENV,
        ),
        "bit of a signature": (
            whole.model_copy(
                update={
                    "envelope_manifest_signed_content": whole.envelope_manifest_signed_content[:-4] + "AAAA"
                }
            ),
            ResponseCode.BSIG,
        ),
    }
    for name, (envelope, code) in cases.items():
        assert posted(b, envelope)[1].response_code is code, name
    assert a.deliver() == [TransferState.ACCEPTED]


def test_without_the_register_or_against_it_nothing_is_accepted(two: tuple[Instance, Instance]) -> None:
    a, b = two
    out = a.sender.start(a.session, sent(bill(a), a, b))
    first = ChainEntry.of(payload_of(out.envelope.envelope_transfer_chain[0]))

    def guarded_by(register: str | None) -> Envelope:
        entry = first.model_copy(update={"control_tracking_registry": register})
        return resigned(a, out.envelope, lambda _: [a.registers.own.signed(entry.json_object())])

    assert posted(b, guarded_by(None))[1].response_code is ResponseCode.BENV
    assert posted(b, guarded_by("http://127.0.0.1:9/register/v1"))[1].response_code is ResponseCode.BENV
    assert posted(b, guarded_by(b.registers.own.register))[1].response_code is ResponseCode.BENV
    assert a.deliver() == [TransferState.ACCEPTED]
    # Once it came under one register, another one that guards it as well disagrees.
    status, answer = posted(b, guarded_by(b.registers.own.register))
    assert (status, answer.response_code) == (409, ResponseCode.DISE)
    # What was not transferred out is not offered.
    document = bill(a)
    a.session.execute("UPDATE lianyun.document_head SET state = 'PAPER' WHERE number = 'n'")
    with pytest.raises(Contradicted, match="not recorded as transferred out"):
        a.sender.start(a.session, sent(document, a, b))
    assert store.transfers(a.session, checksum(canonical(document))) == []


def test_a_step_counts_in_the_register_only_if_its_platform_may_take_it(
    two: tuple[Instance, Instance],
) -> None:
    a, b = two
    document = bill(a)
    content, register = checksum(canonical(document)), a.registers.own.register

    def told(number: int, act: Act, **more: str) -> int:
        text = b.registers.step(register, content, number, act, **more)
        return httpx.post(f"{register}/documents/{content}/steps", json={"step": text}).status_code

    assert told(0, Act.ISSUE) == 409
    out = a.sender.start(a.session, sent(document, a, b))
    assert told(2, Act.WITHDRAW, entry=out.entry) == 409
    assert told(2, Act.OFFER, entry=out.entry, recipient="BOLE") == 409
    assert told(2, Act.ACCEPT, entry="0" * 64) == 409
    assert told(3, Act.ACCEPT, entry=out.entry) == 409
    assert told(2, Act.ACCEPT, entry=out.entry) == 200
    assert told(2, Act.ACCEPT, entry=out.entry) == 200
    assert httpx.get(f"{register}/documents/{'0' * 64}").status_code == 404
    assert a.deliver() == [TransferState.ACCEPTED]


def killed_at_every_step(attempt: Callable[[int], bool]) -> int:
    """Kill at the first, the second, ... wait for the database, until one attempt ends by itself; how many were killed."""
    for at in itertools.count(1):
        if not attempt(at):
            return at - 1
    raise AssertionError("unreachable")


@pytest.mark.long
def test_a_sender_killed_at_any_step_leaves_one_controller(two: tuple[Instance, Instance]) -> None:
    a, b = two

    def attempt(at: int) -> bool:
        document = bill(a)
        was_killed = mortal(a, at, send, sent(document, a, b, files=1)).killed
        content = checksum(canonical(document))
        assert len(controllers(content, a, b)) <= 1
        if not store.transfers(a.session, content):
            assert controllers(content, a, b) == ["LYUN"]
            a.sender.start(a.session, sent(document, a, b, files=1))
        a.deliver()
        assert controllers(content, a, b) == ["WAVE"], at
        return was_killed

    assert killed_at_every_step(attempt) > 15


@pytest.mark.long
def test_a_receiver_killed_at_any_step_leaves_one_controller(postgres: DatabaseAddress) -> None:
    a, b = (Instance(code, migrated_database(postgres, f"pint_k{code.lower()}")) for code in ("LYUN", "WAVE"))
    acquaint(a, b)
    with answering(a):

        def attempt(at: int) -> bool:
            out = a.sender.start(a.session, sent(bill(a), a, b, files=1))
            server = mortal(b, at, serve)
            reachable(b)
            with suppress(Unreachable):
                if a.deliver() == [TransferState.ACCEPTED]:
                    server.process.terminate()
                    return server.killed
            assert server.killed
            assert len(controllers(out.document, a, b)) <= 1
            again = Instance(b.code, b.dsn, port=b.port, key=b.key)
            with answering(again):
                again.receiver.resume()
                assert len(controllers(out.document, a, again)) <= 1
                a.deliver()
                assert controllers(out.document, a, again) == ["WAVE"], at
            again.close()
            return True

        assert killed_at_every_step(attempt) > 15
    assert damage(b.session) == []
    a.close()
    b.close()
