"""Two platforms over real databases and loopback HTTP: at every point exactly one of them controls a document."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import httpx
import pytest
from joserfc.jwk import OKPKey
from psycopg_pool import ConnectionPool

from services.documents.pint import store
from services.documents.pint.domain.envelope import (
    ChainEntry,
    Envelope,
    EnvelopeManifest,
    FinishedResponse,
    IdentifyingCode,
    IssuanceManifest,
    Party,
    ResponseCode,
    issued_to,
)
from services.documents.pint.domain.register import Act, Contradicted, Control
from services.documents.pint.domain.signed_content import canonical, checksum, payload_of, signed
from services.documents.pint.receiver import Receiver, create_app
from services.documents.pint.registers import Identity, Registers
from services.documents.pint.sender import Consignment, NotSent, Sender
from services.documents.pint.store import Platform, TransferState
from services.ledger.storage.session import Session, open_session
from services.runtime.ports import free_port
from services.testbed.demo.transparency import served
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration
CARRIER = OKPKey.import_key(
    {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    }
)
PDF = b"%PDF-1.7 packing list"
numbers = itertools.count(1)


def party(platform: str, code: str) -> Party:
    listed = IdentifyingCode(code_list_provider="ZZZ", party_code=code, code_list_name="Lianyun")
    return Party(party_name=code, ebl_platform=platform, identifying_codes=[listed])


def moments() -> Callable[[], int]:
    ticks = itertools.count(1_764_000_000_000_000, 1_000)
    return lambda: next(ticks)


@dataclass
class Instance:
    """One platform: its database, what it answers and what it sends."""

    dsn: str
    url: str
    registers: Registers
    receiver: Receiver
    sender: Sender
    session: Session
    users: set[str]

    @property
    def code(self) -> str:
        return self.registers.own.code

    def deliver(self) -> list[TransferState]:
        return [self.sender.deliver(self.session, each) for each in store.pending(self.session, True)]


def instance(code: str, dsn: str, port: int, pool: ConnectionPool[Session], client: httpx.Client) -> Instance:
    url = f"http://127.0.0.1:{port}"
    users = {"xianport", "duisport", "carrier"}
    own = Identity(code, f"{url}/register/v1", OKPKey.generate_key("Ed25519"))
    clock = moments()
    registers = Registers(own, client, clock)

    def named(_: Session, codes: list[IdentifyingCode]) -> tuple[str, str] | None:
        found = {each.party_code for each in codes} & users
        return (found.copy().pop(), "A party") if len(found) == 1 else None

    receiver = Receiver(registers, pool.connection, named, clock)
    session = open_session(dsn, "lianyun-documents")
    session.autocommit = True
    return Instance(dsn, url, registers, receiver, Sender(registers, client, clock), session, users)


@contextmanager
def answering(each: Instance) -> Iterator[None]:
    with served(create_app(each.receiver), int(each.url.rsplit(":", 1)[1])):
        yield


def acquaint(mine: Instance, *others: Instance) -> None:
    for other in others:
        platform = replace(other.registers.own.platform, name=other.code, url=other.url)
        store.put_platform(mine.session, platform, 1, "test")
    carrier = {**CARRIER.as_dict(private=False), "kid": CARRIER.thumbprint()}
    store.put_platform(mine.session, Platform("carrier", "carrier", None, None, (carrier,)), 1, "test")


@pytest.fixture(scope="module")
def two(postgres: DatabaseAddress) -> Iterator[tuple[Instance, Instance]]:
    dsns = [migrated_database(postgres, f"pint_{name}") for name in ("a", "b")]
    pools = [
        ConnectionPool[Session](dsn, min_size=1, max_size=4, open=True, kwargs={"autocommit": True})
        for dsn in dsns
    ]
    with httpx.Client(timeout=10.0) as client:
        a, b = (
            instance(code, dsn, free_port(), pool, client)
            for code, dsn, pool in zip(("LYUN", "WAVE"), dsns, pools, strict=True)
        )
        acquaint(a, b)
        acquaint(b, a)
        with answering(a), answering(b):
            yield a, b
        for each in (a, b):
            each.session.close()
    for pool in pools:
        pool.close()


def bill() -> dict[str, Any]:
    return {"transportDocumentReference": f"CRE-{next(numbers)}", "isToOrder": True, "declaredValue": 12000.5}


def sent(
    document: dict[str, Any], a: Instance, b: Instance, to: str = "duisport", files: int = 0
) -> Consignment:
    holder = party(a.code, "xianport")
    manifest = IssuanceManifest(
        document_checksum=checksum(canonical(document)), issue_to_checksum=issued_to(holder)
    )
    return Consignment(
        document,
        holder,
        party(b.code, to),
        files=[("list.pdf", "application/pdf", PDF)] * files,
        issued=(holder, signed(manifest.json_object(), CARRIER)),
    )


def controllers(document: str, *instances: Instance) -> list[str]:
    """Who could act with a document by what is stored: the register has it so, and no transfer of it is open there."""
    home = instances[0]
    control = store.control(home.session, document)
    found = []
    for each in instances:
        rows = store.transfers(each.session, document)
        sending = any(row.outward and row.state is TransferState.PENDING for row in rows)
        done = [row for row in rows if row.state is TransferState.ACCEPTED]
        here = not done[-1].outward if done else each is home
        if here and not sending and control is not None and control.controller == each.code and control.free:
            found.append(each.code)
    return found


def test_a_document_goes_out_comes_back_and_is_controlled_by_one_platform(
    two: tuple[Instance, Instance],
) -> None:
    a, b = two
    document = bill()
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
    back = Consignment(document, party(b.code, "duisport"), party(a.code, "xianport"))
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
    out = a.sender.start(a.session, sent(bill(), a, b))
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
    document = bill()
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
    document = bill()
    a.sender.start(a.session, sent(document, a, b))
    a.deliver()
    b.sender.start(b.session, Consignment(document, party(b.code, "duisport"), party(a.code, "xianport")))
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
    out = a.sender.start(a.session, sent(bill(), a, b))
    first = ChainEntry.of(payload_of(out.envelope.envelope_transfer_chain[0]))

    def guarded_by(register: str | None) -> Envelope:
        entry = first.model_copy(update={"control_tracking_registry": register})
        return resigned(a, out.envelope, lambda _: [a.registers.own.signed(entry.json_object())])

    assert posted(b, guarded_by(None))[1].response_code is ResponseCode.BENV
    assert posted(b, guarded_by("http://127.0.0.1:9/register/v1"))[1].response_code is ResponseCode.BENV
    assert posted(b, guarded_by(b.registers.own.register))[1].response_code is ResponseCode.BENV
    assert a.deliver() == [TransferState.ACCEPTED]
    # The same document under another register, which knows it as well: two registers disagree.
    document = out.envelope.transport_document
    b.registers.submit(
        b.session,
        b.registers.own.register,
        out.document,
        b.registers.step(b.registers.own.register, out.document, 0, Act.ISSUE),
    )
    status, answer = posted(b, guarded_by(b.registers.own.register))
    assert (status, answer.response_code) == (409, ResponseCode.DISE)
    assert checksum(canonical(document)) == out.document


def test_paper_ends_a_transfer_under_way_and_its_surrender_gives_control_back(
    two: tuple[Instance, Instance],
) -> None:
    a, b = two
    out = a.sender.start(a.session, sent(bill(), a, b))
    own = a.registers.own.register

    def act(kind: Act, **more: str) -> Control:
        control = store.control(a.session, out.document)
        assert control is not None
        return a.registers.record(a.session, own, control, kind, **more)

    act(Act.SWITCH_TO_PAPER)
    assert posted(b, out.envelope)[1].response_code is ResponseCode.DISE
    assert a.deliver() == [TransferState.REFUSED]
    assert controllers(out.document, a, b) == []
    with pytest.raises(NotSent, match="on paper"):
        a.sender.start(a.session, sent(out.envelope.transport_document, a, b))
    with pytest.raises(Contradicted, match="has not signed"):
        act(Act.SURRENDER_PAPER)
    act(Act.SURRENDER_PAPER, evidence=signed({"paper": "surrendered"}, CARRIER))
    assert controllers(out.document, a, b) == ["LYUN"]
    assert posted(b, out.envelope)[1].response_code is ResponseCode.DISE


def test_of_paper_and_acceptance_at_once_one_is_recorded(two: tuple[Instance, Instance]) -> None:
    a, b = two
    for _ in range(8):
        out = a.sender.start(a.session, sent(bill(), a, b))
        control = store.control(a.session, out.document)
        assert control is not None
        barrier = threading.Barrier(2)
        outcome: list[str] = []

        def print_paper(
            control: Control = control,
            barrier: threading.Barrier = barrier,
            outcome: list[str] = outcome,
        ) -> None:
            with open_session(a.dsn, "lianyun-documents") as session:
                barrier.wait()
                try:
                    a.registers.record(session, a.registers.own.register, control, Act.SWITCH_TO_PAPER)
                    outcome.append("paper")
                except Contradicted:
                    outcome.append("late")

        thread = threading.Thread(target=print_paper)
        thread.start()
        barrier.wait()
        code = posted(b, out.envelope)[1].response_code
        thread.join()
        assert (code, outcome) in ((ResponseCode.RECE, ["late"]), (ResponseCode.DISE, ["paper"]))
        state = a.deliver()
        after = store.control(a.session, out.document)
        assert after is not None
        assert (state == [TransferState.ACCEPTED]) is (code is ResponseCode.RECE)
        assert after.paper is (code is ResponseCode.DISE)
        assert controllers(out.document, a, b) == (["WAVE"] if code is ResponseCode.RECE else [])
