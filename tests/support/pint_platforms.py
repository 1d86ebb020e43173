"""Platforms that exchange documents, each with a database, a key and an address of its own, and what is asked of all of them at once."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import psycopg
import uvicorn
from joserfc.jwk import OKPKey
from psycopg_pool import ConnectionPool
from starlette.applications import Starlette

from services.audit.fsck.document_exchange import check_exchange
from services.audit.fsck.registers import check_trail
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Findings
from services.documents.pint import store
from services.documents.pint.domain.envelope import IdentifyingCode, IssuanceManifest, issued_to
from services.documents.pint.domain.signed_content import canonical, checksum, signed
from services.documents.pint.exchange import Exchange, party
from services.documents.pint.receiver import Receiver, routes
from services.documents.pint.registers import Identity, Registers
from services.documents.pint.sender import OutgoingDocument, Sender
from services.documents.pint.store import Platform, TransferState
from services.documents.store.document_service import DocumentService
from services.ledger.storage.session import Session
from services.runtime.ports import free_port
from services.testbed.localstack.transparency import served

CARRIER = OKPKey.generate_key("Ed25519")
PDF = b"%PDF-1.7 packing list"
numbers = itertools.count(1)
ticks = itertools.count(1_764_000_000_000_000, 1_000)


class Mortal(psycopg.Connection[Any]):
    """A session whose process is killed when it waits for the database for the ``left``-th time."""

    left = -1

    def wait(self, gen: Any, interval: float = 0.1) -> Any:
        Mortal.left -= 1
        if Mortal.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().wait(gen, interval)


@dataclass
class Instance:
    """One platform. Its ``users`` are known to it; ``service`` is there where its documents are decided on."""

    code: str
    dsn: str
    service: DocumentService | None = None
    users: set[str] = field(default_factory=lambda: {"xianport", "duisport"})
    port: int = field(default_factory=free_port)
    key: OKPKey = field(default_factory=lambda: OKPKey.generate_key("Ed25519"))

    def __post_init__(self) -> None:
        self.opened()

    def opened(self) -> None:
        """Begin anew, as a process that starts does."""
        self.url = f"http://127.0.0.1:{self.port}"
        own = Identity(self.code, f"{self.url}/register/v1", self.key)
        self.client = httpx.Client(timeout=10.0)
        self.session: Session = Mortal.connect(self.dsn, autocommit=True)
        self.pool = ConnectionPool[Session](
            self.dsn,
            connection_class=Mortal,
            min_size=1,
            max_size=4,
            open=False,
            kwargs={"autocommit": True},
        )

        def clock() -> int:
            return next(ticks)

        if self.service is not None:
            exchange = Exchange(own, "lianyun", self.service, self.client, clock)
            self.exchange = exchange
            self.registers, self.sender = exchange.registers, exchange.sender
            self.receiver = exchange.receiver(self.pool.connection)
        else:
            self.registers = Registers(own, self.client, clock)
            self.sender = Sender(self.registers, self.client, clock, _nothing)
            self.receiver = Receiver(self.registers, self.pool.connection, self._user, clock, _nothing)

    def _user(self, _: Session, codes: list[IdentifyingCode]) -> tuple[str, str] | None:
        found = {each.party_code for each in codes} & self.users
        return (min(found), "A party") if len(found) == 1 else None

    def close(self) -> None:
        self.session.close()
        self.pool.close()
        self.client.close()

    def deliver(self) -> list[TransferState]:
        """The states of all pending transfers after another attempt."""
        return [self.sender.deliver(self.session, each) for each in store.pending(self.session, True)]


def _nothing(*_: object) -> None:
    return None


@contextmanager
def answering(*instances: Instance) -> Iterator[None]:
    """The platforms answer, for a block."""
    if not instances:
        yield
        return
    first, *others = instances
    first.pool.open()
    with served(Starlette(routes=routes(first.receiver)), first.port), answering(*others):
        yield


def acquaint(*instances: Instance) -> None:
    """Everybody has everybody in its directory, and the carrier."""
    carrier = {**CARRIER.as_dict(private=False), "kid": CARRIER.thumbprint()}
    for mine in instances:
        store.put_platform(mine.session, mine.registers.own.platform, 1, "test")
    for mine, other in itertools.permutations(instances, 2):
        platform = replace(other.registers.own.platform, url=other.url)
        store.put_platform(mine.session, platform, 1, "test")
        store.put_platform(mine.session, Platform("silk", "carrier", None, None, (carrier,)), 1, "test")


def bill(a: Instance) -> dict[str, Any]:
    """A document whose original its holder transferred out, by what is stored."""
    document = {
        "transportDocumentReference": f"CRE-{next(numbers)}",
        "isToOrder": True,
        "declaredValue": 12000.5,
    }
    content = checksum(canonical(document))
    id_ = uuid.UUID(hex=content[:32])
    a.session.execute("INSERT INTO lianyun.document_version VALUES (%s, %s, 0, '')", (id_, content))
    a.session.execute(
        "INSERT INTO lianyun.document_head VALUES (%s, 'n', 'k', 'f', 'i', 'c', %s, true, '', 'AWAY', 2, 1, 1, '{}')",
        (id_, id_),
    )
    return document


def sent(
    document: dict[str, Any], a: Instance, b: Instance, to: str = "duisport", files: int = 0
) -> OutgoingDocument:
    """The first transfer of a document, from a to b."""
    holder = party(a.code, "xianport")
    manifest = IssuanceManifest(
        document_checksum=checksum(canonical(document)), issue_to_checksum=issued_to(holder)
    )
    return OutgoingDocument(
        document,
        holder,
        party(b.code, to),
        files=[("list.pdf", "application/pdf", PDF)] * files,
        issued=(holder, signed(manifest.json_object(), CARRIER)),
    )


def controllers(document: str, *instances: Instance) -> list[str]:
    """Who can act with a document by what is stored; the first instance has the register."""
    control = store.control(instances[0].session, document)
    found = []
    for each in instances:
        rows = store.transfers(each.session, document)
        done = [row for row in rows if row.state is TransferState.ACCEPTED]
        here = not done[-1].outward if done else each is instances[0]
        sending = any(row.outward and row.state is TransferState.PENDING for row in rows)
        registered = control is None or (control.controller == each.code and control.offer is None)
        if here and registered and not sending:
            found.append(each.code)
    return found


_FORKS = multiprocessing.get_context("forkserver")
"""Of a process without threads that has imported all: a copy of this one could wait for ever for a lock that a thread held."""
_FORKS.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Ended:
    """A process that was begun to be killed."""

    process: Any

    @property
    def killed(self) -> bool:
        """Whether it was killed, once it has ended; ended by force where it goes on for 30 s."""
        self.process.join(30)
        if self.process.is_alive():
            self.process.terminate()
            self.process.join()
        return bool(self.process.exitcode == -signal.SIGKILL)


def damage(session: Session) -> list[str]:
    """What fsck says of the exchange and of registers."""
    findings = Findings()
    with session.transaction(force_rollback=True):
        snapshot = Snapshot(session)
        check_exchange(snapshot, findings)
        check_trail(snapshot, findings)
    return [f"{each.kind} {each.where}: {each.field}" for each in findings.report(0.0).findings]


def mortal(each: Instance, at: int, work: Callable[..., object], *arguments: object) -> Ended:
    """Begin ``work(instance, *arguments)`` in a process that is killed when it waits for the database the ``at``-th time."""
    fields = each.code, each.dsn, None, each.users, each.port, each.key.as_dict(private=True)
    process = _FORKS.Process(target=_live, args=(fields, at, work, arguments), daemon=True)
    process.start()
    return Ended(process)


def _live(fields: Any, at: int, work: Callable[..., object], arguments: tuple[object, ...]) -> None:
    *others, key = fields
    each = Instance(*others, OKPKey.import_key(key))
    Mortal.left = at
    work(each, *arguments)


def send(each: Instance, consignment: OutgoingDocument) -> None:
    """Send it and have it answered."""
    each.sender.deliver(each.session, each.sender.start(each.session, consignment))


def serve(each: Instance) -> None:
    """Answer until the process is ended."""
    left, Mortal.left = Mortal.left, -1
    each.pool.open(wait=True)
    Mortal.left = left
    uvicorn.run(Starlette(routes=routes(each.receiver)), port=each.port, log_level="critical", lifespan="off")


def reachable(each: Instance) -> None:
    """Wait until something answers for the platform."""
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", each.port)) == 0:
                return
        time.sleep(0.02)
