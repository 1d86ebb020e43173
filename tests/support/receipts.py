"""A log over the cast of the API's tests, cosigned by two witnesses in memory, and the bundles of what stands in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from schemas.envelope import event_id
from schemas.schemes import Scheme
from schemas.signing_key import SigningKey
from services.credit.store import records
from services.ledger.registry import store as registry_store
from services.ledger.storage.session import Session, open_session
from services.transparency.domain.keys import Cosigner, LogSigner
from services.transparency.domain.note import Note, signature_of
from services.transparency.domain.policy import Policy
from services.transparency.store import log
from services.transparency.store.bundles import Issuer
from tests.support.api.cast import SHARED_BOX, case, play
from tests.support.financing.stored_world import SIGNER, Stored, events_of
from tests.support.financing.stories import Case

VERIFIER = Path(__file__).parents[2] / "ops" / "verify"
ORIGIN = "log.example/lianyun"
HANDED_OVER = "LYCU4107762"
DELIVERED = "01_a_receivable_from_application_to_release/handed-delivering"
"""The id of the railway's list."""
CREDIT = "CREDIT_ASSESSMENT"
NOW = 1_798_000_000_000_000


def seeded(name: str) -> SigningKey:
    return SigningKey.from_seed(Scheme.ED25519, sha256(name.encode()).digest())


LOG, OTHER = LogSigner(ORIGIN, seeded("log")), LogSigner(ORIGIN, seeded("another log"))
WITNESSES = tuple(Cosigner(f"{name}.example", seeded(name)) for name in ("rail", "customs"))
POLICY = "\n".join(
    (
        f"log {LOG.verifier}",
        f"witness rail {WITNESSES[0].verifier}",
        f"witness customs {WITNESSES[1].verifier}",
        "group both all rail customs",
        "quorum both",
        "",
    )
)
TRUST = Policy.parse(POLICY.encode())


def handed_over() -> list[dict[str, Any]]:
    """A consignment of silk's whose box both railways signed for, on lists with the box of another one."""

    def signed(by: str, other: str, side: str, at: str) -> dict[str, Any]:
        return {
            "id": f"handed-{side.lower()}", "by": by, "at": at, "type": "movement.handed_over",
            "says": {"objects": [f"container {HANDED_OVER}", f"container {SHARED_BOX}"], "place": "dostyk", "side": side,
                     "counterparty": other},
        }  # fmt: skip

    return [
        {"id": "open-9", "by": "silk", "at": "2026-03-01T12:00+08:00", "type": "link.consignment_opened",
         "says": {"reference": "SK-9", "parties": [{"cr": "railway"}, {"ktz": "railway"}], "containers": [HANDED_OVER]}},
        signed("cr", "ktz", "DELIVERING", "2026-03-06T10:00+08:00"),
        signed("ktz", "cr", "RECEIVING", "2026-03-06T11:00+08:00"),
    ]  # fmt: skip


def cast() -> Case:
    """The cast, with the hand-over and the railway that receives."""
    told = case(handed_over())
    parties = {**told.story.parties, "ktz": {"roles": ["railway"], "countries": ["KZ"], "managers": ["ktz"]}}
    return replace(told, story=replace(told.story, parties=parties))


def grow(session: Session) -> None:
    """Let everything join the log."""
    while not log.sequence(session, LOG, SIGNER.network, 8192).complete:
        pass


def cosign(session: Session, time: int = 1_780_000_000) -> None:
    """Have the present head cosigned by both witnesses."""
    head = log.read_head(session)
    signatures = (signature_of(head.note.text, each, time) for each in WITNESSES)
    note = Note(head.note.text, (*head.note.signatures, *signatures))
    log.record_cosigned(session, head.key, note)


def fill(dsn: str, session: Session) -> None:
    """Everything that has a receipt, in a migrated database: events, decisions, a record of credit signals; and a log."""
    told = cast()
    play(dsn, told)
    stored = Stored(dsn, events_of(told))
    order, at, on = told.ask(3)  # RELEASE_ORDER
    stored._told = len(stored.events)
    assert stored.ask(order, at, on)[0].done
    stored.close()
    ((refused,),) = session.execute("SELECT max(number) FROM lianyun.financing_decision").fetchall()
    own = f"decision-{refused}"
    named = [
        {"source": source, "id": id_, "digest": event_id(source, id_).hex()}
        for source, id_ in (("//cr.example", DELIVERED), (SIGNER.source, own))
    ]
    body = {
        "shipper": "optic", "model": "1", "as_of_day": "2026-12-01", "position": 1, "inputs_sha256": "00" * 32,
        "assessment": {"status": "SCORED", "signals": [], "reasons": [
            {"signal": "T1", "reason": "late", "points_lost": 1, "bad": 1, "observed": 2, "events": named}]},
    }  # fmt: skip
    assert records.issue(session, "abank", CREDIT, "optic", NOW, body) == 1
    session.commit()
    session.autocommit = True
    log.create(session, LOG, 1)


def play_logged(dsn: str, folder: Path) -> dict[str, Path]:
    """The cast with the hand-over in a migrated database, all of it in a cosigned log; the API's settings for receipts of it."""
    play(dsn, cast())
    with open_session(dsn) as session:
        session.autocommit = True
        log.create(session, LOG, 1)
        grow(session)
        cosign(session)
    (folder / "policy").write_text(POLICY)
    return {"transparency_policy": folder / "policy"}


def released(session: Session) -> int:
    """The number of the decision that allowed a release."""
    row = session.execute(
        "SELECT number FROM lianyun.financing_decision WHERE action = 'RELEASE_ORDER'"
    ).fetchone()
    assert row is not None
    return int(row[0])


def issuer(session: Session, withheld: bool = False) -> Issuer:
    """Who makes bundles of a database with the cast."""
    return Issuer(SIGNER, registry_store.read_snapshot(session), POLICY, withheld)


def settings(folder: Path, dsn: str) -> dict[str, str]:
    """The environment of the platform's commands, with its files in ``folder``."""
    keys = {
        "source": SIGNER.source,
        "seed": SIGNER.key.seed.hex(),
        "salt_secret": SIGNER.salt_secret.hex(),
        "registry_keys": [],
    }
    (folder / "keys.json").write_text(json.dumps(keys))
    (folder / "policy").write_text(POLICY)
    return {
        "LIANYUN_DSN": dsn,
        "LIANYUN_NETWORK": SIGNER.network,
        "LIANYUN_FINANCING_KEYS": str(folder / "keys.json"),
        "LIANYUN_TRANSPARENCY_POLICY": str(folder / "policy"),
    }


def build_referee(folder: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The same judgement by code of others, the Go project's and torchwood's: built into ``folder``, and run there."""
    if shutil.which("go") is None:
        pytest.skip("NOT RUN: nothing is held against Go's code: there is no Go on this machine")
    environment = {**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false"}
    made = subprocess.run(
        ["go", "build", "-o", str(folder / "referee"), "."],
        cwd=VERIFIER, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    if made.returncode and "dial tcp" in made.stderr:
        pytest.skip("NOT RUN: nothing is held against Go's code: its modules cannot be had here")
    assert made.returncode == 0, made.stderr

    def judge(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(folder / "referee"), *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)

    return judge
