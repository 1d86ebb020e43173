"""`bench bank`: the status of a consignment among a million, and check-and-reserve, through HTTP and by the decision service alone."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import orjson
import psycopg
from joserfc.jwk import OKPKey

from services.api.client import ApiAuth
from services.api.clients import add_client
from services.financing.store.keys import make_keys, prepare
from services.ledger.registry import store
from services.ledger.storage.migrate import migrate
from services.producers.profile import Profile
from services.testbed.bench import bank_load, machine, seed_data
from services.testbed.bench.bank_load import LoadResult, SignedRequests, paced, steady
from services.testbed.bench.observation import RoundTripCounter, cpu_seconds
from services.testbed.bench.plans import plans, whole_reads
from services.testbed.chaos import banks
from services.testbed.localstack.api import LocalApi
from services.testbed.localstack.engine import GivenBroker, GivenDatabase, Servers
from services.testbed.localstack.platform import RunningPlatform, register
from services.testbed.localstack.stack import LocalStack
from services.testbed.simulator.signed_messages import members, profiles

NETWORK: Final = "demo"
SEED: Final = 1
NOWHERE: Final = "127.0.0.1:9"
"""A broker that is never contacted: no event is posted here."""


class RunningApi(NamedTuple):
    """An API that answers: its URL, and the process (its workers are children of it)."""

    url: str
    pid: int


class BankEnvironment:
    """A prepared database with a client of the bank, and the API over it."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.dsn, self._folder = dsn, folder
        migrate(dsn)
        known = profiles(SEED, network=NETWORK)
        second = banks.rival(SEED, NETWORK)
        register(dsn, [*members(known), banks.member(second)])
        self.profiles: dict[str, Profile] = {**known, banks.RIVAL.code: second}
        self.keys = folder / "financing-keys.json"
        self._key = OKPKey.generate_key("Ed25519")
        now = time.time_ns() // 1_000
        with psycopg.connect(dsn) as session:
            prepare(session, make_keys(self.keys), NETWORK, now, "bench")
            party = store.load(session).party(seed_data.BANK)
            assert party is not None
            public = self._key.as_dict(private=False)
            add_client(session, seed_data.BANK, party, jwk=public, at=now, by="bench")

    @contextmanager
    def serving(self, workers: int, dsn: str = "") -> Iterator[RunningApi]:
        """The API as processes of its own, over the database or over what stands before it at ``dsn``."""
        servers = Servers(GivenBroker(NOWHERE), GivenDatabase(dsn or self.dsn))
        settings = {"LIANYUN_API_WORKERS": str(workers), "LIANYUN_API_RATE": "100000000"}
        platform = RunningPlatform(servers, NETWORK)
        with LocalApi(platform, self._folder, self._folder / "logs", environment=settings) as api:
            yield RunningApi(api.url, api.pid)

    def requests(self, url: str) -> SignedRequests:
        """The bank's client of the API at ``url``, with its token."""
        return SignedRequests(url, ApiAuth(seed_data.BANK, self._key, url))


def status_requests(client: SignedRequests, consignments: int, count: int, random: Random) -> list[bytes]:
    """Requests for the status of copied consignments drawn at random."""
    return [
        client.request(
            "GET",
            f"/v1/financing-status?kind=consignment&id={banks.FORWARDER}/{seed_data.name(random.randrange(consignments))}",
        )
        for _ in range(count)
    ]


def reservation_requests(client: SignedRequests, numbers: Sequence[int]) -> list[bytes]:
    """Requests that reserve the cargoes of these numbers."""
    return [_reservation(client, number) for number in numbers]


def _reservation(client: SignedRequests, number: int) -> bytes:
    ask, on = banks.reservation(seed_data.BANK, number)
    assert ask.terms is not None
    (invoice,) = ask.papers.invoices
    body = {
        "reference": ask.financing.partition("/")[2],
        "application": ask.terms.application,
        "product": ask.terms.product,
        "interest": ask.terms.interest,
        "consignments": [thing.key for thing in on],
        "papers": {
            "invoices": [
                {
                    "number": invoice.number,
                    "issued_on": invoice.issued_on.isoformat(),
                    "seller": {"scheme": invoice.seller.scheme, "id": invoice.seller.id},
                    "buyer": {"scheme": invoice.buyer.scheme, "id": invoice.buyer.id},
                    "amount": {
                        "minor_units": invoice.amount.minor,
                        "currency_code": invoice.amount.currency,
                    },
                }
            ],
            "notes": [{"key": note.key} for note in ask.papers.notes],
            "consignments": list(ask.papers.consignments),
        },
    }
    return client.request("POST", "/v1/reservations", orjson.dumps(body), f"reserve-{number}")


Say = Callable[[str], None]
CONNECTIONS: Final = 32
COUNTED: Final = 20
"""Requests over which round trips are counted; as many before them make the sessions ready."""
MEANING: Final = {
    "status": "GET /v1/financing-status by consignment, at a fixed rate whatever comes back; each answer is measured from "
    "when its request was due. Token, DPoP proof, permission, read and access log included",
    "reserve": "POST /v1/reservations, so many clients, each asking as soon as it is answered, each for cargoes of its own; "
    "links, applications and movements are read and derived, the decision is signed and committed with fsync",
    "reserve_at_the_desk": "the same without HTTP: the desk in a few processes of clients, whose requests are committed in groups",
    "cpu_ms_per_request": "processor time of the API (or of the clients, at the desk) and of Postgres, whatever else the "
    "machine does",
    "decisions_per_commit": "reservations that one transaction of the desk took, and one wait for the disk with it, on average",
    "round_trips": "how often the client of the database waited for it, for one request, counted between the two",
    "copied": "financed consignments that stand in the database; what of each is copied says services/testbed/bench/seed_data.py",
    "whole_tables_read": "large tables that Postgres itself counted as read from one end to the other during the runs",
    "plans": "EXPLAIN of what the bank's questions ask the database, planned as Postgres does by default",
}


@dataclass(frozen=True, slots=True)
class Scale:
    """How large a measurement is. Durations are seconds."""

    consignments: int = 1_000_000
    cargoes: int = 20_000
    rate: float = 500.0
    seconds: float = 20.0
    clients: int = 16
    workers: int = 1


def bench_bank(scale: Scale, say: Say = lambda _line: None) -> dict[str, Any]:
    """Measure all and return the report; starts and stops a database and an API of its own. Blocks for minutes."""
    began = time.monotonic()
    hardware = machine.hardware()
    with TemporaryDirectory(prefix="lianyun-bank-") as folder, LocalStack(kafka=False) as stack:
        environment = BankEnvironment(stack.dsn, Path(folder))
        copied = seed_data.copy(stack.dsn, environment.profiles, scale.consignments)
        say(f"{copied.consignments} financed consignments copied in {copied.seconds:.0f} s")
        seed_data.publish(stack.dsn, environment.profiles, NETWORK, scale.cargoes)
        with psycopg.connect(stack.dsn, autocommit=True) as session:
            session.execute("VACUUM (ANALYZE)")
        with psycopg.connect(stack.database.admin_dsn, autocommit=True) as session:
            session.execute("CHECKPOINT")  # else one that the copying called for falls into a measurement
        say(f"{scale.cargoes} cargoes to be asked for")
        run = _Measurements(environment, stack.database.process.pid, scale, say)
        numbers, whole = range(scale.cargoes), whole_reads(stack.dsn)
        status = run.status()
        reserved = run.reserve(numbers[2 * COUNTED : scale.cargoes // 2])
        decisions = run.decisions(numbers[scale.cargoes // 2 :])
        return {
            "status": status,
            "reserve": reserved,
            "reserve_at_the_desk": decisions,
            "round_trips": run.round_trips(numbers[: 2 * COUNTED]),
            "whole_tables_read": {
                name: count - whole[name]
                for name, count in whole_reads(stack.dsn).items()
                if name in whole and count > whole[name]
            },
            "copied": {"consignments": copied.consignments, "seconds": round(copied.seconds, 1)},
            "plans": plans(stack.dsn, seed_data.BANK, seed_data.name(scale.consignments // 2)),
            "hardware": hardware,
            "versions": machine.versions(stack.dsn, "none"),
            "postgres_settings": machine.postgres_settings(stack.dsn),
            "commit": machine.commit(),
            "meaning": MEANING,
            "simulated": True,
            "wall_seconds": round(time.monotonic() - began, 1),
        }


@dataclass(frozen=True, slots=True)
class _Measurements:
    """The measurements, one by one."""

    environment: BankEnvironment
    postmaster: int
    scale: Scale
    say: Say

    def status(self) -> dict[str, Any]:
        """Questions at a fixed rate to one process of the API."""
        scale, random = self.scale, Random(SEED)
        with self.environment.serving(1) as api:
            client = self.environment.requests(api.url)
            warm = status_requests(client, scale.consignments, int(scale.rate), random)
            paced(api.url, warm, scale.rate / 2, CONNECTIONS)  # caches and plans of sessions
            asked = status_requests(client, scale.consignments, int(scale.rate * scale.seconds), random)
            load, spent = os.getloadavg(), self._spent(api)
            found = paced(api.url, asked, scale.rate, CONNECTIONS)
            cpu = self._since(spent, api, len(asked))
        self.say(
            f"status: p99 {found.percentile(0.99):.1f} ms at {scale.rate:.0f}/s; {cpu} ms of processor each"
        )
        return _figures(
            found, rate_asked=scale.rate, api_workers=1, cpu_ms_per_request=cpu, load_before=_load(load)
        )

    def reserve(self, numbers: Sequence[int]) -> dict[str, Any]:
        """Reservations of cargoes through the API, each client's own."""
        scale = self.scale
        with self.environment.serving(scale.workers) as api:
            made = reservation_requests(self.environment.requests(api.url), numbers)
            queues = [made[client :: scale.clients] for client in range(scale.clients)]
            warm = min(5, len(queues[0]) // 10)
            steady(api.url, [own[:warm] for own in queues], scale.seconds)
            load, spent, decided = os.getloadavg(), self._spent(api), self._decided()
            found = steady(api.url, [own[warm:] for own in queues], scale.seconds)
            cpu = self._since(spent, api, len(found.milliseconds))
        self.say(f"reserve: {len(found.milliseconds) / found.seconds:.0f}/s; {cpu} ms of processor each")
        outcomes = dict(Counter(str(orjson.loads(body).get("outcome", "none")) for body in found.bodies))
        return _figures(
            found,
            clients=scale.clients,
            api_workers=scale.workers,
            outcomes=outcomes,
            cpu_ms_per_request=cpu,
            decisions_per_commit=self._together(decided),
            load_before=_load(load),
        )

    def decisions(self, numbers: Sequence[int]) -> dict[str, Any]:
        """Reservations without HTTP."""
        scale, processes = self.scale, min(os.cpu_count() or 1, self.scale.clients)
        load, decided = os.getloadavg(), self._decided()
        postgres = cpu_seconds([self.postmaster], with_children=True) or 0.0
        found = bank_load.reserve(
            self.environment.dsn,
            self.environment.keys,
            NETWORK,
            seed_data.BANK,
            numbers,
            scale.clients,
            processes,
            scale.seconds,
        )
        count = max(1, len(found.milliseconds))
        used = (cpu_seconds([self.postmaster], with_children=True) or 0.0) - postgres
        cpu = {"clients": _each(found.cpu_seconds, count), "postgres": _each(used, count)}
        answered = LoadResult(found.milliseconds, Counter(), found.seconds)
        self.say(f"at the desk: {count / found.seconds:.0f}/s; {cpu} ms of processor each")
        return _figures(
            answered,
            clients=scale.clients,
            processes=processes,
            outcomes=found.outcomes,
            cpu_ms_per_request=cpu,
            decisions_per_commit=self._together(decided),
            load_before=_load(load),
        )

    def round_trips(self, numbers: Sequence[int]) -> dict[str, float]:
        """Round trips to the database of one request of each kind."""
        scale, random, found = self.scale, Random(SEED), dict[str, float]()
        with (
            RoundTripCounter(self.environment.dsn) as counter,
            self.environment.serving(1, counter.dsn) as api,
        ):
            client = self.environment.requests(api.url)
            kinds = {
                "status": status_requests(client, scale.consignments, 2 * COUNTED, random),
                "reserve": reservation_requests(client, numbers),
            }
            for kind, asked in kinds.items():
                steady(api.url, [asked[:COUNTED]], scale.seconds)
                before = counter.count
                steady(api.url, [asked[COUNTED:]], scale.seconds)
                found[kind] = round((counter.count - before) / len(asked[COUNTED:]), 2)
        self.say(f"round trips: {found}")
        return found

    def _decided(self) -> int:
        """The number of the last decision."""
        with psycopg.connect(self.environment.dsn) as session:
            row = session.execute("SELECT max(number) FROM lianyun.financing_decision").fetchone()
        return int(row[0] or 0) if row is not None else 0

    def _together(self, after: int) -> float:
        """Decisions of one transaction, on average, of those since the one of that number."""
        query = "SELECT count(*), count(DISTINCT xid) FROM lianyun.financing_decision WHERE number > %s"
        with psycopg.connect(self.environment.dsn) as session:
            row = session.execute(query, (after,)).fetchone()
        assert row is not None
        decisions, commits = map(int, row)
        return round(decisions / max(1, commits), 2)

    def _spent(self, api: RunningApi) -> dict[str, float]:
        return {
            "api": cpu_seconds([api.pid], with_children=True) or 0.0,
            "postgres": cpu_seconds([self.postmaster], with_children=True) or 0.0,
        }

    def _since(self, before: dict[str, float], api: RunningApi, requests: int) -> dict[str, float]:
        return {name: _each(now - before[name], requests) for name, now in self._spent(api).items()}


def _each(seconds: float, count: int) -> float:
    return round(seconds / max(1, count) * 1_000, 2)


def _load(averages: tuple[float, float, float]) -> list[float]:
    return [round(value, 2) for value in averages]


def _figures(found: LoadResult, **more: Any) -> dict[str, Any]:
    return {
        "answers": len(found.milliseconds),
        "per_second": round(len(found.milliseconds) / found.seconds, 1),
        "statuses": {str(status): count for status, count in sorted(found.statuses.items())},
        "milliseconds": {
            name: round(found.percentile(share), 2)
            for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))
        },
        "seconds": round(found.seconds, 2),
        **more,
    }
