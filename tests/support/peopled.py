"""Two worlds with people of every kind of party that look at them: a consignment with customs, pledge and consent, and a night at a border."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from services.cases.store import overview
from services.cases.store.overview import Wanted
from services.ledger.storage.session import open_session
from services.people.domain.person import Permission
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.api.cast import play as play_cast
from tests.support.cases.border_night import border_night
from tests.support.cases.border_night import play as play_night
from tests.support.console import RunningConsole
from tests.support.databases import migrated_database
from tests.support.documents_stored import play_documents

AT = border_night().as_of
FIRST = ("/", "/console", "/line", "/borders", "/search", "/links")
"""Where people begin: what they type, and what stands on the first page."""
CAST = {
    "optic": "shipper", "textil": "shipper", "ruhr": "consignee", "silk": "forwarder", "xaport": "operator", "cr": "railway",
    "dit": "terminal", "gacc": "customs", "depl": "customs", "abank": "bank", "bbank": "bank", "hull": "insurer",
    "stranger": "operator",
}  # fmt: skip
"""The parties of the first world with what they are; of each one person looks."""
TRACKED = ("/track/xaport/XA-1", "/track/xaport/XA-2", "/search?q=CSQU3054383", "/search?q=CSQU9999999")
NIGHT = {"cr": "alashankou-shift", "ktz": "dostyk-shift"}
NOBODY = ""


@dataclass(frozen=True)
class Look:
    """Somebody at a world: a name for messages, the console, who has signed in ("" for nobody), and first addresses."""

    name: str
    console: RunningConsole
    subject: str
    first: tuple[str, ...]

    def browser(self) -> httpx.Client:
        """Its browser."""
        return self.console.looking(self.subject) if self.subject else self.console.browser()


@contextmanager
def peopled(postgres: DatabaseAddress, folder: Path, name: str) -> Iterator[list[Look]]:
    """Everybody who looks, each at a running console of its world."""
    with ExitStack() as stack:
        worlds = {}
        for world, play in (("cast", play_cast), ("night", play_night)):
            dsn = migrated_database(postgres, f"{name}_{world}")
            play(dsn)
            if world == "cast":
                play_documents(dsn)
            (folder / world).mkdir()
            worlds[world] = stack.enter_context(RunningConsole(dsn, folder / world))
        cast, night = worlds["cast"], worlds["night"]
        looks = [
            Look(
                "nobody",
                cast,
                NOBODY,
                (*FIRST, *TRACKED, "/signed-out", "/sign-in/callback", "/nothing-here"),
            )
        ]
        for party, role in CAST.items():
            cast.person(party, f"{party}-person", ["desk"], [*Permission], name=f"Person of {party}")
            looks.append(Look(f"{party} ({role})", cast, f"{party}-person", (*FIRST, *TRACKED)))
        with open_session(night.dsn) as session:
            cases = [
                f"/console/cases/{each.id.hex()}"
                for each in overview.listed(session, Wanted(everything=True))[:2]
            ]
        board = f"/console/board/alashankou-dostyk?at={AT}"
        for party, team in NIGHT.items():
            night.person(party, f"{party}-person", [team], [*Permission], name=f"Person of {party}")
            first = (*FIRST, *cases, board, f"{board}&wall", f"/line?at={AT}")
            looks.append(Look(f"{party} at night", night, f"{party}-person", first))
        yield looks
