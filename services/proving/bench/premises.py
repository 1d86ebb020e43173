"""Where a bank is measured: a prepared database with a client of the bank, and the API over it as processes of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

import orjson
import psycopg
from joserfc.jwk import OKPKey

from services.api.auth.clients import add_client
from services.api.client import ApiAuth
from services.localstack.api import LocalApi
from services.localstack.engine import GivenBroker, GivenDatabase, Servers
from services.localstack.platform import RunningPlatform, register
from services.processors.financing.store.opening import make_keys, prepare
from services.producers.profile import Profile
from services.proving import lending
from services.proving.bench import lent
from services.proving.bench.asking import Prepared
from services.registry import store
from services.simulator.signing import members, profiles
from services.storage.migrate import migrate

NETWORK: Final = "demo"
SEED: Final = 1
NOWHERE: Final = "127.0.0.1:9"
"""A broker that nobody asks: no event is posted here."""


class Served(NamedTuple):
    """An API that answers: its URL, and the process (its workers are children of it)."""

    url: str
    pid: int


class Premises:
    """A prepared database with a client of the bank, and the API over it."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.dsn, self._folder = dsn, folder
        migrate(dsn)
        known = profiles(SEED, network=NETWORK)
        second = lending.rival(SEED, NETWORK)
        register(dsn, [*members(known), lending.member(second)])
        self.profiles: dict[str, Profile] = {**known, lending.RIVAL.code: second}
        self.keys = folder / "financing-keys.json"
        self._key = OKPKey.generate_key("Ed25519")
        now = time.time_ns() // 1_000
        with psycopg.connect(dsn) as session:
            prepare(session, make_keys(self.keys), NETWORK, now, "bench")
            party = store.load(session).party(lent.BANK)
            assert party is not None
            public = self._key.as_dict(private=False)
            add_client(session, lent.BANK, party, jwk=public, at=now, by="bench")

    @contextmanager
    def serving(self, workers: int, dsn: str = "") -> Iterator[Served]:
        """The API as processes of its own, over the database or over what stands before it at ``dsn``."""
        servers = Servers(GivenBroker(NOWHERE), GivenDatabase(dsn or self.dsn))
        environment = {"LIANYUN_API_WORKERS": str(workers), "LIANYUN_API_RATE": "100000000"}
        platform = RunningPlatform(servers, NETWORK)
        with LocalApi(platform, self._folder, self._folder / "logs", environment=environment) as api:
            yield Served(api.url, api.pid)

    def prepared(self, url: str) -> Prepared:
        """The bank's client of the API at ``url``, with its token."""
        return Prepared(url, ApiAuth(lent.BANK, self._key, url))


def questions(prepared: Prepared, consignments: int, count: int, random: Random) -> list[bytes]:
    """Requests for the status of copied consignments drawn at random."""
    return [
        prepared.request(
            "GET",
            f"/v1/financing-status?kind=consignment&id={lending.FORWARDER}/{lent.name(random.randrange(consignments))}",
        )
        for _ in range(count)
    ]


def reservations(prepared: Prepared, numbers: Sequence[int]) -> list[bytes]:
    """Requests that reserve the cargoes of these numbers."""
    return [_reservation(prepared, number) for number in numbers]


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
