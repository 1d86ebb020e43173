"""Receipts and bundles: written from the log, with less in them, and verified without the platform."""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import orjson
import typer
from pydantic import Field, SecretStr

from schemas.envelope import event_id
from services.cli.database import dsn_of
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson, now
from services.cli.output import iso, out, print_json
from services.cli.settings import CliSettings
from services.financing.store.keys import KeysMissing, read_keys
from services.ledger.registry import store as registry_store
from services.ledger.storage.session import Session, open_session
from services.transparency.domain.bundle import FORMAT, Bundle, Verified
from services.transparency.domain.claims import NOT_PROVEN, NotShown
from services.transparency.domain.cose import cose_receipt
from services.transparency.domain.encoding import Malformed
from services.transparency.domain.entry import Entry
from services.transparency.domain.note import BadSignature
from services.transparency.domain.policy import Policy, Trusted
from services.transparency.domain.receipt import Proven, Receipt
from services.transparency.domain.tlog_proof import NotIncluded
from services.transparency.key_file import read_key
from services.transparency.settings import VERIFY_PAGE, TransparencySettings
from services.transparency.store import bundles, log
from services.transparency.store.receipts import NoReceipt, file_of, receipt_of_event

_WHAT = """SOURCE ID (or: event SOURCE ID) of an event; handover BOX [PLACE]; decision NUMBER; pledge BANK/REFERENCE; credit NUMBER \
[SIGNAL] of a record that was given."""
_PolicyFile = Annotated[
    Path,
    typer.Option(
        "--policy",
        help="The log and the witnesses that you trust, and how many of them (C2SP tlog-policy).",
    ),
]
_To = Annotated[Path | None, typer.Option(help="The file to write; without it, standard output.")]


SettingsT = TypeVar("SettingsT", bound=TransparencySettings)


class ReceiptSettings(TransparencySettings):
    """Settings of commands that write receipts."""

    financing_keys: Path = Field(
        Path(".lianyun") / "financing-keys.json",
        description="keys by which the platform signs answers (`lianyun bank prepare`)",
    )


def receipt(
    what: Annotated[list[str], typer.Argument(help=_WHAT)],
    withheld: Annotated[
        bool,
        typer.Option(
            "--withheld", help="No statement in it: the platform's signed answer, and the entries alone."
        ),
    ] = False,
    cose: Annotated[
        bool,
        typer.Option(
            "--cose",
            help="An event's as a COSE receipt (RFC 9942), signed now by the log's key, which has to be here; the entry it is over stands"
            " beside it in a file of that name and .entry.",
        ),
    ] = False,
    to: _To = None,
) -> None:
    """Write the receipt of an event, or a bundle of what people need; `lianyun verify` checks it without this platform."""
    settings = configured(ReceiptSettings)
    with log_session(settings) as connection, connection.transaction():
        try:
            match what:
                case ["event", source, id_] | [source, id_] if source not in _BUNDLES:
                    found = receipt_of_event(connection, settings.network, event_id(source, id_))
                    if cose:
                        _write_cose(settings, found, to)
                        return
                    policy = settings.policy()
                    raw = file_of([each if policy is None else each.under(policy) for each in found])
                case [kind, *_] if cose:
                    raise Failure(Exit.USAGE, f"a COSE receipt is of an event, not of a {kind}", _WHAT)
                case [kind, first, *more] if kind in _BUNDLES and len(more) <= 1:
                    made = _BUNDLES[kind](connection, _issuer(settings, connection, withheld), first, more)
                    raw = file_of([made])
                case _:
                    raise Failure(Exit.USAGE, "that names nothing that has a receipt", _WHAT)
        except (NoReceipt, log.NoLog) as problem:
            raise Failure(Exit.NOT_FOUND, str(problem), "see lianyun transparency show") from None
    _write(raw, to)


def withhold(
    file: Annotated[Path, typer.Argument(help="A bundle.")],
    policy: _PolicyFile,
    field: Annotated[list[str] | None, typer.Option(help="A field of the platform's answer.")] = None,
    entry: Annotated[
        list[int] | None, typer.Option(help="The number of an entry whose document is left out.")
    ] = None,
    to: _To = None,
) -> None:
    """Leave fields and documents out of a bundle that you hand on; the rest still verifies, or nothing is written."""
    try:
        held = Bundle.of_json(orjson.loads(file.read_bytes()))
        less = held.withholding(entry or (), field or (), policy_of(policy))
    except OSError as problem:
        raise Failure(Exit.USAGE, str(problem), "name a file that can be read") from None
    except (Malformed, ValueError, NotIncluded, BadSignature, NotShown) as problem:
        raise Failure(
            Exit.FINDINGS, str(problem), "leave less out; lianyun verify FILE says what it holds"
        ) from None
    _write(file_of([less]), to)


def verify(
    file: Annotated[Path, typer.Argument(help="A receipt or a bundle.")],
    policy: _PolicyFile,
    as_json: AsJson = False,
) -> None:
    """Verify a receipt or bundle offline: that the log holds it, that the witnesses of the policy saw it, and what it says."""
    trust = policy_of(policy)
    try:
        found = orjson.loads(file.read_bytes())
        started = time.perf_counter()
        proven = [_verified(each, trust) for each in (found if isinstance(found, list) else [found])]
        took = (time.perf_counter() - started) * 1e3 / max(1, len(proven))
    except OSError as problem:
        raise Failure(Exit.USAGE, str(problem), "name a file that can be read") from None
    except (Malformed, ValueError, NotIncluded, BadSignature, NotShown) as problem:
        raise Failure(
            Exit.FINDINGS,
            f"not proven: {problem}",
            "ask for the receipt again; if it stays so, ask a witness for its last checkpoint",
        ) from None
    shown = [_shown(each) for each in proven]
    if as_json:
        print_json({"receipts": shown, "ms": round(took, 3)})
        return
    for each in shown:
        for name, value in each.items():
            text = "; ".join(map(str, value)) if isinstance(value, list) else value
            out.print(f"{name:16}{text}", markup=False)
    out.print(f"proven in {took:.2f} ms each", markup=False)


def page(
    policy: _PolicyFile,
    to: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("verify.html"),
) -> None:
    """Write the page that verifies receipts in a browser, offline, with your policy in it: one file, for a USB stick."""
    policy_of(policy)
    text = VERIFY_PAGE.read_text("utf-8")
    before, mark, after = text.partition('<textarea id="policy" spellcheck="false">')
    to.write_text(before + mark + html.escape(policy.read_text("utf-8")) + after, "utf-8")


def _verified(found: object, trust: Policy) -> Proven | Verified:
    if isinstance(found, dict) and found.get("format") == FORMAT:
        return Bundle.of_json(found).verified(trust)
    return Receipt.of_json(found).verified(trust)


def _shown(proven: Proven | Verified) -> dict[str, Any]:
    if isinstance(proven, Proven):
        document = proven.document
        return {
            "proven": str(document.kind),
            "place": document.place,
            "key": document.key,
            "accepted": iso(document.at),
            "entry": proven.entry,
            **_trusted(proven.trusted),
        }
    return {
        "proven": str(proven.claim.kind),
        "statement": proven.statement,
        "claim": proven.claim.about,
        "parts": proven.parts,
        "withheld": proven.withheld,
        **_trusted(proven.trusted),
        "policy": "yours, and the one that is in the file"
        if proven.same_policy
        else "yours; the file names another",
        "not_proven": list(NOT_PROVEN[proven.claim.kind]),
    }


def _trusted(trusted: Trusted) -> dict[str, Any]:
    return {
        "log": f"{trusted.checkpoint.origin}, {trusted.checkpoint.size} entries",
        "witnesses": sorted(trusted.witnesses),
        "public_by": iso(trusted.since * 1_000_000) if trusted.witnesses else "no witness",
    }


def policy_of(path: Path) -> Policy:
    """The policy in a file; a failure that says what one is where it is none."""
    try:
        return Policy.parse(path.read_bytes())
    except (OSError, Malformed) as problem:
        raise Failure(Exit.USAGE, str(problem), "docs/guides/transparency.md says what a policy is") from None


def configured(kind: type[SettingsT]) -> SettingsT:
    """Settings of the environment, with the addresses of a platform that runs in this folder."""
    here = CliSettings()
    policy = here.transparency_policy
    return kind(dsn=SecretStr(dsn_of(here)), network=here.network, transparency_policy=policy)


def log_session(settings: TransparencySettings) -> Session:
    """A session on the database of the log, that commits by itself."""
    opened = open_session(settings.dsn.get_secret_value(), "lianyun-command")
    opened.autocommit = True
    return opened


def _policy_file(settings: TransparencySettings) -> Path:
    if settings.transparency_policy is None:
        raise NoReceipt("no witnesses are asked here: LIANYUN_TRANSPARENCY_POLICY is not set")
    return settings.transparency_policy


def _issuer(settings: ReceiptSettings, connection: Session, withheld: bool) -> bundles.Issuer:
    file = _policy_file(settings)
    policy_of(file)
    try:
        signer = read_keys(settings.financing_keys).signer(settings.network)
    except KeysMissing as problem:
        raise Failure(Exit.USAGE, str(problem), "set LIANYUN_FINANCING_KEYS") from None
    registry = registry_store.read_snapshot(connection)
    return bundles.Issuer(signer, registry, file.read_text("utf-8"), withheld)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise Failure(Exit.USAGE, f"{text!r} is no number", _WHAT)
    return int(text)


_Make = Callable[[Session, bundles.Issuer, str, list[str]], Bundle]
_BUNDLES: dict[str, _Make] = {
    "handover": lambda session, issuer, box, more: bundles.handover_bundle(
        session,
        issuer,
        box,
        bundles.handovers_of_box(session, issuer.registry, box, more[0] if more else "", now()),
    ),
    "decision": lambda session, issuer, number, _: bundles.decision_bundle(
        session, issuer, bundles.decision_of(session, _number(number))
    ),
    "pledge": lambda session, issuer, financing, _: bundles.pledge_bundle(session, issuer, financing),
    "credit": lambda session, issuer, number, more: bundles.credit_bundle(
        session, issuer, _number(number), more[0] if more else None
    ),
}


def _write_cose(settings: TransparencySettings, found: Sequence[Receipt], to: Path | None) -> None:
    if to is None:
        raise Failure(Exit.USAGE, "a COSE receipt is two files, not text", "name the first with --to")
    if len(found) > 1:
        raise NoReceipt("several contents were accepted under this id, and a COSE receipt is of one")
    policy = policy_of(_policy_file(settings))
    entry = Entry.of(found[0].document).raw
    try:
        raw = cose_receipt(entry, found[0].proof, policy, read_key(settings.transparency_key))
    except (BadSignature, NotIncluded) as problem:
        raise Failure(
            Exit.FINDINGS, f"nothing was signed: {problem}", "docs/guides/transparency.md"
        ) from None
    except (OSError, ValueError) as problem:
        raise Failure(
            Exit.USAGE,
            f"nothing was signed: {problem}",
            "run it where the log's key is (LIANYUN_TRANSPARENCY_KEY), under a policy that can be read",
        ) from None
    to.write_bytes(raw)
    to.with_name(f"{to.name}.entry").write_bytes(entry)


def _write(raw: bytes, to: Path | None) -> None:
    if to is None:
        typer.echo(raw.decode(), nl=False)
    else:
        to.write_bytes(raw)
