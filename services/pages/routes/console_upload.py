"""A file of the person's party, tried before it is published: row by row what it becomes, and what the platform holds of it already."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import available_timezones

from schemas.reasons import Reason
from schemas.remarks import meaning
from services.pages.auth.sign_in import SignedIn
from services.pages.console import N_, console_page, signed_in
from services.pages.errors import PageError
from services.pages.page import Later, Page, PageRequest
from services.pages.published import words
from services.pages.published.file_trial import NotRead, TooMany, Trial, read_file
from services.pages.published.trial_rows import DIFFERS, NEW, REFUSED_HERE, STANDINGS, TWICE, trial_rows
from services.pages.published.words import TYPES
from services.pages.routing import PageRoutes
from services.pages.table import Column, Kind, Table
from services.people.domain.person import Permission
from services.producers.formats import declarations
from services.producers.formats.catalogue import FORMATS

pages = PageRoutes()
LONGEST_DECLARATIONS = 10_000
_SECRET = re.compile(r"^\s*(\[(key|salt)\]|(seed|secret)\s*=)", re.MULTILINE)
PROBLEMS = {
    "file": N_("Choose a file that is not empty."),
    "source": N_("Choose one of the sources of your party."),
    "format": N_("Choose one of the formats."),
    "zone": N_("Choose a time zone by its name, as Asia/Almaty."),
    "secret": N_("Never paste a key or a secret here. Only the section [files] is needed."),
    "declarations": N_("The section [files] cannot be read."),
    "not_read": N_("The file could not be read within the limits of time and memory. Split it, or try it with the command below."),
    "busy": N_("Other files are being read just now. Try again in a moment."),
}  # fmt: skip
COLUMNS = (
    Column("where", N_("Where in the file"), Kind.CODE),
    Column("standing", N_("State"), Kind.CODE, href="href", words=STANDINGS),
    Column("type", N_("What"), Kind.CODE, words=TYPES),
    Column("objects", N_("About"), Kind.CODE),
    Column("place", N_("Place"), Kind.PLACE),
    Column("happened", N_("Happened"), Kind.MOMENT, place="place"),
    Column("why", N_("Why"), Kind.CODE, words={reason: what for reason, (what, _) in words.REASONS.items()}),
    Column("at", N_("At"), Kind.CODE),
    Column("notes", N_("What to do")),
    Column("detail", N_("Exact text (English)"), lang="en"),
    Column("id", N_("Id"), Kind.CODE),
)


@pages.get("/console/upload", signed_in=True)
def upload(request: PageRequest) -> Page:
    """The form for a file."""
    return _page(request, signed_in(request, Permission.EVENTS_UPLOAD))


@pages.post("/console/upload", signed_in=True, files=True)
def try_file(request: PageRequest) -> Page | Later:
    """Read the file under limits, outside any transaction, and show what it becomes; nothing of it is kept."""
    viewer = signed_in(request, Permission.EVENTS_UPLOAD)
    form, upload = request.form, request.files.get("file")
    if upload is None or not upload.content.strip():
        return _page(request, viewer, "file")
    if form.get("source") not in request.party.sources:
        return _page(request, viewer, "source")
    if form.get("format", "") not in {"", *(each.name for each in FORMATS)}:
        return _page(request, viewer, "format")
    files = _declared(form)
    if isinstance(files, str):
        return _page(request, viewer, files)
    party = request.party.code

    def read() -> Trial | str:
        try:
            return read_file(upload.content, party, form["source"], files, form.get("format", ""))
        except TooMany:
            return "busy"
        except NotRead:
            return "not_read"

    def show(trial: Trial | str) -> Callable[[PageRequest], Page]:
        def shown(again: PageRequest) -> Page:
            person = signed_in(again, Permission.EVENTS_UPLOAD)
            if isinstance(trial, str):
                return _page(again, person, trial, name=upload.name)
            return _page(again, person, trial=trial, name=upload.name)

        return shown

    return Later(read, show)


def _declared(form: Mapping[str, str]) -> dict[str, Any] | str | None:
    """The section [files] that the form declares, None for none, or the word of ``PROBLEMS`` for what is wrong with it."""
    text = form.get("declarations", "")
    if len(text) > LONGEST_DECLARATIONS:
        return "declarations"
    if _SECRET.search(text):
        return "secret"
    zone, company = form.get("zone", "").strip(), form.get("company", "").strip()
    try:
        table = tomllib.loads(text)
        files = dict(table.get("files", table))
        files |= {k: v for k, v in (("zone", zone), ("company", company)) if v}
        if not files:
            return None
        declarations.read(files, "")
    except declarations.BadDeclaration:
        return "zone" if zone and not text.strip() else "declarations"
    except (tomllib.TOMLDecodeError, TypeError, ValueError, RecursionError):
        return "declarations"
    return files


def _page(
    request: PageRequest, viewer: SignedIn, problem: str = "", *, trial: Trial | None = None, name: str = ""
) -> Page:
    if request.party is None:
        raise PageError(401)
    values: dict[str, Any] = {
        "sources": sorted(request.party.sources),
        "formats": [(each.name, each.title) for each in FORMATS],
        "zones": sorted(zone for zone in available_timezones() if zone.startswith(("Asia/", "Europe/"))),
        "form": {name: request.form.get(name, "") for name in ("source", "format", "zone", "company", "declarations")},
        "problem": PROBLEMS.get(problem, ""),
        "limit": request.context.settings.pages_body_limit >> 10,
        "command": _command(request, name, amend=False),
        "amend": "",
        "trial": trial,
        "refused": "",
        "refusal": (),
        "rows": None,
        "counts": (),
        "standings": STANDINGS,
    }  # fmt: skip
    if trial is not None and "refused" in trial:
        reason = Reason(trial["refused"][0])
        values |= {"refused": words.REASONS[reason], "refusal": trial["refused"][1:]}
    elif trial is not None:
        shown = trial_rows(request, trial["rows"])
        counted = Counter(row["standing"] for row in shown)
        values |= {
            "rows": Table("rows", COLUMNS, [_row(request, each) for each in shown], N_("Rows of the file"), drawn=2_000),
            "counts": [(standing, counted[standing]) for standing in STANDINGS if counted[standing]],
            "good": not (counted[REFUSED_HERE] or counted[TWICE]),
            "new": counted[NEW],
            "amend": _command(request, name, amend=True) if counted[DIFFERS] else "",
        }  # fmt: skip
    return console_page(request, viewer, "console_upload.html", values, 409 if problem else 200)


def _row(request: PageRequest, row: dict[str, Any]) -> dict[str, Any]:
    """A row for the table: what it means and what to do in the language of the page, and beside it what only its reader says."""
    tr, remarks = request.l10n.gettext, row.get("remarks", ())
    notes = [
        tr(row["to_do"]) if row.get("to_do") else "",
        tr(words.REASONS[row["reason"]][1]) if row.get("reason") else "",
        *(f"{found}: {' '.join(meaning(code, tr))}" for *_, code, found in remarks if code),
    ]
    exact = [
        row.get("detail", ""),
        row.get("remedy", ""),
        *(f"{text} {remedy}" for _, text, remedy, code, _ in remarks if not code),
    ]
    return {
        **row,
        "why": row.get("reason"),
        "at": row.get("changed") or row.get("pointer") or None,
        "notes": " ".join(filter(None, notes)) or None,
        "detail": " ".join(filter(None, exact)) or None,
    }


def _command(request: PageRequest, name: str, *, amend: bool) -> str:
    """What publishes the file on the machine with the profile."""
    parts = ["lianyun", "publish", "--as", request.party.code]
    parts += ["--format", request.form["format"]] if request.form.get("format") else []
    parts += ["--amend"] if amend else []
    return f"{shlex.join(parts)} {shlex.quote(name or 'FILE')}"
