"""`lianyun shift`: the report from one shift to the next."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from services.cases.domain.shift_report import CaseSummary, shift_report
from services.cases.store import overview
from services.cases.store.overview import Listed, Wanted
from services.cli.cases import crossing_name, plain_case, plain_step
from services.cli.database import session
from services.cli.options import AsJson, micros, now
from services.cli.output import iso, out, print_json, print_table
from services.cli.settings import CliSettings

app = typer.Typer(help="What one shift hands over to the next.", no_args_is_help=True)
HOURS = 12
Language = Literal["en", "zh", "ru"]
WORDS: dict[str, dict[str, str]] = {
    "en": {
        "title": "Shift report since",
        "opened": "Opened",
        "closed": "Closed",
        "standing": "Standing",
        "notes": "Notes",
        "nobody": "nobody's",
        "elsewhere": "away from the border",
        "case": "case",
        "kind": "kind",
        "about": "about",
        "since": "since",
        "due": "to be acted on by",
    },
    "zh": {
        "title": "交接班报告，自",
        "opened": "新开",
        "closed": "已结",
        "standing": "未结",
        "notes": "备注",
        "nobody": "无人负责",
        "elsewhere": "非口岸",
        "case": "事项",
        "kind": "类别",
        "about": "对象",
        "since": "起始",
        "due": "处理时限",
    },
    "ru": {
        "title": "Отчёт о смене с",
        "opened": "Открыто",
        "closed": "Закрыто",
        "standing": "Не закрыто",
        "notes": "Примечания",
        "nobody": "без ответственного",
        "elsewhere": "вне пограничных переходов",
        "case": "случай",
        "kind": "вид",
        "about": "объект",
        "since": "с",
        "due": "принять меры до",
    },
}
"""The headings; codes, times and notes are the same in every language."""


@app.callback()
def shift() -> None:
    """What one shift hands over to the next."""


@app.command("report")
def report(
    since: Annotated[str, typer.Option(help=f"Since when (RFC 3339); {HOURS} hours ago by default.")] = "",
    crossing: Annotated[str | None, typer.Option(help="Of this crossing only: alashankou-dostyk.")] = None,
    language: Annotated[Language, typer.Option("--lang", help="Headings in this language.")] = "en",
    as_json: AsJson = False,
) -> None:
    """Print what was opened and closed since a moment and what stands, by crossing and owner."""
    at = now()
    begun = micros(since, "--since") if since else at - HOURS * 3_600_000_000
    with session(CliSettings()) as connection:
        wanted = Wanted(crossing, closed_since=begun, limit=100_000)
        cases = {case.id: case for case in overview.listed(connection, wanted)}
        steps = overview.steps_since(connection, begun)
    posts = shift_report(map(_standing, cases.values()), (s for s in steps if s.case in cases), begun)
    bodies = [
        {
            "crossing": crossing_ or None,
            "owner": owner or None,
            **{
                name: [plain_case(cases[case], at) for case in getattr(post, name)]
                for name in ("opened", "closed", "standing")
            },
            "notes": [{"case": step.case.hex(), **plain_step(step)} for step in post.notes],
        }
        for (crossing_, owner), post in posts.items()
    ]
    if as_json:
        print_json({"since": iso(begun), "until": iso(at), "posts": bodies})
        return
    words = WORDS[language]
    out.print(f"{words['title']} {iso(begun)} – {iso(at)}", markup=False)
    for post in bodies:
        _show(post, words, language)


def _standing(case: Listed) -> CaseSummary:
    owner = "" if case.life.owner is None else str(case.life.owner)
    return CaseSummary(case.id, case.crossing, owner, case.life.closed)


def _show(post: dict[str, Any], words: dict[str, str], language: str) -> None:
    where = crossing_name(post["crossing"], language) if post["crossing"] else words["elsewhere"]
    out.print(f"\n{where} · {post['owner'] or words['nobody']}", markup=False)
    for name in ("opened", "closed", "standing"):
        if not post[name]:
            continue
        columns = tuple(words[column] for column in ("case", "kind", "about", "since", "due"))
        rows = [
            (c["case"][:8], f"{c['kind']} {c['what']}".strip(), c["about"], c["since"], c["due"])
            for c in post[name]
        ]
        print_table(columns, rows, f"{words[name]}: {len(rows)}")
    for each in post["notes"]:
        text = each.get("note") or each.get("reason") or ""
        out.print(
            f"{words['notes']}: {each['case'][:8]} {each['at']} {each.get('by', '')} {text}", markup=False
        )
