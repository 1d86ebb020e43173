"""Reservations at the desk itself: clients in a few processes, each deciding for its clients as the API does, without HTTP."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from services.api.serving import spare_garbage
from services.financing.domain.decisions import Decision
from services.financing.store.decision_service import CargoMoved
from services.financing.store.group_commit import GroupCommit
from services.financing.store.keys import read_keys
from services.ledger.storage.session import open_session
from services.runtime.transactions import RetryPolicy, retry
from services.testbed.chaos import banks


class Reserved(NamedTuple):
    """What clients got: milliseconds of each decision in ascending order, outcomes, seconds, processor time of the clients."""

    milliseconds: list[float]
    outcomes: dict[str, int]
    seconds: float
    cpu_seconds: float


def reserve(
    dsn: str,
    keys: Path,
    network: str,
    bank: str,
    cargoes: Sequence[int],
    clients: int,
    processes: int,
    seconds: float,
) -> Reserved:
    """Reserve ``cargoes`` for ``bank`` by so many clients, dealt out to so many processes; blocks for ``seconds`` at most."""
    each = max(1, clients // processes)
    shares = [cargoes[number::processes] for number in range(processes)]
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawning) as pool:
        list(pool.map(time.sleep, [0.5] * processes))  # all are there before any begins
        began = [pool.submit(_clients, dsn, keys, network, bank, share, each, seconds) for share in shares]
        done = [share.result() for share in began]
    return Reserved(
        sorted(ms for share in done for ms in share.milliseconds),
        dict(sum((Counter(share.outcomes) for share in done), Counter[str]())),
        max(share.seconds for share in done),
        sum(share.cpu_seconds for share in done),
    )


def decide(desk: GroupCommit, bank: str, number: int) -> Decision:
    """One reservation, begun again where the cargo moved."""
    ask, on = banks.reservation(bank, number)
    return retry(lambda: desk.decide(ask, on), RetryPolicy((CargoMoved,)))


def _clients(
    dsn: str, keys: Path, network: str, bank: str, cargoes: Sequence[int], clients: int, seconds: float
) -> Reserved:
    desk = GroupCommit(read_keys(keys).decision_service(network), lambda: open_session(dsn, "lianyun-bench"))
    found: list[float] = []
    outcomes = Counter[str]()
    warm = min(3, len(cargoes) // clients // 10)
    since = [0.0, 0.0]

    def begin() -> None:
        spare_garbage()  # as an API process does
        since[:] = time.perf_counter(), time.process_time()

    ready = threading.Barrier(clients, begin)

    def work(own: Sequence[int]) -> None:
        for number in own[:warm]:
            decide(desk, bank, number)
        ready.wait()
        for number in own[warm:]:
            asked = time.perf_counter()
            if asked - since[0] > seconds:
                return
            outcomes[decide(desk, bank, number).outcome] += 1
            found.append((time.perf_counter() - asked) * 1_000)

    threads = [threading.Thread(target=work, args=(cargoes[one::clients],)) for one in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    desk.close()
    return Reserved(found, dict(outcomes), time.perf_counter() - since[0], time.process_time() - since[1])
