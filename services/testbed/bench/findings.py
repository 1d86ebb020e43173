"""`bench findings`: how soon a filing shows in the findings of its trade, and how long all findings take to be computed again.

Generated trades are admitted and stored as a worker does: the consignment, a version of the data, the Chinese declaration and the EAEU one. The
follower finds what the checks say of each; then everything is computed again from the stored events, in some processes, and compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from statistics import quantiles
from typing import Any, Final

import psycopg

from schemas.schemes import Scheme
from schemas.signing_key import SigningKey
from services.audit.worker_pool import WorkerPool
from services.cases.store import projector
from services.cases.store.case_service import CaseService
from services.cases.store.trades import IN_A_SET, ExpectedTrade, TradeRow, expected_trades
from services.domain.facts import FOREVER
from services.ledger.platform_signature import Signer
from services.ledger.registry import store
from services.ledger.storage.migrate import migrate
from services.ledger.storage.session import open_session
from services.producers.formats.model import EventDraft
from services.testbed.amended_trade import DAY, amended
from services.testbed.bench import machine
from services.testbed.bench.founded import AT, CONSIGNEE, FORWARDER, SHIPPER
from services.testbed.bench.view_cost import NETWORK, apply
from services.testbed.localstack.platform import register
from services.testbed.localstack.stack import LocalStack
from services.testbed.simulator.reports import Message
from services.testbed.simulator.signed_messages import members, profiles, sign_all
from services.trade.domain.filing import LineLink
from services.trade.formats import read_papers
from services.trade.formats.dataset import read, statement_of
from services.trade.formats.declared import lodging_of
from services.trade.store.findings import read_findings

_SIGNER: Final = Signer(
    NETWORK, "urn:lianyun:bench", SigningKey.from_seed(Scheme.ED25519, bytes(32)), bytes(16)
)
_TARGET: Final = 1_000_000
MEANING: Final = {
    "visible_ms": "from a filing that is ready to be signed to its findings: signed, admitted, applied, committed, read; without broker and HTTP",
    "followed_per_s": "trades a second that the follower of cases finds from new events, all of them new, on one thread",
    "again_per_s": "trades a second computed again from the stored events, in so many processes",
    "again_cpu_ms": "processor time of one trade in these processes, the database's own apart",
    "million_minutes": "what a million trades would take at that rate on this machine",
    "equal": "whether what was computed again is what the follower stored, row by row",
}


@dataclass(frozen=True, slots=True)
class Scale:
    """How many trades there are, how many of their last filings are timed one by one, and in how many processes all is computed again."""

    trades: int = 1_000
    filings: int = 60
    processes: int = 2


def bench_findings(scale: Scale = Scale(), say: Callable[[str], None] = lambda _line: None) -> dict[str, Any]:
    """Measure and return the report; starts and stops a database of its own. Blocks for some minutes."""
    hardware = machine.hardware()
    known = profiles(1, network=NETWORK)
    with WorkerPool(scale.processes) as pool, LocalStack(kafka=False) as stack:
        migrate(stack.dsn)
        register(stack.dsn, members(known))
        before, late = [], []
        for number in range(scale.trades):
            *first, filing = _messages(number)
            before += first
            if number < scale.filings:
                late.append((name(number), filing))
            else:
                before.append(filing)
        apply(stack.dsn, sign_all(before, known))
        with psycopg.connect(stack.dsn, autocommit=True) as session:
            session.execute("VACUUM (ANALYZE)")
        say(f"{scale.trades} trades stored")
        visible = list(_visible(stack.dsn, late, known))
        followed, incremental = _follow(stack.dsn)
        say("followed")
        began = time.monotonic()
        names = [name(number) for number in range(scale.trades)]
        with pool.workers(partial(_Reader, stack.dsn)) as workers:
            tasks = [names[at : at + IN_A_SET] for at in range(0, len(names), IN_A_SET)]
            done = list(workers.run(_rows, tasks))
        rate = scale.trades / (time.monotonic() - began)
        again = {row for rows, _ in done for row in rows}
        processor = sum(seconds for _, seconds in done) / scale.trades
        cuts = quantiles(visible, n=20)
        return {
            "trades": scale.trades,
            "visible_ms": {
                "p50": round(cuts[9], 1),
                "p95": round(cuts[18], 1),
                "most": round(max(visible), 1),
                "filings": len(visible),
            },
            "followed_per_s": round(scale.trades / followed, 1),
            "again_per_s": round(rate, 1),
            "again_cpu_ms": round(processor * 1_000, 2),
            "processes": scale.processes,
            "million_minutes": round(_TARGET / rate / 60, 1),
            "equal": again == incremental,
            "found": sum(len(row.found) for row in incremental),
            "hardware": hardware,
            "versions": machine.versions(stack.dsn, "none"),
            "commit": machine.commit(),
            "meaning": MEANING,
            "simulated": True,
        }


def name(number: int) -> str:
    """Owner and reference of a trade."""
    return f"{SHIPPER}/T-{number:07}"


def _messages(number: int) -> Iterator[Message]:
    """One trade: its consignment, its data, and both declarations; the last one is the EAEU's."""
    trade = amended(Random(number), "amount", "")
    dataset = replace(read(trade.files["v1.json"], DAY), reference=f"T-{number:07}")
    opened = {
        "reference": dataset.reference,
        "from": AT,
        "containers": list(dataset.boxes),
        "parties": [{"party": SHIPPER, "role": "shipper"}, {"party": CONSIGNEE, "role": "consignee"}],
    }
    yield Message(
        0,
        FORWARDER,
        {
            "id": f"opened-{number:07}",
            "type": "cre.link.consignment_opened.v1",
            "time": AT,
            "data": opened,
        },
    )
    yield _message(SHIPPER, statement_of(dataset, "", (), AT))
    made_from = {"owner": SHIPPER, "reference": dataset.reference, "version": dataset.digest}
    for file, declaration, type_ in (
        ("cn.xml", f"CN/{222_920_260_000_000_000 + number}", "export_lodged"),
        ("dt.xml", f"RU/10702070/200326/{number:07}", "import_lodged"),
    ):
        (paper,) = read_papers(trade.files[file], file, DAY)
        links = [LineLink(line.id, str(n + 1)) for n, line in enumerate(dataset.lines[: len(paper.lines)])]
        yield _message(FORWARDER, lodging_of(paper, declaration, type_, made_from, links, AT))


def _message(party: str, draft: EventDraft) -> Message:
    record = {"id": draft.id, "type": draft.type, "time": draft.time, "data": draft.data}
    return Message(0, party, record)


def _visible(dsn: str, late: Sequence[tuple[str, Message]], known: Any) -> Iterator[float]:
    """Milliseconds from each filing to the findings that count it."""
    with open_session(dsn, "lianyun-bench") as session:
        registry = store.read_snapshot(session)
        session.commit()
        for trade, filing in late:
            owner, _, reference = trade.partition("/")
            began = time.perf_counter()
            apply(dsn, sign_all([filing], known))
            found = read_findings(session, owner, reference, registry, FOREVER)
            took = (time.perf_counter() - began) * 1_000
            session.commit()
            if len(found.filings.filings) != 2:
                raise RuntimeError(f"the filing of {trade} does not show in its findings")
            yield took


def _follow(dsn: str) -> tuple[float, set[TradeRow]]:
    """Seconds until the follower has found everything, and the rows that it stored."""
    with open_session(dsn, "lianyun-bench") as session:
        session.autocommit = True
        began = time.monotonic()
        projector.catch_up(session, CaseService(_SIGNER), 2_000)
        took = time.monotonic() - began
        rows = session.execute(
            "SELECT trade, name, found, explained, digest FROM lianyun.trade_finding", binary=True
        )
        return took, {TradeRow(row[0], row[1], tuple(row[2]), row[3], bytes(row[4])) for row in rows}


class _Reader:
    """What a process computes findings with."""

    def __init__(self, dsn: str) -> None:
        self._session = open_session(dsn, "lianyun-bench")
        self._registry = store.read_snapshot(self._session)

    def rows(self, names: Sequence[str]) -> list[TradeRow]:
        """What should be stored of the trades, from their stored events."""
        found = list(expected_trades(self._session, names, self._registry))
        self._session.commit()
        return [each.row for _, each in found if isinstance(each, ExpectedTrade) and each.row is not None]

    def close(self) -> None:
        """Close its session."""
        self._session.close()


def _rows(reader: _Reader, names: Sequence[str]) -> tuple[list[TradeRow], float]:
    """The rows, and the seconds of this process's processor time that they took."""
    began = time.process_time()
    return reader.rows(names), time.process_time() - began
