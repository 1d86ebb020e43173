"""The original that leaves and returns: while it is away nothing is done with it here, and it is never on paper as well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from services.documents.domain.transfer import Action, Holding, Medium
from services.documents.pint import store
from services.documents.pint.domain import open_attestation
from services.documents.pint.domain.signed_content import signed
from services.documents.pint.exchange import export, issuance_manifest, original, party
from services.documents.pint.sender import NotSent, OutgoingDocument
from services.documents.pint.store import TransferState
from services.documents.store.document_service import DocumentService
from services.ledger.storage.session import open_session
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.databases import migrated_database
from tests.support.documents_stored import (
    BANK,
    BILL,
    CARRIER,
    CONSIGNEE,
    ISSUER,
    SHIPPER,
    Documents,
    cosign,
    hear_the_base,
)
from tests.support.financing.stored_world import SIGNER, key_of, stories_database
from tests.support.pint_platforms import CARRIER as ISSUERS_KEY
from tests.support.pint_platforms import Instance, acquaint, answering
from tests.support.threads import at_once

pytestmark = pytest.mark.integration
THERE = "WAVE/duisport"


@dataclass
class World:
    """The platform with the document, and another one."""

    documents: Documents
    here: Instance
    there: Instance

    @property
    def holding(self) -> Holding:
        found = self.documents.register.holding
        assert found is not None
        return found

    def send(self) -> store.Transfer:
        issuance = signed(issuance_manifest(BILL, party("LYUN", SHIPPER, SHIPPER)), ISSUERS_KEY)
        return self.here.exchange.send(self.here.session, BILL.id, issuance)


@pytest.fixture(scope="module")
def base(postgres: DatabaseAddress) -> str:
    made = stories_database(postgres, "pint_base")
    with open_session(made) as session:
        hear_the_base(session)
    return made


@pytest.fixture
def world(base: str, postgres: DatabaseAddress) -> Iterator[World]:
    with psycopg.connect(postgres.dsn, autocommit=True) as server:
        for name in ("pint_original", "pint_base"):
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
            )
        server.execute("DROP DATABASE IF EXISTS pint_original")
        server.execute("CREATE DATABASE pint_original TEMPLATE pint_base")
    here = Instance("LYUN", base.replace("pint_base", "pint_original"), DocumentService(SIGNER))
    there = Instance("WAVE", migrated_database(postgres, "pint_there"))
    acquaint(here, there)
    with open_session(here.dsn, "lianyun-test") as session, answering(here, there):
        yield World(Documents(session), here, there)
    here.close()
    there.close()


def test_an_original_leaves_and_returns_and_is_in_one_place(world: World) -> None:
    documents, here, there = world.documents, world.here, world.there
    documents.issued()
    with pytest.raises(NotSent, match="not transferred it out"):
        world.send()
    assert documents.do(Action.TRANSFER_OUT, CONSIGNEE, paper=THERE).guard == "NOT_HOLDER"
    assert documents.do(Action.TRANSFER_OUT, SHIPPER, paper=THERE).done
    with pytest.raises(NotSent, match="witnesses"):
        world.send()
    cosign(documents.session)
    assert (world.holding.medium, world.holding.holder) == (Medium.AWAY, "")
    for action, to, paper in (
        (Action.TRANSFER, CONSIGNEE, ""),
        (Action.PLEDGE, BANK, ""),
        (Action.SURRENDER_FOR_DELIVERY, CARRIER, ""),
        (Action.SWITCH_TO_PAPER, "", "P-1"),
        (Action.TRANSFER_OUT, "", THERE),
    ):
        assert documents.do(action, SHIPPER, to, paper).guard == "AWAY", action
    assert documents.do(Action.TRANSFER_IN, ISSUER, SHIPPER).guard == "NOT_PLATFORM"
    out = world.send()
    assert here.deliver() == [TransferState.ACCEPTED]
    with pytest.raises(NotSent, match="is at WAVE"):
        here.exchange.recall(here.session, BILL.id)

    # It comes back to the consignee, who holds it here again.
    back = OutgoingDocument(BILL.plain, party("WAVE", "duisport"), party("LYUN", CONSIGNEE))
    there.sender.start(there.session, back)
    assert there.deliver() == [TransferState.ACCEPTED]
    assert (world.holding.medium, world.holding.holder) == (Medium.ELECTRONIC, CONSIGNEE)
    control = store.control(here.session, out.document)
    assert control is not None
    assert control.controller == "LYUN"
    cosign(documents.session)

    # On paper it does not leave, and it returns only with the paper that the issuer took in.
    documents.done(Action.SWITCH_TO_PAPER, CONSIGNEE, paper="P-1")
    assert documents.do(Action.TRANSFER_OUT, CONSIGNEE, paper=THERE).guard == "ON_PAPER"
    assert documents.do(Action.SWITCH_TO_ELECTRONIC, ISSUER, SHIPPER, paper="P-2").guard == "OTHER_PAPER"
    documents.done(Action.SWITCH_TO_ELECTRONIC, ISSUER, SHIPPER, paper="P-1")
    documents.done(Action.TRANSFER_OUT, SHIPPER, paper=THERE)
    world.send()
    assert here.deliver() == [TransferState.ACCEPTED]


def test_what_the_other_platform_refuses_is_the_senders_again(world: World) -> None:
    documents, here = world.documents, world.here
    documents.issued()
    documents.done(Action.TRANSFER_OUT, SHIPPER, paper="WAVE/nobody")
    world.send()
    assert here.deliver() == [TransferState.REFUSED]
    assert (world.holding.medium, world.holding.holder, world.holding.order) == (
        Medium.ELECTRONIC,
        SHIPPER,
        SHIPPER,
    )
    cosign(documents.session)
    documents.done(Action.TRANSFER_OUT, SHIPPER, paper=THERE)
    assert here.exchange.recall(here.session, BILL.id) is TransferState.REFUSED
    assert world.holding.holder == SHIPPER


def test_of_recall_and_acceptance_at_once_one_counts(world: World) -> None:
    documents, here, there = world.documents, world.here, world.there
    documents.issued()
    for _ in range(4):
        documents.done(Action.TRANSFER_OUT, SHIPPER, paper=THERE)
        out = world.send()
        body, states = out.envelope.json_object(), list[TransferState]()

        def race(number: int, body: object = body, states: list[TransferState] = states) -> None:
            if number:
                there.client.post(f"{there.url}/v3/envelopes", json=body)
            else:
                states.append(here.exchange.recall(here.session, BILL.id))

        at_once(2, race)
        (state,) = states
        held = store.transfer(there.session, out.entry)
        accepted = held is not None and held.state is TransferState.ACCEPTED
        assert accepted is (state is TransferState.ACCEPTED)
        assert (world.holding.medium is Medium.AWAY) is accepted
        cosign(documents.session)
        if accepted:
            there.sender.start(
                there.session, OutgoingDocument(BILL.plain, party("WAVE", "duisport"), party("LYUN", SHIPPER))
            )
            assert there.deliver() == [TransferState.ACCEPTED]
            cosign(documents.session)
        assert world.holding.holder == SHIPPER


def test_of_paper_and_transfer_out_at_once_one_is_decided(world: World) -> None:
    documents = world.documents
    documents.issued()
    asks = [
        documents.instruction(Action.SWITCH_TO_PAPER, SHIPPER, paper="P-1"),
        documents.instruction(Action.TRANSFER_OUT, SHIPPER, paper=THERE),
    ]
    done: list[bool] = []

    def decide(number: int) -> None:
        with open_session(world.here.dsn, "lianyun-test") as session, session.transaction():
            found = DocumentService(SIGNER).decide(
                session, asks[number], asks[number].signed_by(key_of(SHIPPER))
            )
        done.append(found.done)

    at_once(2, decide)
    assert sorted(done) == [False, True]
    assert world.holding.medium in (Medium.PAPER, Medium.AWAY)


def test_the_export_is_evidence_and_says_that_it_is_not_control(world: World) -> None:
    world.documents.issued()
    found = original(world.here.session, BILL.id)
    made = export(found, "not a document of title", "Lianyun", "lianyun.example", b"secret")
    assert open_attestation.intact(made)
    plain = open_attestation.plain(made["data"])
    assert plain["document"]["number"] == BILL.number
    assert plain["documentSha256"] == BILL.digest
    assert plain["notice"] == open_attestation.NOTICE
    hidden = open_attestation.withheld(made, ["document.parties"])
    assert open_attestation.intact(hidden)
    assert CONSIGNEE not in str(hidden)
