"""`lianyun bank`: a bank's queries and requests through the API with its own client key, and the operator's key maintenance."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer

from services.cli.bank_client import (
    about,
    calling,
    facts,
    got,
    listed,
    money,
    pages,
    path_of,
    posted,
    show,
    steps,
)
from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson
from services.cli.output import out, print_json, print_table
from services.cli.settings import CliSettings
from services.financing.domain.fingerprints import NEWEST
from services.financing.store import fingerprint_versions
from services.financing.store.keys import KeysMissing, add_registry_key, make_keys, read_keys
from services.financing.store.keys import prepare as prepared

app = typer.Typer(
    no_args_is_help=True, help="What a bank asks and does: through the API, with the bank's own client key."
)
Url = Annotated[
    str,
    typer.Option(
        "--url", envvar="LIANYUN_API_URL", help="Where the API is; of the platform in this folder by default."
    ),
]
Client = Annotated[
    str, typer.Option("--client", envvar="LIANYUN_API_CLIENT", help="Its client id; often the bank's code.")
]
Key = Annotated[
    Path,
    typer.Option(
        "--key", envvar="LIANYUN_API_CLIENT_KEY", help="Its private key, a JWK as `party client add` makes."
    ),
]
Reference = Annotated[str, typer.Argument(help="The bank's own reference of the financing.")]
Reviewed = Annotated[
    int, typer.Option(help="The REVIEW of this step that two persons of the bank have looked at.")
]
Reviewers = Annotated[
    list[str] | None,
    typer.Option(
        help="With --reviewed, once for each of the two: the bank's reference of who looked; no names."
    ),
]
Again = Annotated[str, typer.Option("--idempotency-key", help="Repeat a request: the key of the first time.")]


@app.command()
def status(
    client: Client,
    key: Key,
    reference: Annotated[str, typer.Argument(help="The bank's own reference; or one of the options.")] = "",
    consignment: Annotated[str, typer.Option(help="founder/reference")] = "",
    container: Annotated[str, typer.Option(help="A container's number.")] = "",
    note: Annotated[str, typer.Option(help="SMGS/CN/XAY/100001/2026")] = "",
    application: Annotated[str, typer.Option(help="With one of those: is its interest taken?")] = "",
    as_of: Annotated[str, typer.Option(help="As of that moment (RFC 3339).")] = "",
    known_at: Annotated[str, typer.Option(help="As it was known then.")] = "",
    signed: Annotated[bool, typer.Option("--signed", help="Print the answer as a JWS, to be filed.")] = False,
    url: Url = "",
    as_json: AsJson = False,
) -> None:
    """Show where a financing stands, or the bank's financings of a consignment, container or note."""
    things = [
        (kind, id_)
        for kind, id_ in (("consignment", consignment), ("container", container), ("note", note))
        if id_
    ]
    if bool(reference) + len(things) != 1:
        raise Failure(Exit.USAGE, "name one financing or one thing", "lianyun bank status --help")
    with calling(url, client, key) as api:
        if reference:
            query = {"as_of": as_of, "known_at": known_at, "signed": "true" if signed else ""}
            answer = got(api.get(path_of(reference), params={k: v for k, v in query.items() if v}))
            if signed:
                out.print(answer.text, markup=False)
                return
            found = answer.json()
            print_json({"financing": found}) if as_json else show(found)
            return
        ((kind, id_),) = things
        params = {"kind": kind, "id": id_, **({"application": application} if application else {})}
        found = got(api.get("/v1/financing-status", params=params)).json()
    if as_json:
        print_json({"status": found})
        return
    listed(found["financings"])
    if found["interest_taken"] is not None:
        out.print(
            f"the interest of {application} is {'taken' if found['interest_taken'] else 'free'}", markup=False
        )
    out.print(found["limits"], markup=False)


@app.command()
def check(
    client: Client,
    key: Key,
    papers: Annotated[
        Path, typer.Argument(help="A JSON file: application, product, interest, consignments, invoice.")
    ],
    url: Url = "",
    as_json: AsJson = False,
) -> None:
    """Hold an invoice against what the parties of its goods say. Nothing is reserved; `bank reserve` checks and reserves."""
    with calling(url, client, key) as api:
        found = got(api.post("/v1/corroborations", json=_read(papers))).json()
    if as_json:
        print_json(found)
        return
    rows = [
        (
            each["by"],
            "yes" if each["engaged"] else "no",
            ", ".join(k for k, ok in each["agrees"].items() if not ok) or "nothing",
        )
        for each in found["invoice"]["stated"]
    ]
    print_table(
        ("stated by", "party of the cargo", "differs in"), rows, f"invoice {found['invoice']['number']}"
    )
    facts(found["goods"])


@app.command()
def reserve(
    client: Client,
    key: Key,
    papers: Annotated[Path, typer.Argument(help="A JSON file as POST /v1/reservations takes it.")],
    reviewed: Reviewed = 0,
    reviewers: Reviewers = None,
    again: Again = "",
    url: Url = "",
    as_json: AsJson = False,
) -> None:
    """Check and reserve an interest in one step. Exit 1 where it is refused or has to be looked at."""
    body = {**_read(papers), **_review(reviewed, reviewers)}
    _decided(url, client, key, "/v1/reservations", body, again, as_json)


@app.command("do")
def transition(
    client: Client,
    key: Key,
    action: Annotated[str, typer.Argument(help="pledge, draw, release, cancel or substitute")],
    reference: Reference,
    amount: Annotated[
        str,
        typer.Option(
            help='For draw: minor units and currency, "100000 CNY". For release: what the part given back is worth.'
        ),
    ] = "",
    goods: Annotated[
        list[str] | None,
        typer.Option(
            help='For release of a part: "container MSCU0000007", or a note, declaration, consignment.'
        ),
    ] = None,
    replaces: Annotated[str, typer.Option(help="For substitute: the financing that is replaced.")] = "",
    waive: Annotated[
        str,
        typer.Option(
            help="For release while something is owed: OTHER_SECURITY, RESTRUCTURED, SETTLED_ELSEWHERE or OTHER."
        ),
    ] = "",
    reviewed: Reviewed = 0,
    reviewers: Reviewers = None,
    again: Again = "",
    url: Url = "",
    as_json: AsJson = False,
) -> None:
    """Ask for a step of a financing. Exit 1 where a guard refuses it, or asks for a review."""
    body: dict[str, Any] | None = None
    if action == "draw":
        body = {"amount": _amount(amount)}
    elif action == "substitute":
        body = {"replaces": replaces}
    elif action == "release":
        body = {"waiver": {"grounds": waive}} if waive else {}
        if goods:
            parts = (each.partition(" ") for each in goods)
            body["goods"] = [{"kind": kind, "id": id_.strip()} for kind, _, id_ in parts]
        if amount:
            body["amount"] = _amount(amount)
        body = body or None
    elif action not in ("pledge", "cancel"):
        raise Failure(
            Exit.USAGE, f"there is no step {action!r}", "pledge, draw, release, cancel or substitute"
        )
    if action in ("pledge", "draw", "substitute"):
        body = {**(body or {}), **_review(reviewed, reviewers)} or None
    _decided(url, client, key, f"{path_of(reference)}/{action}", body, again, as_json)


def _review(reviewed: int, reviewers: list[str] | None) -> dict[str, Any]:
    return {"reviewed": reviewed, "reviewers": reviewers or []} if reviewed else {}


def _amount(text: str) -> dict[str, Any]:
    minor, _, currency = text.partition(" ")
    if not minor.isdigit():
        raise Failure(Exit.USAGE, "--amount is missing or malformed", 'write it like --amount "100000 CNY"')
    return {"minor_units": int(minor), "currency_code": currency}


@app.command()
def portfolio(
    client: Client,
    key: Key,
    only_open: Annotated[bool, typer.Option("--open", help="Without those that have ended.")] = False,
    url: Url = "",
    as_json: AsJson = False,
) -> None:
    """List the bank's financings."""
    with calling(url, client, key) as api:
        found = list(pages(api, "/v1/financings", {"open": str(only_open).lower(), "limit": "200"}))
    print_json({"financings": found}) if as_json else listed(found)


@app.command()
def alerts(
    client: Client,
    key: Key,
    reference: Annotated[str, typer.Argument(help="One financing; all that are open by default.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Also what was acknowledged.")] = False,
    url: Url = "",
    as_json: AsJson = False,
) -> None:
    """List what has to be looked at. Exit 3 where something is not acknowledged."""
    with calling(url, client, key) as api:
        if reference:
            found = got(api.get(f"{path_of(reference)}/alerts")).json()["items"]
        else:
            found = list(pages(api, "/v1/alerts", {"unacknowledged": str(not every).lower()}))
    shown = [each for each in found if every or not each["acknowledged"]]
    if as_json:
        print_json({"alerts": shown})
    else:
        rows = [
            (
                a["id"],
                a["financing"],
                a["covenant"],
                about(a),
                a["since"],
                "yes" if a["acknowledged"] else "",
            )
            for a in shown
        ]
        print_table(("alert", "financing", "covenant", "about", "since", "acknowledged"), rows)
    if any(not each["acknowledged"] for each in shown):
        raise typer.Exit(Exit.FINDINGS)


@app.command()
def ack(
    client: Client,
    key: Key,
    reference: Reference,
    alert: Annotated[str, typer.Argument(help="The alert's id, 32 digits.")],
    remark: Annotated[str, typer.Option(help="What the bank remarks on it.")] = "",
    url: Url = "",
) -> None:
    """Say that the bank has seen an alert and answers for what follows."""
    with calling(url, client, key) as api:
        got(posted(api, f"{path_of(reference)}/alerts/{alert}/acknowledgement", {"remark": remark}, ""))
    out.print(f"acknowledged {alert}", markup=False)


@app.command()
def history(client: Client, key: Key, reference: Reference, url: Url = "", as_json: AsJson = False) -> None:
    """Show what happened to a financing: decisions by number, facts by event."""
    with calling(url, client, key) as api:
        found = got(api.get(f"{path_of(reference)}/history")).json()
    print_json(found) if as_json else steps(found["items"])


@app.command()
def answer(client: Client, key: Key, reference: Reference, url: Url = "", as_json: AsJson = False) -> None:
    """Answer the ten questions of a lender on a financing, each with who says so."""
    with calling(url, client, key) as api:
        found = got(api.get(f"{path_of(reference)}/answers")).json()
    if as_json:
        print_json(found)
        return
    for each in found["answers"]:
        sources = f"  (said by {', '.join(each['said_by'])})" if each["said_by"] else ""
        value = "unknown" if each["value"] is None else json.dumps(each["value"], ensure_ascii=False)
        out.print(f"{each['number']}. {each['question']}{sources}", markup=False)
        out.print(f"   {value[:600]}", markup=False)


def _decided(url: str, client: str, key: Path, path: str, body: Any, again: str, as_json: bool) -> None:
    used = again or uuid4().hex
    with calling(url, client, key) as api:
        found = got(posted(api, path, body, used)).json()
    if as_json:
        print_json({**found, "idempotency_key": used})
    else:
        words = [found["outcome"], found["financing"], f"decision {found['number']}"]
        out.print("  ".join(filter(None, words)), markup=False)
        if found["guard"]:
            out.print(f"{found['guard']}: satisfied by: {found['satisfied_by']}", markup=False)
        for each in found.get("resembles", ()):
            alike = ", ".join(each["features"]) or "the same"
            out.print(
                f"alike ({each['kind']}, {each['points']} points, {each['deals']}): {alike}", markup=False
            )
        if found.get("goods"):
            named = ", ".join(f"{each['kind']} {each['id']}" for each in found["goods"])
            out.print(f"given back: {named}, worth {money(found['amount'])}", markup=False)
        if found.get("waiver"):
            out.print(f"waived ({found['waiver']['grounds']}): {money(found['amount'])}", markup=False)
        if found["until"]:
            out.print(f"until {found['until']}", markup=False)
        out.print(f"{found['limits']} Repeat with --idempotency-key {used}", markup=False)
    if found["outcome"] != "DONE":
        raise typer.Exit(Exit.FAILED)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise Failure(Exit.USAGE, f"{path}: {problem}", "docs/guides/financing.md shows one") from None


__all__ = ["app"]
Keys = Annotated[
    Path,
    typer.Option(
        "--keys", envvar="LIANYUN_FINANCING_KEYS", help="The file of the platform's keys of financing."
    ),
]
DEFAULT = Path(".lianyun") / "financing-keys.json"


@app.command()
def prepare(
    keys: Keys = DEFAULT,
    hsm: Annotated[
        tuple[str, str, str] | None,
        typer.Option(
            help="Sign by a key that is in a module and stays there: PKCS#11 library, token, label. The PIN is LIANYUN_HSM_PIN.",
            metavar="MODULE TOKEN LABEL",
        ),
    ] = None,
) -> None:
    """Make the platform's keys where there are none, register them, and open the registry of fingerprints. (Operators.)"""
    try:
        held = make_keys(keys, hsm)
    except (KeysMissing, OSError) as problem:
        raise Failure(Exit.FAILED, str(problem), "lianyun bank prepare --keys FILE") from None
    settings = CliSettings()
    with session(settings) as connection:
        done = prepared(connection, held, settings.network, time.time_ns() // 1_000, "operator")
        connection.commit()
    for line in done or ["nothing was to be done"]:
        out.print(line, markup=False)


@app.command("rotate-key")
def rotate_key(
    keys: Keys = DEFAULT,
    begin: Annotated[
        bool,
        typer.Option("--begin", help="Second step: write fingerprints under the newest key of the file."),
    ] = False,
    close: Annotated[
        int, typer.Option(help="Third step: write nothing more under this version; it is still looked at.")
    ] = 0,
) -> None:
    """Rotate the registry key of fingerprints in three steps. (Operators.)

    First without an option: a key is added to the file; give it to every process that decides and start each again, for
    a process without a key that counts decides nothing. Then --begin, then --close N with the number of the old version.
    """
    if close:
        with session(CliSettings()) as connection:
            if not fingerprint_versions.close(connection, close):
                raise Failure(
                    Exit.NOT_FOUND, f"version {close} is not open", "see the table lianyun.financing_version"
                )
        out.print(f"closed version {close}; it is looked at until its last entry is freed", markup=False)
        return
    try:
        held = read_keys(keys) if begin else add_registry_key(keys)
    except (KeysMissing, OSError) as problem:
        raise Failure(Exit.FAILED, str(problem), "lianyun bank prepare") from None
    if not begin:
        out.print(f"{keys} holds {len(held.registry_keys)} registry keys; start the API again", markup=False)
        return
    with session(CliSettings()) as connection:
        number = fingerprint_versions.begin(connection, held.registry_keys[-1], NEWEST)
    out.print(f"began version {number} of the fingerprints", markup=False)
