"""`lianyun document`: transport documents through the API, each instruction signed with the party's own event key."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import httpx
import typer

from schemas.document_instruction import Instruction
from services.cli.bank import Client, Key, Url
from services.cli.bank_client import calling, got, pages
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson
from services.cli.output import out, print_json, print_table
from services.cli.settings import CliSettings
from services.documents.domain.document import Document
from services.producers import profile
from services.producers.profile import Profile, ProfileError

app = typer.Typer(
    no_args_is_help=True,
    help="Transport documents over consignments: draft, sign, issue, pass on, pledge and surrender the one original.",
)
Party = Annotated[
    str, typer.Option("--party", help="Who acts: the party whose profile signs (`lianyun key add`).")
]
DocumentId = Annotated[str, typer.Argument(help="The document's id, 32 hexadecimal digits.")]
To = Annotated[str, typer.Option("--to", help="The code of the party that receives it.")]
Paper = Annotated[str, typer.Option("--paper", help="The serial number of the paper original.")]
Request = Annotated[
    str, typer.Option("--request", help="Repeat an instruction: its request id of the first time.")
]


@app.command("list")
def listed(client: Client, key: Key, url: Url = "", as_json: AsJson = False) -> None:
    """List the documents that the party is named in, holds, receives or pledged."""
    with calling(url, client, key) as api:
        found = list(pages(api, "/v1/documents", {}))
    if as_json:
        print_json({"documents": found})
        return
    columns = ("document", "number", "form", "consignment", "status", "holder")
    rows = [
        (
            each["document"],
            each["number"],
            each["form"],
            each["consignment"],
            each["status"],
            (each["holding"] or {}).get("holder") or "",
        )
        for each in found
    ]
    print_table(columns, rows)


@app.command()
def draft(
    client: Client,
    key: Key,
    party: Party,
    file: Annotated[
        Path, typer.Argument(help="A JSON file: consignment, kind, form, basis, number, parties, fields.")
    ],
    show_only: Annotated[
        bool, typer.Option("--show", help="Show what would be drafted, and draft nothing.")
    ] = False,
    request: Request = "",
    url: Url = "",
    as_json: AsJson = False,
) -> None:
    """Build a document from what is shared about its consignment, and draft it as its issuer."""
    with calling(url, client, key) as api:
        found = got(api.post("/v1/document-proposals", json=_read(file))).json()
        if show_only:
            print_json(found) if as_json else _described(found)
            return
        _drafted(api, party, found["document"], found["body"], found["content"], request, as_json)


@app.command()
def revise(
    client: Client,
    key: Key,
    party: Party,
    document: DocumentId,
    file: Annotated[Path, typer.Argument(help="A JSON file with the fields that change.")],
    request: Request = "",
    url: Url = "",
    as_json: AsJson = False,
) -> None:
    """Draft the next version of an issued document as its issuer; all who must sign it sign it, then its holder puts it in force by `amend`."""
    with calling(url, client, key) as api:
        known = got(api.get(f"/v1/documents/{document}")).json()
        body = known["body"]
        body = {
            **body,
            "fields": {**body["fields"], **_read(file)},
            "version": body["version"] + 1,
            "previous": known["content"],
        }
        _drafted(api, party, document, body, _digest(body), request, as_json)


@app.command()
def sign(
    client: Client,
    key: Key,
    party: Party,
    document: DocumentId,
    content: Annotated[str, typer.Option(help="The digest of another version than the present one.")] = "",
    request: Request = "",
    url: Url = "",
    as_json: AsJson = False,
) -> None:
    """Sign a version of a document: its digest covers every field."""
    with calling(url, client, key) as api:
        known = got(api.get(f"/v1/documents/{document}")).json()
        _instructed(api, party, _version(known, content), "SIGN", request, as_json)


@app.command()
def amend(
    client: Client,
    key: Key,
    party: Party,
    document: DocumentId,
    content: Annotated[str, typer.Argument(help="The digest of the next version, as `show` lists it.")],
    request: Request = "",
    url: Url = "",
    as_json: AsJson = False,
) -> None:
    """Put the next version in force, as the holder."""
    with calling(url, client, key) as api:
        known = got(api.get(f"/v1/documents/{document}")).json()
        _instructed(api, party, _version(known, content), "AMEND", request, as_json, last=known["last"])


@app.command()
def show(document: DocumentId, client: Client, key: Key, url: Url = "", as_json: AsJson = False) -> None:
    """Show a document: what it is by law, what supports each field, who signed it, who holds the original."""
    with calling(url, client, key) as api:
        found = got(api.get(f"/v1/documents/{document}")).json()
    if as_json:
        print_json(found)
        return
    out.print(
        f"{found['number']} of {found['issuer']} over {found['consignment']}, {found['status']}", markup=False
    )
    for name in ("holding", "pending"):
        if (held := found[name]) is not None:
            where = held["holder"] or (held["medium"] if held["medium"] != "ELECTRONIC" else held["state"])
            pledged = f", pledged by {held['pledge']['pledgor']}" if held["pledge"] else ""
            word = "held by" if name == "holding" else "once cosigned, held by"
            out.print(f"{word} {where} since {held['since']}{pledged}; {held['state']}", markup=False)
    _described(found)
    for each in found["drafts"]:
        out.print(f"draft of version {each['version']}: {each['content']}", markup=False)


@app.command()
def history(document: DocumentId, client: Client, key: Key, url: Url = "", as_json: AsJson = False) -> None:
    """Show every decision on a document, with what was refused and why."""
    with calling(url, client, key) as api:
        found = got(api.get(f"/v1/documents/{document}/history")).json()["items"]
    if as_json:
        print_json({"decisions": found})
        return
    rows = [
        (
            each["at"],
            each["action"],
            each["by"],
            each["to"] or "",
            each["status"] or each["guard"] or each["outcome"],
        )
        for each in found
    ]
    print_table(("at", "action", "by", "to", "status"), rows)


def _act(
    api: httpx.Client,
    party: str,
    document: str,
    action: str,
    request: str,
    as_json: bool,
    to: str = "",
    paper: str = "",
) -> None:
    known = got(api.get(f"/v1/documents/{document}")).json()
    _instructed(
        api, party, _version(known, ""), action, request, as_json, last=known["last"], to=to, paper=paper
    )


def _receiving(action: str) -> Callable[..., None]:
    def act(
        client: Client, key: Key, party: Party, document: DocumentId, to: To,
        request: Request = "", url: Url = "", as_json: AsJson = False,
    ) -> None:  # fmt: skip
        with calling(url, client, key) as api:
            _act(api, party, document, action, request, as_json, to)

    return act


def _alone(action: str) -> Callable[..., None]:
    def act(
        client: Client, key: Key, party: Party, document: DocumentId,
        request: Request = "", url: Url = "", as_json: AsJson = False,
    ) -> None:  # fmt: skip
        with calling(url, client, key) as api:
            _act(api, party, document, action, request, as_json)

    return act


for _name, _make, _action, _help in (
    (
        "issue",
        _receiving,
        "ISSUE",
        "Issue the one original to its first holder, as the issuer, once all have signed.",
    ),
    ("transfer", _receiving, "TRANSFER", "Pass the original to somebody, as its holder."),
    (
        "endorse",
        _receiving,
        "ENDORSE",
        "Endorse a document to order and pass it, as its holder and endorsee.",
    ),
    ("blank-endorse", _alone, "BLANK_ENDORSE", "Endorse a document to order in blank; the holder stays."),
    ("pledge", _receiving, "PLEDGE", "Pledge the original in favour of a bank or an insurer, as its holder."),
    ("release", _alone, "RELEASE", "Give a pledged original back to who pledged it, as the pledgee."),
    (
        "surrender",
        _receiving,
        "SURRENDER_FOR_DELIVERY",
        "Surrender the original to its issuer or a carrier for the goods.",
    ),
    ("void", _alone, "VOID", "End an original, as the issuer that holds it."),
):
    app.command(_name, help=_help)(_make(_action))


@app.command()
def to_paper(
    client: Client,
    key: Key,
    party: Party,
    document: DocumentId,
    paper: Paper,
    request: Request = "",
    url: Url = "",
    as_json: AsJson = False,
) -> None:
    """Have the original printed, as its holder: from then on it is on paper alone."""
    with calling(url, client, key) as api:
        _act(api, party, document, "SWITCH_TO_PAPER", request, as_json, paper=paper)


@app.command()
def to_electronic(
    client: Client,
    key: Key,
    party: Party,
    document: DocumentId,
    to: To,
    paper: Paper,
    request: Request = "",
    url: Url = "",
    as_json: AsJson = False,
) -> None:
    """Take the paper original in, as the issuer, for whoever presented it."""
    with calling(url, client, key) as api:
        _act(api, party, document, "SWITCH_TO_ELECTRONIC", request, as_json, to, paper)


@app.command()
def transfer_out(
    client: Client,
    key: Key,
    party: Party,
    document: DocumentId,
    to: Annotated[str, typer.Option("--to", help="The other platform and its user there: WAVE/duisport.")],
    request: Request = "",
    url: Url = "",
    as_json: AsJson = False,
) -> None:
    """Send the original to a user of another platform, as its holder: from then on it is away."""
    with calling(url, client, key) as api:
        _act(api, party, document, "TRANSFER_OUT", request, as_json, paper=to)


def _drafted(
    api: httpx.Client,
    party: str,
    document: str,
    body: dict[str, Any],
    content: str,
    request: str,
    as_json: bool,
) -> None:
    instruction = _signed(party, document, "DRAFT", body["version"], content, request)
    answer = got(api.post("/v1/documents", json={"document": body, "instruction": instruction})).json()
    _decided(answer, as_json)


def _instructed(
    api: httpx.Client,
    party: str,
    version: tuple[str, int, str],
    action: str,
    request: str,
    as_json: bool,
    *,
    last: str = "",
    to: str = "",
    paper: str = "",
) -> None:
    document, number, content = version
    body = _signed(party, document, action, number, content, request, last, to, paper)
    _decided(got(api.post(f"/v1/documents/{document}/instructions", json=body)).json(), as_json)


def _signed(
    party: str,
    document: str,
    action: str,
    version: int,
    content: str,
    request: str,
    previous: str = "",
    to: str = "",
    paper: str = "",
) -> dict[str, Any]:
    own = _profile(party)
    ask = Instruction(
        own.network, party, document, action, version, content, request or uuid4().hex, previous, to, paper
    )
    return {
        "action": action,
        "version": version,
        "content": content,
        "request": ask.request,
        "previous": previous,
        "to": to,
        "paper": paper,
        "signature": ask.signed_by(own.key),
    }


def _profile(party: str) -> Profile:
    try:
        return profile.load(CliSettings().partners, party)
    except ProfileError as problem:
        raise Failure(Exit.USAGE, str(problem), "lianyun key add PARTY --new") from None


def _version(known: dict[str, Any], content: str) -> tuple[str, int, str]:
    """(document, version, digest) of the version with that digest, the present one without."""
    for each in (known, *known["drafts"]):
        if content in ("", each["content"]):
            return known["document"], each["version"], each["content"]
    raise Failure(
        Exit.NOT_FOUND, f"no version has the digest {content}", "lianyun document show lists the drafts"
    )


def _digest(body: dict[str, Any]) -> str:
    return Document.of_plain(body).digest


def _decided(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json({"decision": answer})
    else:
        where = f", {answer['status']}" if answer["status"] else ""
        out.print(f"{answer['action']} of {answer['document']}: {answer['outcome']}{where}", markup=False)
    if answer["outcome"] != "DONE":
        raise Failure(Exit.FAILED, answer["guard"], answer["satisfied_by"])


def _described(found: dict[str, Any]) -> None:
    out.print(found["legal"]["statement"], markup=False)
    rows = [
        (
            each["name"],
            each["value"] if not isinstance(each["value"], list) else ", ".join(each["value"]),
            each["support"],
            ", ".join(sorted({e["by"] for e in each["supported_by"]})),
            ", ".join(sorted({e["by"] for e in each["contradicted_by"]})),
        )
        for each in found["fields"]
    ]
    print_table(("field", "value", "signed events", "supported by", "contradicted by"), rows)
    signed = [
        (each["role"], each["party"], "yes" if each["signed"] else "NO") for each in found["signatures"]
    ]
    print_table(("role", "party", "signed"), signed)


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise Failure(Exit.USAGE, f"{file}: {problem}", "give a JSON file") from None
