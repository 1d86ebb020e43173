"""Load of a bank: signed requests to the API, made beforehand and sent as they are, and decisions without HTTP."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

from services.api.client import ApiAuth
from services.api.serving import spare_garbage
from services.financing.domain.decisions import Decision
from services.financing.store.decision_service import CargoMoved
from services.financing.store.group_commit import GroupCommit
from services.financing.store.keys import read_keys
from services.ledger.storage.session import open_session
from services.runtime.transactions import RetryPolicy, retry
from services.testbed.chaos import banks


@dataclass(slots=True)
class LoadResult:
    """What came back: milliseconds of each answer in ascending order, statuses, and the seconds that it took."""

    milliseconds: list[float]
    statuses: Counter[int]
    seconds: float
    bodies: list[bytes] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """The answer that ``share`` of all were not slower than."""
        return self.milliseconds[min(len(self.milliseconds) - 1, int(share * len(self.milliseconds)))]


class SignedRequests:
    """Makes signed requests of one client; its token is got once."""

    def __init__(self, url: str, auth: ApiAuth) -> None:
        self._url, self._auth = url, auth
        self._host = urlsplit(url).netloc
        with httpx.Client(base_url=url, auth=auth, timeout=30) as client:
            client.get("/v1/platform-keys").raise_for_status()
        self.token = auth._token

    def request(self, method: str, path: str, body: bytes = b"", key: str = "") -> bytes:
        """One request as bytes, with a proof of its own; good for a minute."""
        proof = self._auth.proof(method, self._url + path, self.token)
        lines = [
            f"{method} {path} HTTP/1.1",
            f"host: {self._host}",
            f"authorization: DPoP {self.token}",
            f"dpop: {proof}",
            *([f"idempotency-key: {key}"] if key else []),
            *(["content-type: application/json", f"content-length: {len(body)}"] if body else []),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body


def paced(url: str, requests: Sequence[bytes], rate: float, connections: int) -> LoadResult:
    """Send ``requests`` at ``rate`` a second whatever comes back; each is measured from when it was due."""
    return asyncio.run(_paced(url, requests, rate, connections))


def steady(url: str, queues: Sequence[Sequence[bytes]], seconds: float) -> LoadResult:
    """One connection for each of ``queues``, each asking again as soon as it is answered, for so many seconds at most."""
    return asyncio.run(_steady(url, queues, seconds))


async def _paced(url: str, requests: Sequence[bytes], rate: float, connections: int) -> LoadResult:
    queue: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()
    found = LoadResult([], Counter(), 0.0)
    opened = [await _open(url) for _ in range(connections)]

    async def work(pair: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        while (item := await queue.get()) is not None:
            due, raw = item
            await _ask(pair, raw, due, found)

    workers = [asyncio.create_task(work(pair)) for pair in opened]
    began = time.perf_counter()
    for number, raw in enumerate(requests):
        due = began + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        queue.put_nowait((due, raw))
    for _ in workers:
        queue.put_nowait(None)
    await asyncio.gather(*workers)
    return _closed(found, opened, began)


async def _steady(url: str, queues: Sequence[Sequence[bytes]], seconds: float) -> LoadResult:
    found = LoadResult([], Counter(), 0.0)
    opened = [await _open(url) for _ in queues]
    began = time.perf_counter()

    async def work(pair: tuple[asyncio.StreamReader, asyncio.StreamWriter], own: Iterator[bytes]) -> None:
        for raw in own:
            if time.perf_counter() - began > seconds:
                return
            await _ask(pair, raw, time.perf_counter(), found)

    await asyncio.gather(*(work(pair, iter(own)) for pair, own in zip(opened, queues, strict=True)))
    return _closed(found, opened, began)


async def _open(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    where = urlsplit(url)
    return await asyncio.open_connection(where.hostname, where.port)


async def _ask(
    pair: tuple[asyncio.StreamReader, asyncio.StreamWriter], raw: bytes, due: float, found: LoadResult
) -> None:
    reader, writer = pair
    writer.write(raw)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)  # none with 304
    body = await reader.readexactly(length)
    found.milliseconds.append((time.perf_counter() - due) * 1_000)
    found.statuses[int(head[9:12])] += 1
    found.bodies.append(body)


def _closed(
    found: LoadResult, opened: Sequence[tuple[asyncio.StreamReader, asyncio.StreamWriter]], began: float
) -> LoadResult:
    found.seconds = time.perf_counter() - began
    found.milliseconds.sort()
    for _, writer in opened:
        writer.close()
    return found


class DecisionLoad(NamedTuple):
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
) -> DecisionLoad:
    """Reserve ``cargoes`` for ``bank`` by so many clients, dealt out to so many processes; blocks for ``seconds`` at most."""
    each = max(1, clients // processes)
    shares = [cargoes[number::processes] for number in range(processes)]
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawning) as pool:
        list(pool.map(time.sleep, [0.5] * processes))  # all are there before any begins
        began = [pool.submit(_clients, dsn, keys, network, bank, share, each, seconds) for share in shares]
        done = [share.result() for share in began]
    return DecisionLoad(
        sorted(ms for share in done for ms in share.milliseconds),
        dict(sum((Counter(share.outcomes) for share in done), Counter[str]())),
        max(share.seconds for share in done),
        sum(share.cpu_seconds for share in done),
    )


def decide(service: GroupCommit, bank: str, number: int) -> Decision:
    """One reservation, begun again where the cargo moved."""
    ask, on = banks.reservation(bank, number)
    return retry(lambda: service.decide(ask, on), RetryPolicy((CargoMoved,)))


def _clients(
    dsn: str, keys: Path, network: str, bank: str, cargoes: Sequence[int], clients: int, seconds: float
) -> DecisionLoad:
    service = GroupCommit(
        read_keys(keys).decision_service(network), lambda: open_session(dsn, "lianyun-bench")
    )
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
            decide(service, bank, number)
        ready.wait()
        for number in own[warm:]:
            started = time.perf_counter()
            if started - since[0] > seconds:
                return
            outcomes[decide(service, bank, number).outcome] += 1
            found.append((time.perf_counter() - started) * 1_000)

    threads = [threading.Thread(target=work, args=(cargoes[one::clients],)) for one in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    service.close()
    return DecisionLoad(found, dict(outcomes), time.perf_counter() - since[0], time.process_time() - since[1])
