"""`bench annotate`: annotations of papers a second through the API and by the service alone, and how many of 64 banks at once get one paper."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import orjson
import psycopg

from schemas.events.trade_offshore import DealPaper, DealPaperKind
from services.credit.store import projector
from services.financing.domain.annotation import Action, AnnotationRequest, Behind, PaperName
from services.financing.domain.money import Money
from services.financing.store.annotations import AnnotationService
from services.financing.store.fingerprint_versions import KeyRing
from services.financing.store.keys import read_keys
from services.ledger.storage.session import open_session
from services.runtime.transactions import RetryPolicy, retry
from services.testbed.bench import machine, seed_data
from services.testbed.bench.bank import NETWORK, BankEnvironment
from services.testbed.bench.bank_load import LoadResult, SignedRequests, steady
from services.testbed.chaos.banks import AT
from services.testbed.localstack.stack import LocalStack
from services.testbed.simulator.reports import Message

OWNER: Final = "huaqing"
BANKS: Final = 64
_OF_ONE_DEAL: Final = 8
_WHOLE: Final = 9_000_000
MEANING: Final = {
    "api": "64 connections of one client, each asking again once it is answered: authenticated, deal and consent read, decided, signed, committed",
    "service": "64 banks with a session each, threads of one process, without HTTP",
    "race": "64 banks at once, each wanting the whole of one paper: winners of each round",
}


def bench_annotations(
    papers: int, seconds: float, rounds: int, say: Callable[[str], None] = lambda _line: None
) -> dict[str, Any]:
    """Measure all and return the report; starts and stops a database and an API of its own."""
    hardware = machine.hardware()
    with TemporaryDirectory(prefix="lianyun-annotate-") as folder, LocalStack(kafka=False) as stack:
        environment = BankEnvironment(stack.dsn, Path(folder))
        seed_data.store_messages(stack.dsn, environment.profiles, NETWORK, _messages(papers))
        with psycopg.connect(stack.dsn) as session:
            projector.catch_up(session)
        say(f"{papers} papers of {-(-papers // _OF_ONE_DEAL)} deals stated")
        half = papers // 2
        with environment.serving(1) as api:
            client = environment.requests(api.url)
            queues = [_requests(client, range(number, half, BANKS)) for number in range(BANKS)]
            through = steady(api.url, queues, seconds)
        say(f"{through.statuses} in {through.seconds:.1f} s through the API")
        keys = read_keys(environment.keys)
        service = AnnotationService(KeyRing(keys.registry_keys), keys.signer(NETWORK))
        alone = _at_once(stack.dsn, service, [range(half + n, papers, BANKS) for n in range(BANKS)], seconds)
        winners = [_race(stack.dsn, service, number) for number in range(rounds)]
        return {
            "api": _figures(
                through, Counter(orjson.loads(body).get("outcome", "") for body in through.bodies)
            ),
            "service": alone,
            "race": {"banks": BANKS, "rounds": rounds, "winners": winners},
            "hardware": hardware,
            "versions": machine.versions(stack.dsn, "none"),
            "postgres_settings": machine.postgres_settings(stack.dsn),
            "commit": machine.commit(),
            "meaning": MEANING,
            "simulated": True,
        }


def _paper(number: int) -> dict[str, Any]:
    amount = {"minor_units": _WHOLE, "currency_code": "EUR"}
    return {"kind": "INVOICE", "number": f"BENCH-{number:06}", "amount": amount}


def _reference(number: int) -> str:
    return f"OD-{number // _OF_ONE_DEAL:06}"


def _messages(papers: int) -> Iterator[Message]:
    """The owner's consent to the bank, and its deals."""

    def message(id_: str, type_: str, data: dict[str, Any]) -> Message:
        return Message(0, OWNER, {"id": id_, "type": f"cre.{type_}.v1", "time": AT, "data": data})

    consent = {"bank": seed_data.BANK, "purpose": "FINANCING_APPLICATION", "scope": ["SCORE"], "from": AT}
    yield message("consent", "credit.consent_granted", {**consent, "to": "2036-01-28T00:00:00Z"})
    party = {"scheme": "LEI", "number": "5493000IBP32UQZ0KL24"}
    for first in range(0, papers, _OF_ONE_DEAL):
        deal = {
            "classifier": "ACT",
            "happened": AT,
            "objects": [{"kind": "consignment", "id": f"{OWNER}/{_reference(first)}"}],
            "reference": _reference(first),
            "kind": "RESALE",
            "bop": "122010",
            "contracts": [
                {"number": "P", "role": "BUYS", "counterparty": party},
                {"number": "S", "role": "SELLS", "counterparty": party},
            ],
            "papers": [_paper(number) for number in range(first, min(first + _OF_ONE_DEAL, papers))],
        }
        yield message(f"deal-{first}", "trade.offshore_deal_stated", deal)


def _requests(client: SignedRequests, numbers: Sequence[int]) -> list[bytes]:
    return [
        client.request(
            "POST",
            "/v1/trade/annotations",
            orjson.dumps(
                {
                    "request": f"bench-{number}",
                    "deal": f"{OWNER}/{_reference(number)}",
                    "paper": {"kind": "INVOICE", "number": f"BENCH-{number:06}"},
                    "amount": {"minor_units": _WHOLE, "currency_code": "EUR"},
                }
            ),
        )
        for number in numbers
    ]


def _annotate(service: AnnotationService, session: psycopg.Connection[Any], bank: int, number: int) -> bool:
    paper = DealPaper.model_validate(_paper(number))
    ask = AnnotationRequest(
        Action.ANNOTATE,
        f"bank-{bank}",
        f"bench-{number}",
        paper=PaperName(DealPaperKind.INVOICE, paper.number),
        amount=Money(_WHOLE, "EUR"),
    )
    with session.transaction():
        found = service.annotate(session, ask, Behind(f"{OWNER}/{_reference(number)}", bytes(16), (paper,)))
    return found.done


def _at_once(
    dsn: str, service: AnnotationService, shares: Sequence[Sequence[int]], seconds: float
) -> dict[str, Any]:
    """Each share by a bank of its own, with a thread and a session."""
    result = LoadResult([], Counter(), 0.0)
    outcomes: Counter[str] = Counter()
    ready = threading.Barrier(len(shares) + 1)

    def work(bank: int) -> None:
        with open_session(dsn, "lianyun-bench") as session:
            ready.wait()
            began = time.perf_counter()
            for number in shares[bank]:
                due = time.perf_counter()
                if due - began > seconds:
                    return
                outcomes["DONE" if _annotate(service, session, bank, number) else "REFUSED"] += 1
                result.milliseconds.append((time.perf_counter() - due) * 1_000)

    _run(len(shares), work, ready, result)
    return _figures(result, outcomes)


def _race(dsn: str, service: AnnotationService, round_: int) -> int:
    """How many of 64 banks annotate the whole of one paper."""
    won: list[int] = []
    ready = threading.Barrier(BANKS + 1)

    def work(bank: int) -> None:
        with open_session(dsn, "lianyun-bench") as session:
            ready.wait()
            policy = RetryPolicy((psycopg.errors.LockNotAvailable,), attempts=20)
            if retry(lambda: _annotate(service, session, bank, 1_000_000 + round_), policy):
                won.append(bank)

    _run(BANKS, work, ready, LoadResult([], Counter(), 0.0))
    return len(won)


def _run(count: int, work: Callable[[int], None], ready: threading.Barrier, result: LoadResult) -> None:
    threads = [threading.Thread(target=work, args=(bank,), daemon=True) for bank in range(count)]
    for thread in threads:
        thread.start()
    ready.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    result.seconds = time.perf_counter() - began
    result.milliseconds.sort()


def _figures(found: LoadResult, outcomes: Counter[str]) -> dict[str, Any]:
    return {
        "decisions": len(found.milliseconds),
        "per_second": round(len(found.milliseconds) / found.seconds, 1),
        "outcomes": dict(sorted(outcomes.items())),
        "milliseconds": {
            name: round(found.percentile(share), 1)
            for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
        },
    }
