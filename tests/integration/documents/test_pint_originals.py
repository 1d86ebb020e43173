"""The original that leaves and returns: while it is away nothing is done with it here, and it is never on paper as well."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from services.cli.document_exchange import app
from services.documents.domain.transfer import Action, Holding, Medium
from services.documents.pint import store
from services.documents.pint.domain import open_attestation
from services.documents.pint.domain.envelope import (
    ActionCode,
    ChainEntry,
    Envelope,
    EnvelopeManifest,
    FinishedResponse,
)
from services.documents.pint.domain.signed_content import checksum, payload_of, signed
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
from tests.support.pint_platforms import PDF, Instance, acquaint, answering, damage
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
        files = [("list.pdf", "application/pdf", PDF)]
        return self.here.exchange.send(self.here.session, BILL.id, issuance, files)


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
        assert damage(session) == damage(there.session) == []
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


def returned(world: World, endorsement: ActionCode, endorsee: str) -> TransferState:
    """What becomes of the original, endorsed on the other platform and then sent to the consignee here."""
    there = world.there
    back = OutgoingDocument(BILL.plain, party("WAVE", "duisport"), party("LYUN", CONSIGNEE))
    own = there.registers.own
    plain = there.sender._envelope

    def endorsed(*arguments: Any) -> Envelope:
        made = plain(*arguments)
        entry = ChainEntry.of(payload_of(made.envelope_transfer_chain[-1]))
        act = entry.transactions[0].model_copy(
            update={
                "action_code": endorsement,
                "recipient": None if endorsement is ActionCode.BLANK_ENDORSE else party("LYUN", endorsee),
            }
        )
        text = own.signed(entry.model_copy(update={"transactions": [act, *entry.transactions]}).json_object())
        manifest = EnvelopeManifest.of(payload_of(made.envelope_manifest_signed_content))
        manifest = manifest.model_copy(update={"last_entry": checksum(text.encode())})
        return made.model_copy(
            update={
                "envelope_transfer_chain": [*made.envelope_transfer_chain[:-1], text],
                "envelope_manifest_signed_content": own.signed(manifest.json_object()),
            }
        )

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(there.sender, "_envelope", endorsed)
        there.sender.start(there.session, back)
    (state,) = there.deliver()
    return state


def test_an_endorsement_made_elsewhere_counts_where_it_names_who_receives_the_original(world: World) -> None:
    """What returns is to the order of its recipient: nobody else's endorsement is passed over without a word."""
    documents, here = world.documents, world.here
    documents.issued()
    documents.done(Action.TRANSFER_OUT, SHIPPER, paper=THERE)
    world.send()
    assert here.deliver() == [TransferState.ACCEPTED]
    for kind in (ActionCode.ENDORSE, ActionCode.ENDORSE_TO_ORDER):
        assert returned(world, kind, SHIPPER) is TransferState.REFUSED
    refused = store.transfers(world.there.session, BILL.digest)[-1]
    reason = FinishedResponse.of(payload_of(str(refused.response))).reason
    assert reason is not None
    assert f"LYUN/{SHIPPER}" in reason
    assert "in blank" in reason, "it says what to do"
    assert world.holding.medium is Medium.AWAY
    assert returned(world, ActionCode.ENDORSE, CONSIGNEE) is TransferState.ACCEPTED
    assert (world.holding.holder, world.holding.order) == (CONSIGNEE, CONSIGNEE)
    cosign(documents.session)
    # Of a journey before it left again nothing counts any more.
    documents.done(Action.TRANSFER, CONSIGNEE, SHIPPER)
    documents.done(Action.TRANSFER_OUT, SHIPPER, paper=THERE)
    world.send()
    assert here.deliver() == [TransferState.ACCEPTED]
    assert returned(world, ActionCode.BLANK_ENDORSE, "") is TransferState.ACCEPTED
    assert (world.holding.holder, world.holding.order) == (CONSIGNEE, CONSIGNEE)
    cosign(documents.session)


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


def test_fsck_finds_what_was_changed_of_the_exchange_and_names_it(world: World) -> None:
    documents, here, there = world.documents, world.here, world.there
    documents.issued()
    documents.done(Action.TRANSFER_OUT, SHIPPER, paper="WAVE/nobody")
    refused = world.send().entry
    assert here.deliver() == [TransferState.REFUSED]
    cosign(documents.session)
    documents.done(Action.TRANSFER_OUT, SHIPPER, paper=THERE)
    here.exchange.recall(here.session, BILL.id)
    cosign(documents.session)
    documents.done(Action.TRANSFER_OUT, SHIPPER, paper=THERE)
    out = world.send().entry
    here.deliver()
    back = OutgoingDocument(BILL.plain, party("WAVE", "duisport"), party("LYUN", CONSIGNEE))
    came = there.sender.start(there.session, back).entry
    there.deliver()
    cosign(documents.session)
    documents.done(Action.TRANSFER_OUT, CONSIGNEE, paper=THERE)
    pending = world.send().entry
    session = documents.session
    assert damage(session) == []
    leaves = "SELECT count(*) FROM lianyun.transparency_entry WHERE source = 'register pint_platform'"
    assert session.execute(leaves).fetchone() == (3,)

    (file,) = session.execute("SELECT encode(checksum, 'hex') FROM lianyun.pint_file").fetchone() or ()
    moved = "substr(signed, 1, 90) || CASE substr(signed, 91, 1) WHEN 'A' THEN 'B' ELSE 'A' END || substr(signed, 92)"
    decided = "UPDATE lianyun.document_decision SET"

    def of(entry: str, change: str) -> str:
        return f"UPDATE lianyun.pint_transfer SET {change} WHERE entry = decode('{entry}', 'hex')"  # noqa: S608

    changes = {
        "UPDATE lianyun.pint_step SET platform = 'WAVE' WHERE number = 0": "pint_step 0 of BILL: platform",
        f"UPDATE lianyun.pint_step SET signed = {moved} WHERE number = 2": "pint_step 2 of BILL: signed",  # noqa: S608
        "DELETE FROM lianyun.pint_step WHERE number = 1": "pint_step 2 of BILL: signed",
        "DELETE FROM lianyun.pint_step WHERE number >= 4": f"pint_transfer {out}: state",
        "UPDATE lianyun.pint_step SET number = 99 WHERE number = 7": "pint_step 99 of BILL: number",
        of(out, "state = 'REFUSED', response = ''"): f"pint_transfer {out}: state",
        of(refused, f"state = 'ACCEPTED', response = (SELECT response FROM lianyun.pint_transfer WHERE entry = decode('{out}', 'hex'))"): f"pint_transfer {refused}: response",  # noqa: S608
        of(pending, "state = 'REFUSED', response = '', settled = 1"): f"pint_transfer {pending}: state",
        of(out, "response = response || 'A'"): f"pint_transfer {out}: response",
        of(out, "platform = 'BOLE'"): f"pint_transfer {out}: platform",
        of(out, "register = 'http://b/register/v1'"): f"pint_transfer {out}: register",
        of(came, "outward = true"): f"pint_transfer {came}: platform",
        of(came, "at = 1"): f"pint_transfer {came}: outward",
        of(out, "entry = sha256('')"): f"pint_transfer {sha256().hexdigest()}: entry",
        of(out, "document = sha256('')"): f"pint_transfer {out}: document",
        of(out, "envelope = replace(convert_from(envelope, 'UTF8'), 'FBL-2026-1', 'FBL-2026-2')::bytea"): f"pint_transfer {out}: envelope",
        of(came, f"envelope = (SELECT envelope FROM lianyun.pint_transfer WHERE entry = decode('{out}', 'hex'))"): f"pint_transfer {came}: entry",  # noqa: S608
        f"DELETE FROM lianyun.pint_transfer WHERE entry = decode('{came}', 'hex')": f"pint_transfer {came}: row",  # noqa: S608
        "UPDATE lianyun.pint_file SET content = '\\x00'": f"pint_file {file}: content",
        "DELETE FROM lianyun.pint_file": f"pint_file {file}: size",
        f"{decided} request = 'other' WHERE request = 'pint-{came}'": "TRANSFER_IN on DOC: request",
        f"{decided} to_party = 'abank' WHERE request = 'pint-{refused}'": "TRANSFER_IN on DOC: request",
        f"{decided} request = 'recall-' WHERE request LIKE 'recall-%'": "TRANSFER_IN on DOC: request",
        f"{decided} paper = 'WAVE/other' WHERE action = 'TRANSFER_OUT'": "TRANSFER_OUT on DOC: paper",
        f"{decided} action = 'TRANSFER' WHERE action LIKE 'TRANSFER\\_%'": f"pint_transfer {pending}: decision",
        "UPDATE lianyun.pint_platform SET keys = (SELECT keys FROM lianyun.pint_platform WHERE code = 'silk') WHERE code = 'WAVE'": "AUDIT pint_platform WAVE: keys",
        "UPDATE lianyun.pint_platform SET url = 'http://b' WHERE code = 'WAVE'": "AUDIT pint_platform WAVE: url",
        "DELETE FROM lianyun.pint_platform WHERE code = 'silk'": "AUDIT pint_platform silk: row",
    }  # fmt: skip
    for change, expected in changes.items():
        for table in ("document_decision", "pint_step"):  # an insider turns the triggers off
            session.execute(f"ALTER TABLE lianyun.{table} DISABLE TRIGGER USER".encode())
        session.execute("ALTER TABLE lianyun.pint_file DROP CONSTRAINT pint_file_check")
        assert session.execute(change.encode()).rowcount > 0, change
        found = damage(session)
        named = expected.replace("BILL", BILL.digest).replace("DOC", BILL.id)
        assert any(named in each for each in found), (change, found)
        if not named.startswith("AUDIT"):
            assert all(each.startswith("DOCUMENT") for each in found), (change, found)
        session.rollback()


def test_with_another_platform_this_ones_own_entry_is_entered(
    postgres: DatabaseAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = migrated_database(postgres, "pint_directory")
    monkeypatch.setenv("LIANYUN_DSN", dsn)
    monkeypatch.setenv("LIANYUN_EXCHANGE_KEY", str(tmp_path / "key.json"))
    own = CliRunner().invoke(app, ["platforms", "--own"]).stdout
    file = tmp_path / "entry.json"
    for code in ("LYUN", "WAVE", "BOLE"):
        file.write_text(json.dumps({"code": code, "name": "B", "keys": []}))
        done = CliRunner().invoke(app, ["platforms", "--add", str(file)])
        assert (done.exit_code == 0) is (code != "LYUN"), done.output
    with open_session(dsn) as session:
        found = {each.code: each for each in store.platforms(session)}
        assert found["LYUN"].keys == tuple(json.loads(own)["keys"])
        entries = "SELECT entries FROM lianyun.audit_head WHERE register = 'pint_platform'"
        assert session.execute(entries).fetchone() == (3,)
