"""`lianyun exchange`: documents to other platforms and back, by the operator of this one; and their export as evidence."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from pydantic import ValidationError

from services.api.exchange import serve as served
from services.api.settings import faults
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson, now
from services.cli.output import out, print_json, print_table
from services.documents.pint import store
from services.documents.pint.domain import open_attestation
from services.documents.pint.domain.register import Contradicted
from services.documents.pint.domain.signed_content import BadContent, signed
from services.documents.pint.exchange import Exchange, export, issuance_manifest, original
from services.documents.pint.registers import Unreachable, read_key
from services.documents.pint.sender import NotSent
from services.documents.pint.settings import APPLICATION, ExchangeSettings
from services.documents.pint.store import Platform, Transfer
from services.financing.store.keys import CODE, KeysMissing, read_keys
from services.ledger.storage.session import Session, open_session
from services.runtime.parent_process import end_with_parent
from services.telemetry.logs import configure

app = typer.Typer(
    help="Documents to other platforms and back: directory, sending, answering, export.", no_args_is_help=True
)
DocumentId = Annotated[str, typer.Argument(help="The document's id, 32 hexadecimal digits.")]
_KINDS = {
    ".pdf": "application/pdf",
    ".json": "application/json",
    ".png": "image/png",
    ".xml": "application/xml",
}


@app.callback()
def exchange() -> None:
    """Documents to other platforms and back: directory, sending, answering, export."""


@app.command()
def platforms(
    add: Annotated[
        Path | None, typer.Option(help="A JSON file to enter: code, name, url, register and keys (JWKs).")
    ] = None,
    own: Annotated[bool, typer.Option("--own", help="Print this platform's entry, for the others.")] = False,
    by: Annotated[str, typer.Option(help="Who enters it.")] = "operator",
    as_json: AsJson = False,
) -> None:
    """List the other platforms, and carriers, whose signatures count; enter one, or print this platform's own entry."""
    settings = ExchangeSettings()
    if own:
        mine = settings.identity().platform
        print_json(
            {
                "code": mine.code,
                "name": mine.name,
                "url": settings.exchange_url,
                "register": mine.register,
                "keys": list(mine.keys),
            }
        )
        return
    with _session(settings) as session:
        if add is not None:
            _entered(session, add, by, settings.identity().platform)
        found = [each for each in store.platforms(session) if each.code != settings.exchange_code]
    if as_json:
        print_json({"platforms": [_described(each) for each in found]})
        return
    rows = [(p.code, p.name, p.url, p.register, len(p.keys)) for p in found]
    print_table(("code", "name", "address", "register", "keys"), rows)


@app.command()
def send(
    document: DocumentId,
    to: Annotated[
        str, typer.Option(help="The platform and its user as the holder named them: WAVE/duisport.")
    ],
    issuance: Annotated[
        Path | None, typer.Option(help="The issuance manifest that the issuer signed; needed the first time.")
    ] = None,
    file: Annotated[list[Path] | None, typer.Option(help="A file that goes with it; again for more.")] = None,
    as_json: AsJson = False,
) -> None:
    """Send an original that its holder transferred out (TRANSFER_OUT), and have it answered; repeat it with `deliver`."""
    with _exchange() as (running, session):
        if original(session, document).out.paper != to:
            raise NotSent(f"its holder named {original(session, document).out.paper}, not {to}")
        files = [
            (each.name, _KINDS.get(each.suffix.lower(), "application/octet-stream"), each.read_bytes())
            for each in file or ()
        ]
        text = None if issuance is None else issuance.read_text(encoding="ascii").strip()
        transfer = running.send(session, document, text, files)
        _shown([(transfer, running.sender.deliver(session, transfer))], as_json)


@app.command()
def deliver(as_json: AsJson = False) -> None:
    """Have what was sent and is not answered yet answered."""
    with _exchange() as (running, session):
        _shown(running.deliver(session), as_json)


@app.command()
def recall(document: DocumentId) -> None:
    """Take back an original that is on its way; where the other platform was first, it stays there."""
    with _exchange() as (running, session):
        out.print(str(running.recall(session, document)))


@app.command()
def issuance(
    document: DocumentId,
    key: Annotated[
        Path, typer.Option(help="The issuer's Ed25519 key for documents, a JWK; made where there is none.")
    ],
    file: Annotated[Path, typer.Option(help="Where the signed manifest is written.")],
) -> None:
    """Sign a document's issuance manifest, as its issuer, before it leaves for the first time."""
    with _exchange() as (running, session):
        found = original(session, document)
        chain = found.register.chain
        if chain is None or not chain.transfers:
            raise NotSent("the document is not issued")
        named = running.party(session, chain.transfers[0].to)
        file.write_text(
            signed(issuance_manifest(found.document, named), read_key(key)) + "\n", encoding="ascii"
        )


@app.command()
def serve() -> None:
    """Answer other platforms (PINT 3.0.0, register of control) and repeat what is not answered, until Ctrl-C or SIGTERM."""
    end_with_parent(os.environ)
    try:
        settings = ExchangeSettings()
    except ValidationError as wrong:
        hint = "docs/guides/documents-exchange.md lists the settings"
        raise Failure(Exit.USAGE, faults(wrong), hint) from None
    configure(settings.log_format, settings.log_level)
    with _exchange() as (running, _):
        served(settings, running)


@app.command("export")
def exported(
    document: DocumentId,
    file: Annotated[Path, typer.Option(help="Where it is written.")],
    domain: Annotated[str, typer.Option(help="The domain by which this platform is known.")],
    without: Annotated[
        list[str] | None, typer.Option(help="A member to withhold: document.parties; again for more.")
    ] = None,
) -> None:
    """Write a document as OpenAttestation 2.0 (TradeTrust): evidence of what it says, not control of it."""
    settings = ExchangeSettings()
    with _exchange() as (_, session):
        found = original(session, document)
        secret = read_keys(settings.financing_keys).signer(settings.network).secret("open-attestation")
        legal = found.document.legal_statement(datetime.fromtimestamp(time.time(), UTC).date())
        made = export(found, legal, settings.exchange_code, domain, secret)
        file.write_bytes(
            orjson.dumps(open_attestation.withheld(made, without or ()), option=orjson.OPT_INDENT_2)
        )
    out.print(open_attestation.NOTICE, markup=False)


def _entered(session: Session, file: Path, by: str, own: Platform) -> None:
    """Enter the platform in the file, and this one where it is not entered as it is: `lianyun fsck` knows its key from there."""
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
        platform = Platform(
            given["code"], given["name"], given.get("url"), given.get("register"), tuple(given["keys"])
        )
        if platform.code == own.code:
            raise ValueError(f"{own.code} is this platform")
        if own not in store.platforms(session):
            store.put_platform(session, own, now(), by)
        store.put_platform(session, platform, now(), by)
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise Failure(
            Exit.USAGE, f"{file} is no entry of a platform: {fault}", "see platforms --own"
        ) from None


def _described(platform: Platform) -> dict[str, Any]:
    return {
        "code": platform.code,
        "name": platform.name,
        "url": platform.url,
        "register": platform.register,
        "keys": list(platform.keys),
    }


def _shown(found: list[tuple[Transfer, Any]], as_json: bool) -> None:
    rows = [
        {"entry": t.entry, "document": t.document, "platform": t.platform, "state": str(state)}
        for t, state in found
    ]
    if as_json:
        print_json({"transfers": rows})
        return
    print_table(("entry", "document", "platform", "state"), [tuple(row.values()) for row in rows])


@contextmanager
def _session(settings: ExchangeSettings) -> Iterator[Session]:
    with open_session(settings.dsn.get_secret_value(), APPLICATION) as session:
        session.autocommit = True
        yield session


@contextmanager
def _exchange() -> Iterator[tuple[Exchange, Session]]:
    settings = ExchangeSettings()
    try:
        signer = read_keys(settings.financing_keys).signer(settings.network)
        with _session(settings) as session, settings.exchange(signer, CODE) as running:
            yield running, session
    except KeysMissing as fault:
        raise Failure(Exit.FAILED, str(fault), "lianyun bank prepare") from None
    except (LookupError, ValueError) as fault:
        raise Failure(
            Exit.NOT_FOUND, f"there is no such document or member: {fault}", "give its id"
        ) from None
    except (NotSent, Contradicted, BadContent) as fault:
        raise Failure(Exit.FAILED, str(fault), "see docs/guides/documents-exchange.md") from None
    except Unreachable as fault:
        raise Failure(
            Exit.UNREACHABLE, str(fault), "nothing is lost: lianyun exchange deliver tries again"
        ) from None
