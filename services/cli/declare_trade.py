"""`lianyun declare state`, `lodge`, `show` and `statuses`: a trade's data and what was declared from them, published; and what the platform holds of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from schemas.reasons import Refusal
from services.cli.bank import Client, Key, Url
from services.cli.bank_client import calling, got
from services.cli.declare_step import InLanguage, show_statuses
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson, micros
from services.cli.output import out, print_json, print_table
from services.cli.publish import Patience, profile_of, sent
from services.cli.settings import CliSettings
from services.producers import file_reader
from services.producers.formats.native_lines import line_of
from services.producers.profile import Profile
from services.producers.unsigned_event import concealing
from services.trade.domain.filing import LineLink
from services.trade.domain.in_step_words import step_words
from services.trade.domain.paper import Kind, Paper
from services.trade.formats import read_papers
from services.trade.formats.dataset import read, statement_of
from services.trade.formats.declared import lodging_of

Consignments = Annotated[
    list[str] | None, typer.Option("--consignment", help="What the goods travel in: party/reference.")
]
Notes = Annotated[
    list[str] | None, typer.Option("--note", help="SMGS|CIM|CIMSMGS/country/station/number/year.")
]
Bookings = Annotated[list[str] | None, typer.Option("--booking", help="party/number.")]


def state(
    file: Annotated[
        Path,
        typer.Argument(help="A version of the trade's data as JSON.", exists=True, dir_okay=False),
    ],
    party: Annotated[str, typer.Option("--as", help="The partner whose profile signs the event.")],
    made: Annotated[str, typer.Option("--made", help="When the version was made (RFC 3339).")],
    owner: Annotated[
        str, typer.Option("--owner", help="Whose trade it is, where a forwarder states it for a shipper.")
    ] = "",
    consignments: Consignments = None,
    notes: Notes = None,
    bookings: Bookings = None,
    patience: Patience = 120.0,
    as_json: AsJson = False,
) -> None:
    """Sign and publish a version of a trade's data; repeating it repeats nothing. Its boxes and notes are what it is found by."""
    settings = CliSettings()
    who = profile_of(settings, party)
    day = _day_of(made)
    named = [
        *(("consignment", each) for each in consignments or ()),
        *(("note", each) for each in notes or ()),
        *(("booking", each) for each in bookings or ()),
    ]
    line = _line(file, day, owner, named, made, who)
    publish_line(settings, who, str(file), line, patience, as_json)


def publish_line(
    settings: CliSettings, who: Profile, name: str, line: bytes, patience: float, as_json: bool
) -> None:
    """Sign and publish the record that was made from what is called ``name``; ends the command where it is refused or waits."""
    sent(
        settings,
        who,
        lambda intake: [intake.content(name, line)],
        format="native",
        patience=patience,
        as_json=as_json,
    )


def _line(file: Path, day: date, owner: str, named: list[tuple[str, str]], made: str, who: Profile) -> bytes:
    try:
        content, _ = file_reader.load(file)
        return line_of(concealing(statement_of(read(content, day), owner, named, made), who))
    except Refusal as refusal:
        raise unread(file, refusal) from None


def unread(file: Path, refusal: Refusal) -> Failure:
    """That what stands in ``file`` is refused, with its place and remedy."""
    where = f" ({refusal.pointer})" if refusal.pointer else ""
    return Failure(Exit.FAILED, f"{file}: {refusal.detail}{where}", refusal.remedy)


def _day_of(made: str) -> date:
    return datetime.fromtimestamp(micros(made, "--made") / 1_000_000, UTC).date()


def lodge(
    file: Annotated[
        Path,
        typer.Argument(
            help="A declaration or a correction: DecMessage, ESADout_CU, KDTout_CU.",
            exists=True,
            dir_okay=False,
        ),
    ],
    party: Annotated[str, typer.Option("--as", help="The partner whose profile signs the event.")],
    made: Annotated[str, typer.Option("--made", help="When it was lodged (RFC 3339).")],
    trade: Annotated[
        str, typer.Option("--trade", help="The trade from whose data it was made: owner/reference.")
    ] = "",
    version: Annotated[str, typer.Option("--version", help="The digest of that version.")] = "",
    declaration: Annotated[
        str,
        typer.Option(
            "--declaration", help="Country and number of the declaration, where the file does not tell them."
        ),
    ] = "",
    links: Annotated[
        list[str] | None,
        typer.Option("--link", help="LINE=NUMBER: the line of the data that a declared line states."),
    ] = None,
    patience: Patience = 120.0,
    as_json: AsJson = False,
) -> None:
    """Sign and publish what a declaration states and from which version of the trade's data it was made. Natural persons are not read; nothing goes to customs."""
    settings = CliSettings()
    who = profile_of(settings, party)
    owner, _, reference = trade.partition("/")
    if bool(trade) != bool(owner and reference) or (version and not trade):
        raise Failure(
            Exit.USAGE, "--trade is owner/reference, and --version is of it", "lianyun declare lodge --help"
        )
    made_from = (
        {"owner": owner, "reference": reference, **({"version": version} if version else {})} if trade else {}
    )
    try:
        content, _ = file_reader.load(file)
        papers = read_papers(content, file.name, _day_of(made))
        paper, named, type_ = _lodged(papers, declaration)
        draft = lodging_of(paper, named, type_, made_from, _links(links or ()), made)
        line = line_of(concealing(draft, who))
    except Refusal as refusal:
        raise unread(file, refusal) from None
    publish_line(settings, who, str(file), line, patience, as_json)


_EAEU = {"10": "export_lodged", "40": "import_lodged", "80": "transit_lodged"}
"""What was lodged, by the procedure of box 1 and 37: export, release for domestic consumption, transit."""
_LODGED = {
    Kind.CN_DECLARATION: "export_lodged",
    Kind.EAEU_TRANSIT: "transit_lodged",
    Kind.EAEU_CORRECTION: "amended",
}
_DECLARATIONS = (*_LODGED, Kind.EAEU_DECLARATION)


def _lodged(papers: Sequence[Paper], declaration: str) -> tuple[Paper, str, str]:
    """The one declaration of a file, how it is named, and what was lodged; ends the command where the file does not tell."""
    known = [each for each in papers if each.kind in _DECLARATIONS]
    if len(known) != 1:
        raise Failure(Exit.FAILED, f"the file holds {len(known)} declarations", "give one declaration a file")
    (paper,) = known
    if not declaration and paper.kind is Kind.CN_DECLARATION and paper.number:
        declaration = f"CN/{paper.number.value}"
    if not declaration:
        raise Failure(
            Exit.USAGE,
            "the file does not tell the declaration's country and number",
            "give --declaration RU/10131010/160326/3000001",
        )
    procedure = paper.procedure.value[:2] if paper.procedure else ""
    type_ = _LODGED.get(paper.kind) or _EAEU.get(procedure)
    if type_ is None:
        raise Failure(
            Exit.FAILED,
            f"the procedure {procedure!r} is none that is known here",
            "publish it as a native record (lianyun publish)",
        )
    return paper, declaration, type_


def _links(given: Iterable[str]) -> list[LineLink]:
    found = []
    for each in given:
        line, equals, number = each.partition("=")
        if not equals or not line or not number:
            raise Failure(Exit.USAGE, f"--link: {each!r} is no LINE=NUMBER", "write it like L1=1")
        found.append(LineLink(line, number))
    return found


def show(
    reference: Annotated[str, typer.Argument(help="The trade: its owner's code, a slash, the reference.")],
    client: Client,
    key: Key,
    url: Url = "",
    as_json: AsJson = False,
) -> None:
    """Show the versions of a trade's data, how they follow one another, and what changed. Exit 3 where they are no unbroken line."""
    with calling(url, client, key) as api:
        found = got(api.get(f"/v1/trade/datasets/{quote(reference)}")).json()
    if as_json:
        print_json(found)
    else:
        _shown(found)
    if not found["whole"]:
        raise typer.Exit(Exit.FINDINGS)


def _shown(found: dict[str, Any]) -> None:
    rows = [
        (
            each["version"],
            "current" if found["current"] == stated["event"] else "",
            ", ".join(name for name in ("forked", "gap", "misnumbered") if each[name]),
            stated["by"],
            stated["published"],
            each["digest"] or "not shown",
        )
        for each in found["versions"]
        for stated in each["stated"]
    ]
    print_table(("version", "", "out of line", "stated by", "published", "digest"), rows)
    changes = [
        (each["version"], change["path"], change["before"], change["after"])
        for each in found["versions"]
        for change in each["changes"]
    ]
    if changes:
        print_table(("in version", "value", "before", "after"), changes)
    for each in found["not_counted"]:
        out.print(f"not counted: {each['event']['id']} by {each['by']} ({each['because']})", markup=False)


def statuses(
    reference: Annotated[str, typer.Argument(help="The trade: its owner's code, a slash, the reference.")],
    client: Client,
    key: Key,
    url: Url = "",
    language: InLanguage = "en",
    everything: Annotated[
        bool, typer.Option("--all", help="Show also what is the same and what may differ.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show where the declarations that were lodged of a trade have not followed one another, and who has to act. Exit 3 where they are not in step."""
    with calling(url, client, key) as api:
        found = got(api.get(f"/v1/trade/statuses/{quote(reference)}")).json()
    if as_json:
        print_json(found)
    else:
        words = step_words(language, date.fromisoformat(found["as_of"]))
        show_statuses(found["statuses"], words, everything)
    if not found["in_step"]:
        raise typer.Exit(Exit.FINDINGS)
