"""`bench pages`: pages a second of one worker, and what a page takes, among a million consignments.

Consignments with whole histories (a simulated world) are tracked by people of the parties that opened them, with a million others beside
them in every table. People have signed in; each page passes access, access log, rendering and compression as in a deployment.
"""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

import httpx
import psycopg

from schemas.events.base import ObjectKind
from services.api.access import share_links
from services.arrival.store import projector
from services.ledger.registry import store
from services.ledger.storage import event_reader
from services.ledger.storage.session import Session, open_session
from services.pages.auth import sessions
from services.people.domain.person import Permission
from services.people.store import people
from services.query.views import read_view
from services.testbed.bench import founded, machine, portfolio, view_cost
from services.testbed.bench.bank_load import LoadResult, steady
from services.testbed.bench.line_film import LATENCY_MS, SLOW, chromium, painted
from services.testbed.bench.observation import cpu_seconds
from services.testbed.bench.portfolio import Cargo
from services.testbed.localstack.engine import GivenBroker, GivenDatabase, Servers
from services.testbed.localstack.pages import LocalPages
from services.testbed.localstack.platform import RunningPlatform
from services.testbed.localstack.process import StackError
from services.testbed.localstack.stack import LocalStack
from services.testbed.simulator.signed_messages import profiles

NETWORK: Final = "demo"
SEED: Final = 1
ISSUER: Final = "http://127.0.0.1:9"
"""An issuer that is never contacted: everybody has signed in already."""
CROSSING, WATCHER = "alashankou-dostyk", "cr"
SHARES: Final[Mapping[str, int]] = {
    "tracking": 30, "tracking_again": 30, "tracking_copied": 15, "share_link": 10, "search": 7, "search_exact": 3, "board": 3, "line": 2,
}  # fmt: skip
"""How many of a hundred pages of the mix are of which kind."""
MEANING: Final = {
    "pages": "answers a second of one worker process to so many connections, each asking as soon as it is answered; the load is made on the "
    "same machine",
    "mix": "how many of a hundred are of which kind: tracking (a consignment with a whole history, drawn at random), tracking_again (the same as a page "
    "that stays open reads it every minute: nothing has changed), tracking_copied (one "
    "of the million), share_link, search (half a number), search_exact (a whole one: a redirect), board (of a border), line (its picture)",
    "kinds": "the same one kind at a time over one connection: what a page takes where nobody else waits. server_ms is from the request to "
    "the last byte on this machine",
    "tracking_shown": "tracking, of consignments that the worker has shown before and nothing concerns since: shown as kept",
    "cpu_ms": "processor time of the worker and of the database for one page, whatever else the machine does",
    "bytes": "of a page as sent, compressed",
    "events": "events behind a tracked consignment, on average; the platform received all of them an hour ago, so that no page says what moved a forecast "
    "since the day before",
    "first_paint": f"a browser without anything in its cache, over {SLOW // 1_000} kB/s with {LATENCY_MS} ms each way of a request: "
    "first_contentful_paint_ms is when the first words stood there, bytes what it had received by the end, browser_ms how long the page kept the "
    "browser's main thread; null without Chromium",
    "film": "the data of the line's film of the last days, with all trains",
    "portfolio": "pages of a bank's financings, each pledged on a consignment with a whole history: one after the other, first by a process that has shown "
    "none, then again",
    "views": "what the view of a consignment with about 60 events behind it takes by itself, as `bench views` measures it",
    "counts": "the page of what a party published, with as many events as consignments in its period, without a cache of the browser: by a process that "
    "has counted none of them, again, and again each time something was stored since",
    "first": "the first page of each consignment that a fresh worker shows: nothing is kept in the process",
}

_LANGUAGE: Final = "zh-CN,zh;q=0.9,en;q=0.8"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Scale:
    """How large a measurement is. Durations are seconds."""

    consignments: int = 1_000_000
    trains: int = 12
    boxes: int = 50
    seconds: float = 20.0
    connections: int = 8
    financings: int = 500


class Tracked(NamedTuple):
    """A consignment to be asked for: its reference and the party that opened it."""

    reference: str
    party: str


def bench_pages(scale: Scale = Scale(), say: Say = lambda _line: None) -> dict[str, Any]:
    """Measure and return the report; starts and stops a database and pages of its own. Blocks for minutes."""
    began = time.monotonic()
    hardware = machine.hardware()
    with TemporaryDirectory(prefix="lianyun-pages-") as folder, LocalStack(kafka=False) as stack:
        environment = PagesEnvironment(stack.dsn, Path(folder), scale, say)
        with psycopg.connect(stack.database.admin_dsn, autocommit=True) as session:
            session.execute("CHECKPOINT")  # else one that the copying called for falls into a measurement
        run = _Measurements(environment, stack.database.process.pid, scale, say)
        first, kinds = run.kinds()
        return {
            "pages": run.mix(),
            "first_paint": run.first_paint(),
            "kinds": kinds,
            "first": first,
            "portfolio": run.portfolio(),
            "views": run.views(),
            "counts": run.counts(),
            "events": environment.events,
            "consignments": scale.consignments,
            "copied_seconds": round(environment.copied, 1),
            "mix": dict(SHARES),
            "hardware": hardware,
            "versions": machine.versions(stack.dsn, "none"),
            "postgres_settings": machine.postgres_settings(stack.dsn),
            "commit": machine.commit(),
            "meaning": MEANING,
            "simulated": True,
            "wall_seconds": round(time.monotonic() - began, 1),
        }


class PagesEnvironment:
    """A prepared database with people that have signed in and links that were made, and the pages over it."""

    def __init__(self, dsn: str, folder: Path, scale: Scale, say: Say = lambda _line: None) -> None:
        self.dsn, self._folder, self.scale = dsn, folder, scale
        self._again: list[tuple[Tracked, str]] = []
        self.sizes: dict[int, list[bytes]] = defaultdict(list)
        self.cargoes: list[Cargo] = []
        # An hour ago: a bank's status rests on what was known by now, a page compares with what was known a day before.
        received = time.time_ns() // 1_000_000 - 3_600_000
        view_cost.fill(dsn, view_cost.Scale(trains=scale.trains, boxes=scale.boxes), received)
        say("a simulated world stands")
        self.now = time.time_ns() // 1_000
        with open_session(dsn, "lianyun-bench") as session:
            session.autocommit = True
            projector.catch_up(session, 1_000_000)  # what forecasts rest on
        with open_session(dsn, "lianyun-bench") as session:
            self.tracked, self.events = self._world(session)
        self.copied = founded.copy(dsn, profiles(SEED, network=NETWORK), scale.consignments)
        say(f"{scale.consignments} consignments copied in {self.copied:.0f} s")
        with open_session(dsn, "lianyun-bench") as session:
            parties = {each.party for each in self.tracked} | {WATCHER, founded.SHIPPER}
            self.cookies = {party: self._signed_in(session, party) for party in sorted(parties)}
            self.links = [self._link(session, each) for each in self.tracked[:100]]
            session.commit()

    def _world(self, session: Session) -> tuple[list[Tracked], float]:
        """The consignments with a history, in a random order, and how many events stand behind one of them."""
        registry = store.read_snapshot(session)
        found, events = [], 0
        for head in event_reader.heads(session, limit=100_000):
            if head.movement is None:
                continue
            known = read_view(session, head.consignment, self.now, registry)
            assert known is not None
            size = len(known.sources.every)
            self.sizes[size].append(head.consignment)
            events += size
            found.append(Tracked(known.view.consignment.key, min(known.view.founders)))
            if (cargo := Cargo.of(known, registry)) is not None:
                self.cargoes.append(cargo)
        Random(SEED).shuffle(found)
        return found, round(events / max(1, len(found)), 1)

    def sign_in(self, code: str) -> None:
        """Somebody of that party has signed in from here on."""
        with open_session(self.dsn, "lianyun-bench") as session:
            self.cookies[code] = self._signed_in(session, code)
            session.commit()

    def _signed_in(self, session: Session, code: str) -> str:
        """The cookie of a person of that party."""
        party = store.read_snapshot(session).party(code)
        assert party is not None
        at = self.now - 1_000_000
        who = people.add(
            session, party, ISSUER, f"bench-{code}", "Bench", (), [*Permission], at=at, by="bench"
        )
        return f"lianyun-local={sessions.open_session(session, who, '', '', self.now)}"

    def _link(self, session: Session, shown: Tracked) -> str:
        """The path of a link to it."""
        (id_,) = event_reader.consignments_of(session, ObjectKind.CONSIGNMENT, shown.reference)
        _, token = share_links.make(
            session,
            consignment=id_,
            reference=shown.reference,
            party=shown.party,
            made_by="bench",
            fields=list(share_links.SHAREABLE),
            now=self.now,
            expires=self.now + 30 * share_links.DAY,
            label="",
        )
        return f"/s/{token}"

    @contextmanager
    def serving(self) -> Iterator[LocalPages]:
        """One process of the pages over the database, without limits for one address."""
        servers = Servers(GivenBroker("127.0.0.1:9"), GivenDatabase(self.dsn))
        plenty = "100000000"
        settings = {
            "LIANYUN_PAGES_RATE": plenty, "LIANYUN_PAGES_LINK_RATE": plenty, "LIANYUN_SIGNIN_ISSUER": ISSUER,
            "LIANYUN_SIGNIN_CLIENT": "bench", "LIANYUN_SIGNIN_CLIENT_SECRET": "bench",
            "LIANYUN_SIGNIN_IDLE": "43200",
        }  # fmt: skip
        with LocalPages(
            RunningPlatform(servers, NETWORK), self._folder / "logs", environment=settings
        ) as pages:
            yield pages

    def request(self, url: str, kind: str, random: Random) -> bytes:
        """One request of that kind as a browser sends it."""
        number = random.randrange(self.scale.consignments)
        match kind:
            case "tracking":
                shown = random.choice(self.tracked)
                return self._get(url, f"/track/{quote(shown.reference)}", shown.party)
            case "tracking_shown":
                shown, _ = random.choice(self.again(url))
                return self._get(url, f"/track/{quote(shown.reference)}", shown.party)
            case "tracking_again":
                shown, tag = random.choice(self.again(url))
                return self._get(url, f"/track/{quote(shown.reference)}", shown.party, tag)
            case "tracking_copied":
                path = f"/track/{founded.FORWARDER}/{founded.reference(number)}"
                return self._get(url, path, founded.SHIPPER)
            case "share_link":
                return self._get(url, random.choice(self.links), "")
            case "search":
                return self._get(url, f"/search?q={founded.reference(number)[:-1]}", founded.SHIPPER)
            case "search_exact":
                return self._get(url, f"/search?q={founded.box(number)}", founded.SHIPPER)
            case "board":
                return self._get(url, f"/console/board/{CROSSING}", WATCHER)
            case "film":
                return self._get(url, "/line/film", WATCHER)
        return self._get(url, "/line", "")

    def again(self, url: str) -> list[tuple[Tracked, str]]:
        """Some tracked consignments with the ETag of their page."""
        if not self._again:
            for shown in self.tracked[:200]:
                headers = {"cookie": self.cookies[shown.party], "accept-language": _LANGUAGE}
                answer = httpx.get(f"{url}/track/{quote(shown.reference)}", headers=headers, timeout=60)
                self._again.append((shown, answer.headers["etag"]))
        return self._again

    def _get(self, url: str, path: str, party: str, tag: str = "") -> bytes:
        lines = [
            f"GET {path} HTTP/1.1",
            f"host: {urlsplit(url).netloc}",
            "accept-encoding: gzip",
            f"accept-language: {_LANGUAGE}",
            *([f"if-none-match: {tag}"] if tag else []),
            *([f"cookie: {self.cookies[party]}"] if party else []),
        ]
        return "\r\n".join([*lines, "", ""]).encode()


@dataclass(frozen=True, slots=True)
class _Measurements:
    """The measurements, one by one."""

    environment: PagesEnvironment
    postmaster: int
    scale: Scale
    say: Say

    def kinds(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The first page of each consignment, and each kind by itself, over one connection."""
        each = self.scale.seconds / 4
        with self.environment.serving() as pages:
            every = self.environment.tracked[:500]
            queue = [self.environment._get(pages.url, f"/track/{quote(t.reference)}", t.party) for t in every]
            first = self._measured(pages, [queue], each)
            self.say(f"first: {first['server_ms']}")
            found = {}
            for kind in (*SHARES, "tracking_shown", "film"):
                random = Random(SEED)
                steady(pages.url, [self._queue(pages, kind, random, 50)], each)
                found[kind] = self._measured(
                    pages, [self._queue(pages, kind, random, int(each * 1_000))], each
                )
                self.say(f"{kind}: {found[kind]['server_ms']}, {found[kind]['cpu_ms']} ms of processor")
        return first, found

    def mix(self) -> dict[str, Any]:
        """All kinds together over many connections."""
        random = Random(SEED)
        with self.environment.serving() as pages:
            queues = [self._mixed(pages, random) for _ in range(self.scale.connections)]
            steady(pages.url, queues, self.scale.seconds / 2)  # caches and plans of sessions
            queues = [self._mixed(pages, random) for _ in range(self.scale.connections)]
            found = self._measured(pages, queues, self.scale.seconds)
        self.say(f"mix: {found['per_second']} pages/s; {found['cpu_ms']} ms of processor each")
        return {"connections": self.scale.connections, **found}

    def portfolio(self) -> dict[str, Any]:
        """The pages of a bank's portfolio one after the other, for the first time and again; the bank lends from here on."""
        environment = self.environment
        cargoes = environment.cargoes[: self.scale.financings]
        pledged = portfolio.pledge(environment.dsn, profiles(SEED, network=NETWORK), NETWORK, cargoes)
        environment.sign_in(portfolio.BANK)
        behind = ["", *(f"?after={portfolio.reference(number)}" for number in range(19, pledged, 20))]
        with environment.serving() as pages:
            queue = [
                environment._get(pages.url, f"/console/financings{each}", portfolio.BANK) for each in behind
            ]
            found = {
                name: self._measured(pages, [queue], 10 * self.scale.seconds) for name in ("first", "again")
            }
        self.say(f"portfolio of {pledged}: {found['first']['server_ms']}, {found['again']['server_ms']}")
        return {"financings": pledged, **found}

    def counts(self) -> dict[str, Any]:
        """Counts by day of a party whose every copied consignment was received on one day; something is stored between two looks."""
        environment, known = self.environment, profiles(SEED, network=NETWORK)
        if founded.FORWARDER not in environment.cookies:
            environment.sign_in(founded.FORWARDER)
        day = date.fromtimestamp(view_cost.APPENDED_MS // 1_000)
        path = f"/console/events?from={day}&to={day}"
        with environment.serving() as pages:
            request = environment._get(pages.url, path, founded.FORWARDER)
            found = {
                "first": self._measured(pages, [[request]], 60),
                "again": self._measured(pages, [[request] * 20], 60),
            }
            changed: list[float] = []
            for number in range(20):
                founded.store(environment.dsn, known, self.scale.consignments + number)
                changed += steady(pages.url, [[request]], 60).milliseconds
        after = _milliseconds(LoadResult(sorted(changed), Counter(), 0.0))
        self.say(
            f"counts by day: {found['first']['server_ms']}, {found['again']['server_ms']}, changed {after}"
        )
        return {**found, "changed": {"pages": len(changed), "server_ms": after}}

    def views(self) -> dict[str, Any]:
        """What a view with about 60 events behind it takes without a page around it."""
        with open_session(self.environment.dsn, "lianyun-bench") as session:
            found = view_cost.of_size(session, self.environment.sizes, 60, self.environment.now)
        self.say(f"views of {found['events']} events: cold {found['cold']}, first {found['first']}")
        return found

    def first_paint(self) -> dict[str, Any] | None:
        """When the first words of each page stand there, in a browser on a slow line; None without a browser."""
        shown = self.environment.tracked[0]
        paths = {
            "tracking": (f"/track/{quote(shown.reference)}", shown.party),
            "line": ("/line", ""),
            "board": (f"/console/board/{CROSSING}", WATCHER),
            "borders": ("/borders", ""),
        }
        try:
            browser = chromium()
        except StackError as problem:
            self.say(str(problem))
            return None
        with self.environment.serving() as pages:
            found = {
                name: painted(browser, pages.url, path, self.environment.cookies.get(party, ""))
                for name, (path, party) in paths.items()
            }
        self.say(f"first paint: {found}")
        return found

    def _queue(self, pages: LocalPages, kind: str, random: Random, count: int) -> list[bytes]:
        return [self.environment.request(pages.url, kind, random) for _ in range(count)]

    def _mixed(self, pages: LocalPages, random: Random) -> list[bytes]:
        count = int(self.scale.seconds * 500 / self.scale.connections)
        kinds = random.choices(list(SHARES), weights=list(SHARES.values()), k=count)
        return [self.environment.request(pages.url, kind, random) for kind in kinds]

    def _measured(
        self, pages: LocalPages, queues: Sequence[Sequence[bytes]], seconds: float
    ) -> dict[str, Any]:
        load, before = os.getloadavg(), self._spent(pages)
        found = steady(pages.url, queues, seconds)
        spent = self._spent(pages)
        count = max(1, len(found.milliseconds))
        return {
            "per_second": round(count / found.seconds, 1),
            "pages": count,
            "statuses": {str(status): number for status, number in sorted(found.statuses.items())},
            "server_ms": _milliseconds(found),
            "cpu_ms": {name: round((spent[name] - before[name]) / count * 1_000, 2) for name in spent},
            "bytes": round(sum(map(len, found.bodies)) / count),
            "load_before": [round(value, 2) for value in load],
        }

    def _spent(self, pages: LocalPages) -> dict[str, float]:
        return {
            "worker": cpu_seconds([pages.pid], with_children=True) or 0.0,
            "database": cpu_seconds([self.postmaster], with_children=True) or 0.0,
        }


def _milliseconds(found: LoadResult) -> dict[str, float]:
    return {
        name: round(found.percentile(share), 2)
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0))
    }
