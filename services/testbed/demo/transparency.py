"""Two drills of the transparency log with witnesses that run: one history for each bank, and history made anew."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg_pool import ConnectionPool
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from schemas.merkle import HASH_BYTES
from schemas.schemes import Scheme
from schemas.signing_key import SigningKey
from services.ledger.storage.session import Session, open_session
from services.testbed.demo.run import play
from services.testbed.localstack.platform import Platform
from services.testbed.localstack.transparency import served
from services.testbed.simulator.files import Deliveries
from services.testbed.simulator.signed_messages import members, profiles
from services.testbed.simulator.simulate import Scale, simulate
from services.transparency.domain.checkpoint import Checkpoint
from services.transparency.domain.entry import Document, Entry, Kind
from services.transparency.domain.keys import Cosigner, LogSigner
from services.transparency.domain.note import BadSignature, Note, signed_note
from services.transparency.domain.policy import Policy
from services.transparency.domain.receipt import Receipt
from services.transparency.domain.tiles import WIDTH, Bundle, TileTree, bundled, grown, parse_path
from services.transparency.domain.tlog_proof import TlogProof
from services.transparency.mirror import Fork, Mirror
from services.transparency.monitor import Monitor, Owner
from services.transparency.sequencer import Sequencer
from services.transparency.server import create_app as log_app
from services.transparency.settings import TransparencySettings
from services.transparency.store import log
from services.transparency.witness.client import Contradicted, Witnesses
from services.transparency.witness.service import WitnessState, create_app, logs_of

Say = Callable[[str], None]
ORIGIN = "log.demo.example/lianyun"
WITNESSES = ("railway-cn", "railway-eu", "customs-cn", "customs-eu")
QUORUM = 3
"""1 + floor(2 * 4 / 3): of four witnesses one may lie, and no two histories find three."""


def fork(say: Say) -> dict[str, Any]:
    """Show one bank a history and another bank a different one of the same size; ``detected`` and the ``evidence``. Some seconds."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lianyun-fork-") as folder, ExitStack() as running:
        partners = Partners(Path(folder), running)
        histories = [_history(box) for box in ("pledged to bank A", "pledged to bank B")]
        say(
            f"the operator signs two histories of {histories[0].size} entries: in one a box is pledged to bank A, in the other to bank B"
        )
        noticed = []
        for bank, history, asked in (
            ("bank A", histories[0], WITNESSES[:2]),
            ("bank B", histories[1], WITNESSES[2:]),
        ):
            for name in asked:
                partners.witness(name, history)
            receipt = Receipt(history.document, TlogProof(0, tuple(history.tree.inclusion(0)), history.note))
            try:
                receipt.verified(partners.policy)
                say(f"{bank} accepts its receipt")
            except BadSignature as refused:
                noticed.append(bank)
                say(f"{bank} refuses its receipt: {refused}")
        for name, history in ((WITNESSES[0], histories[1]), (WITNESSES[2], histories[0])):
            if partners.contradicts(name, history):
                noticed.append(name)
                say(f"{name} is asked for the other history, and answers 422")
        evidence = _evidence(lambda: _compared(Path(folder), running, partners, histories))
        say(
            "the banks' monitors compare what they follow: both heads are signed by the log, and cannot both be true"
        )
    return _outcome(evidence, ["monitors", *noticed] if evidence else noticed, began)


def _compared(folder: Path, running: ExitStack, partners: Partners, histories: Sequence[_History]) -> None:
    """Let a monitor of each bank follow what its bank is shown, and the second compare with the first; Fork."""
    trust = Policy.parse(partners.text("none"))  # they look also at what the quorum has not cosigned

    def client(app: Starlette) -> httpx.Client:
        return running.enter_context(
            httpx.Client(base_url=running.enter_context(served(app)), trust_env=False)
        )

    mirrors = []
    for name, history in zip(("bank-a", "bank-b"), histories, strict=True):
        mirrors.append(Mirror(folder / name, trust))
        monitor = Monitor(mirrors[-1], folder / name, Owner("demo"), None, lambda _alert: None)
        monitor.step(client(history.app))
    mirrors[1].compare(client(Starlette(routes=[Mount("/", StaticFiles(directory=folder / "bank-a"))])))


def rewrite(seed: int, say: Say) -> dict[str, Any]:
    """Let the operator take an accepted event out of the database and sign everything anew; who notices, and by what.

    Runs a platform of its own and blocks for about half a minute.
    """
    began = time.monotonic()
    simulation = simulate(Scale(seed=seed, trains=2, boxes=6, false_reports=2))
    with (
        tempfile.TemporaryDirectory(prefix="lianyun-rewrite-") as name,
        Platform(workers=1, members=members(profiles(seed))) as platform,
        ExitStack() as running,
    ):
        folder = Path(name)
        say("a small simulated world goes through a platform of its own ...")
        records = Deliveries(tuple(simulation.publication.messages))
        play(simulation, records, simulation.scale.now, platform, folder, say)
        partners = Partners(folder, running)
        dsn = platform.stack.dsn
        session = running.enter_context(open_session(dsn))
        session.autocommit = True
        log.create(session, partners.signer, 1)
        _grow(dsn, platform.network, partners)
        pool = running.enter_context(
            ConnectionPool[Session](dsn, min_size=1, max_size=2, kwargs={"autocommit": True})
        )
        address = running.enter_context(served(log_app(pool, cosigned=False)))
        client = running.enter_context(httpx.Client(base_url=address, trust_env=False))
        mirror = Mirror(folder / "mirror", Policy.parse(partners.text("none")))
        say(f"{mirror.follow(client).after} entries are cosigned, and mirrored by a partner")
        say("the operator takes the oldest event out, and makes the log anew under the log's own key ...")
        _rewritten(dsn, session, partners.signer, platform.network)
        noticed, seconds = [], time.monotonic()
        try:
            _grow(dsn, platform.network, partners)
        except (Contradicted, log.LogRefused) as contradicted:
            noticed.append("witnesses")
            say(f"the witnesses: {contradicted}")
        evidence = _evidence(lambda: mirror.follow(client))
        if evidence:
            noticed.append("mirror")
            say("the mirror: what the log serves now does not continue what is held here")
    outcome = _outcome(evidence, noticed, began)
    return {**outcome, "seconds_to_detect": round(time.monotonic() - seconds, 2)}


class _History:
    """A log in memory of one history, signed by the operator."""

    def __init__(self, documents: Sequence[Document], signer: LogSigner) -> None:
        self._entries = entries = [Entry.of(each).raw for each in documents]
        self._tiles = tiles = grown(0, entries, lambda _level, _number: b"")
        self.document, self.size = documents[0], len(entries)
        self.tree = TileTree(self.size, lambda level, number: tiles[level, number])
        self.note = signed_note(Checkpoint(ORIGIN, self.size, self.tree.root).text, [signer], 0)

    @property
    def app(self) -> Starlette:
        """The log as it is served."""

        def checkpoint(_request: Request) -> Response:
            return PlainTextResponse(str(self.note))

        def resource(request: Request) -> Response:
            place = parse_path("tile/" + request.path_params["path"])
            if isinstance(place, Bundle):
                first = place.number * WIDTH
                return Response(bundled(self._entries[first : first + place.width]))
            return Response(self._tiles[place.level, place.number][: place.width * HASH_BYTES])

        return Starlette(routes=[Route("/checkpoint", checkpoint), Route("/tile/{path:path}", resource)])


def _signer() -> LogSigner:
    return LogSigner(ORIGIN, SigningKey.from_seed(Scheme.ED25519, sha256(b"lianyun demo log").digest()))


def _history(first: str) -> _History:
    texts = [first, *(f"event {number}" for number in range(299))]
    documents = [
        Document(Kind.EVENT, f"demo/0@{number}", text.encode(), b"salt", text.encode(), "-", number)
        for number, text in enumerate(texts)
    ]
    return _History(documents, _signer())


class Partners:
    """Four witnesses as services of their own, and the policy that asks for three of them."""

    def __init__(self, folder: Path, running: ExitStack) -> None:
        self.signer = _signer()
        self._lines = {name: self._start(name, folder, running) for name in WITNESSES}
        self.policy = Policy.parse(self.text("three"))

    def text(self, quorum: str) -> bytes:
        """The file of a policy with this quorum."""
        group = f"group three {QUORUM} {' '.join(WITNESSES)}"
        lines = [f"log {self.signer.verifier}", *self._lines.values(), group, f"quorum {quorum}"]
        return "\n".join(lines).encode()

    def _start(self, name: str, folder: Path, running: ExitStack) -> str:
        key = Cosigner(
            f"{name}.example", SigningKey.from_seed(Scheme.ED25519, sha256(name.encode()).digest())
        )
        state = WitnessState(folder / f"{name}.sqlite")
        app = create_app(state, logs_of([self.signer.verifier]), [key], lambda: int(time.time()))
        return f"witness {name} {key.verifier} {running.enter_context(served(app))}"

    def _one(self, name: str, history: _History) -> Note | None:
        policy = Policy.parse(f"log {self.signer.verifier}\n{self._lines[name]}\nquorum {name}".encode())
        witnesses = Witnesses(policy)
        try:
            return witnesses.cosigned(history.note, history.tree.consistency, 30.0)
        finally:
            witnesses.close()

    def witness(self, name: str, history: _History) -> None:
        """Let one witness cosign a history."""
        history.note = self._one(name, history) or history.note

    def contradicts(self, name: str, history: _History) -> bool:
        """Whether a witness refuses a history because it has cosigned another one."""
        try:
            self._one(name, history)
        except Contradicted:
            return True
        return False


def _grow(dsn: str, network: str, partners: Partners) -> None:
    """Sequence everything and have it cosigned; Contradicted, LogRefused."""
    settings = TransparencySettings(dsn=SecretStr(dsn), network=network, transparency_patience=30.0)
    sequencer = Sequencer(settings, partners.signer, partners.policy)
    sequencer.open()
    try:
        sequencer.step()
    finally:
        sequencer.close()


def _rewritten(dsn: str, session: Session, signer: LogSigner, network: str) -> None:
    with psycopg.connect(dsn) as operator:
        operator.execute("ALTER TABLE lianyun.transparency_entry DISABLE TRIGGER ALL")
        operator.execute(
            "TRUNCATE lianyun.transparency_head, lianyun.transparency_entry, lianyun.transparency_tile, lianyun.transparency_cursor"
        )
        operator.execute("DELETE FROM lianyun.body WHERE no = (SELECT min(no) FROM lianyun.body)")
    log.create(session, signer, 1)
    while not log.sequence(session, signer, network, 8192).complete:
        pass


def _evidence(look: Callable[[], object]) -> list[str]:
    try:
        look()
    except Fork as found:
        return [str(note) for note in found.evidence]
    return []


def _outcome(evidence: list[str], noticed: list[str], began: float) -> dict[str, Any]:
    return {
        "simulated": True,
        "detected": bool(evidence) and bool(noticed),
        "evidence": evidence,
        "noticed_by": noticed,
        "seconds": round(time.monotonic() - began, 1),
    }
