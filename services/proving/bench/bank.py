"""What a bank feels: the status of a consignment among a million, and check-and-reserve, both through the HTTP API."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx
import orjson
import psycopg
from joserfc.jwk import OKPKey

from services.api.client import ApiAuth
from services.api.clients import add_client
from services.localstack.platform import register
from services.localstack.ports import free_port
from services.localstack.stack import LocalStack
from services.processors.financing.store.opening import make_keys, prepare
from services.producers.profile import Profile
from services.proving import lending
from services.proving.bench import lent, machine
from services.proving.bench.asking import Answered, Prepared, paced, steady
from services.proving.bench.plans import plans
from services.registry import store
from services.simulator.signing import members, profiles
from services.storage.migrate import migrate

Say = Callable[[str], None]
NETWORK: Final = "demo"
SEED: Final = 1
CONNECTIONS: Final = 32
MEANING: Final = {
    "status": "GET /v1/financing-status by consignment, at a fixed rate whatever comes back; each answer is measured from "
    "when its request was due. Token, DPoP proof, permission, read and access log included",
    "reserve": "POST /v1/reservations, so many clients, each asking as soon as it is answered, each for cargoes of its own; "
    "links, applications and movements are read and derived, the decision is signed and committed with fsync",
    "copied": "financed consignments that stand in the database; what of each is copied says services/proving/bench/lent.py",
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
    """Measure both and return the report; starts and stops a database and an API of its own. Blocks for minutes."""
    began = time.monotonic()
    hardware = machine.hardware()
    with TemporaryDirectory(prefix="lianyun-bank-") as folder, LocalStack(kafka=False) as stack:
        ground = _Ground(stack.dsn, Path(folder))
        copied = lent.copy(stack.dsn, ground.profiles, scale.consignments)
        say(f"{copied.consignments} financed consignments copied in {copied.seconds:.0f} s")
        lent.publish(stack.dsn, ground.profiles, NETWORK, scale.cargoes)
        with psycopg.connect(stack.dsn, autocommit=True) as session:
            session.execute("VACUUM (ANALYZE)")
        say(f"{scale.cargoes} cargoes to be asked for")
        with ground.serving(1) as url:
            status = ground.status(url, scale)
            say(f"status: p99 {status.percentile(0.99):.1f} ms at {scale.rate:.0f}/s")
        with ground.serving(scale.workers) as url:
            reserved = ground.reserve(url, scale)
            say(f"reserve: {len(reserved.milliseconds) / reserved.seconds:.0f}/s")
        return {
            "status": _figures(status, rate_asked=scale.rate, api_workers=1),
            "reserve": _figures(
                reserved, clients=scale.clients, api_workers=scale.workers, outcomes=_outcomes(reserved)
            ),
            "copied": {"consignments": copied.consignments, "seconds": round(copied.seconds, 1)},
            "plans": plans(stack.dsn, lent.BANK, lent.name(scale.consignments // 2)),
            "hardware": hardware,
            "versions": machine.versions(stack.dsn, "none"),
            "postgres_settings": machine.postgres_settings(stack.dsn),
            "commit": machine.commit(),
            "meaning": MEANING,
            "simulated": True,
            "wall_seconds": round(time.monotonic() - began, 1),
        }


class _Ground:
    """A prepared database with a client of the bank, and the API over it."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.dsn, self._folder = dsn, folder
        migrate(dsn)
        known = profiles(SEED, network=NETWORK)
        second = lending.rival(SEED, NETWORK)
        register(dsn, [*members(known), lending.member(second)])
        self.profiles: dict[str, Profile] = {**known, lending.RIVAL.code: second}
        self._keys = folder / "financing-keys.json"
        self._key = OKPKey.generate_key("Ed25519")
        now = time.time_ns() // 1_000
        with psycopg.connect(dsn) as session:
            prepare(session, make_keys(self._keys), now, "bench")
            party = store.load(session).party(lent.BANK)
            assert party is not None
            public = self._key.as_dict(private=False)
            add_client(session, lent.BANK, party, jwk=public, at=now, by="bench")

    @contextmanager
    def serving(self, workers: int) -> Iterator[str]:
        """The API as processes of its own; its URL."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        environment = {
            **os.environ,
            "LIANYUN_DSN": self.dsn,
            "LIANYUN_NETWORK": NETWORK,
            "LIANYUN_API_PORT": str(port),
            "LIANYUN_API_WORKERS": str(workers),
            "LIANYUN_API_RATE": "100000000",
            "LIANYUN_API_AUTHORITY_KEY": str(self._folder / "authority.json"),
            "LIANYUN_FINANCING_KEYS": str(self._keys),
        }
        with (self._folder / f"api-{port}.log").open("wb") as log:
            command = [sys.executable, "-m", "services.cli", "api", "serve"]
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            try:
                _await(url, process, Path(log.name))
                yield url
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(30)

    def status(self, url: str, scale: Scale) -> Answered:
        """Questions for consignments drawn at random."""
        prepared = self._prepared(url)
        random = Random(SEED)

        def made(count: int) -> list[bytes]:
            drawn = (lent.name(random.randrange(scale.consignments)) for _ in range(count))
            return [
                prepared.request("GET", f"/v1/financing-status?kind=consignment&id={lending.FORWARDER}/{own}")
                for own in drawn
            ]

        paced(url, made(int(scale.rate)), scale.rate / 2, CONNECTIONS)  # caches and plans of sessions
        return paced(url, made(int(scale.rate * scale.seconds)), scale.rate, CONNECTIONS)

    def reserve(self, url: str, scale: Scale) -> Answered:
        """Reservations of cargoes, each client's own."""
        prepared = self._prepared(url)
        first = [
            [self._reservation(prepared, number) for number in range(client, scale.cargoes, scale.clients)]
            for client in range(scale.clients)
        ]
        warm = min(5, len(first[0]) // 10)
        steady(url, [own[:warm] for own in first], scale.seconds)
        return steady(url, [own[warm:] for own in first], scale.seconds)

    def _prepared(self, url: str) -> Prepared:
        return Prepared(url, ApiAuth(lent.BANK, self._key, url))

    @staticmethod
    def _reservation(prepared: Prepared, number: int) -> bytes:
        ask, on = lending.reservation(lent.BANK, number)
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
        return prepared.request("POST", "/v1/reservations", orjson.dumps(body), f"reserve-{number}")


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while True:
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"the API did not start: {log.read_text(errors='replace')[-2_000:]}")
        try:
            if httpx.get(f"{url}/health/ready").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)


def _figures(found: Answered, **more: Any) -> dict[str, Any]:
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


def _outcomes(found: Answered) -> dict[str, int]:
    return dict(Counter(str(orjson.loads(body).get("outcome", "none")) for body in found.bodies))
