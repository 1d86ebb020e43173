"""`lianyun declare`: papers of a shipment checked against one another and declarations drafted, offline and without an account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from schemas.reasons import Refusal
from services.cli.declare_amend import amend
from services.cli.declare_draft import draft
from services.cli.declare_findings import explain
from services.cli.declare_findings import findings as findings_of_trade
from services.cli.declare_offshore import annotate, deal, report, revoke
from services.cli.declare_step import AsOf, InLanguage, day_of, step
from services.cli.declare_trade import lodge, show, state, statuses
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson
from services.cli.output import out, print_json, print_table
from services.producers import file_reader
from services.producers.outcomes import plain_refusal
from services.trade.domain.checks import findings
from services.trade.domain.finding import Finding, Rules, Verdict, check_words, rules, suspects
from services.trade.domain.paper import Paper, PaperSet
from services.trade.domain.values import Field, Place
from services.trade.formats import read_papers
from services.trade.formats.official_tables import read_rates, read_tariff

T = TypeVar("T")
app = typer.Typer(help="Declarations and the papers behind them.", no_args_is_help=True)
app.command()(step)
app.command()(state)
app.command()(show)
app.command()(statuses)
app.command("findings")(findings_of_trade)
app.command()(explain)
app.command()(lodge)
app.command()(amend)
app.command()(deal)
app.command()(report)
app.command()(annotate)
app.command()(revoke)
_SHOWN = (Verdict.CONTRADICTION, Verdict.REVIEW)
_VALUES = 4
"""Values of a finding that the table shows; a sum has more."""


@app.callback()
def declare() -> None:
    """Declarations and the papers behind them."""


app.command()(draft)


@app.command()
def check(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="The papers of one shipment: XML messages and spreadsheets.", exists=True, dir_okay=False
        ),
    ],
    language: InLanguage = "en",
    as_of: AsOf = "",
    rates_of: Annotated[
        Path | None,
        typer.Option("--rates", help="A table of exchange rates by day.", exists=True, dir_okay=False),
    ] = None,
    tariff_of: Annotated[
        Path | None,
        typer.Option("--tariff", help="A table of national codes by day.", exists=True, dir_okay=False),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Show also what agrees, is missing or not comparable.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Find where the papers of one shipment contradict one another; reads FILES only, sends nothing. Exit 3 on a finding."""
    texts = check_words(language)
    day = day_of(as_of)
    in_force = replace(rules(day), rates=_table(rates_of, read_rates), tariff=_table(tariff_of, read_tariff))
    papers, refusals = _read(files, day)
    found = findings(PaperSet(tuple(papers)), in_force) if papers else ()
    if as_json:
        print_json(_plain(papers, refusals, found, in_force))
    else:
        _show(papers, refusals, found, texts, everything)
    if refusals:
        raise typer.Exit(Exit.FAILED)
    if any(each.verdict in _SHOWN for each in found) or any(
        r.refused for paper in papers for r in paper.remarks
    ):
        raise typer.Exit(Exit.FINDINGS)


def _table(path: Path | None, parse: Callable[[bytes, str], T]) -> T | None:
    """The table in ``path``, None without one; raises Failure where it cannot be read."""
    if path is None:
        return None
    try:
        return parse(file_reader.load(path)[0], path.name)
    except Refusal as refusal:
        where = f"{path.name} {refusal.pointer}".rstrip()
        raise Failure(Exit.USAGE, f"{where}: {refusal.detail}", refusal.remedy) from None


def _read(files: Sequence[Path], day: date) -> tuple[list[Paper], list[tuple[Path, Refusal]]]:
    papers: list[Paper] = []
    refusals: list[tuple[Path, Refusal]] = []
    for path in files:
        try:
            content, _ = file_reader.load(path)
            papers += read_papers(content, path.name, day)
        except Refusal as refusal:
            refusals.append((path, refusal))
    return papers, refusals


def _show(
    papers: Sequence[Paper],
    refusals: Sequence[tuple[Path, Refusal]],
    found: Sequence[Finding],
    words: Mapping[str, str],
    everything: bool,
) -> None:
    for paper in papers:
        number = f" {paper.number.written}" if paper.number else ""
        out.print(f"{paper.place.file}: {paper.kind}{number} ({len(paper.lines)})", markup=False)
    columns = tuple(
        words[each] for each in ("verdict", "check", "line", "values", "where", "arithmetic", "to do")
    )
    rows = [*_unread(papers, refusals, words), *_rows(found, words, everything)]
    if rows:
        print_table(columns, rows)
    for value, count in suspects(found)[:3]:
        out.print(f"{words['suspect']}: {value.written}, {_at(value.place)} ({count})", markup=False)
    counts = Counter(each.verdict for each in found)
    if not any(counts[each] for each in _SHOWN):
        out.print(words["nothing found"], markup=False)
    out.print(", ".join(f"{words[each]} {counts[each]}" for each in Verdict), markup=False)


def _unread(
    papers: Sequence[Paper], refusals: Sequence[tuple[Path, Refusal]], words: Mapping[str, str]
) -> Iterator[tuple[object, ...]]:
    for path, refusal in refusals:
        where = f"{path.name}: {refusal.pointer}" if refusal.pointer else path.name
        yield words["REFUSED"], str(refusal.reason), "", refusal.detail, where, "", refusal.remedy
    for paper in papers:
        for remark in paper.remarks:
            yield (
                words["REFUSED" if remark.refused else "REMARK"],
                "",
                "",
                remark.text,
                _at(remark.place),
                "",
                remark.remedy,
            )


def _rows(
    found: Sequence[Finding], words: Mapping[str, str], everything: bool
) -> Iterator[tuple[object, ...]]:
    order = [*_SHOWN, Verdict.NOT_COMPARABLE, Verdict.MISSING, Verdict.MATCH]
    for each in sorted(found, key=lambda each: (order.index(each.verdict), not each.line, each.check)):
        if everything or each.verdict in _SHOWN:
            yield (
                words[each.verdict],
                f"{each.check} {words[each.check]}",
                each.line,
                "\n".join(value.written for value in each.values[:_VALUES]),
                "\n".join(_at(value.place) for value in each.values[:_VALUES]),
                f"{each.arithmetic}\n{each.table}" if each.table else each.arithmetic,
                words[each.reason],
            )


def _at(place: Place) -> str:
    """A place on one line of a table: of a path its last two steps; ``--json`` has it whole."""
    steps = place.at.split("/")
    return f"{place.file} {'/'.join(steps[-2:])}" if len(steps) > 3 else f"{place.file} {place.at}"


def _plain(
    papers: Sequence[Paper],
    refusals: Sequence[tuple[Path, Refusal]],
    found: Sequence[Finding],
    in_force: Rules,
) -> dict[str, Any]:
    return {
        "as_of": in_force.as_of.isoformat(),
        "papers": [
            {
                "file": paper.place.file,
                "kind": paper.kind,
                "number": paper.number.written if paper.number else None,
                "sha256": paper.sha256,
                "lines": len(paper.lines),
                "remarks": [
                    {"at": each.place.at, "text": each.text, "remedy": each.remedy, "refused": each.refused}
                    for each in paper.remarks
                ],
            }
            for paper in papers
        ],
        "refused": [{"file": path.name, **plain_refusal(refusal)} for path, refusal in refusals],
        "tables": [each.name for each in (in_force.rates, in_force.tariff) if each],
        "findings": [_plain_finding(each) for each in found],
        "suspects": [{**_plain_value(value), "contradictions": count} for value, count in suspects(found)],
    }


def _plain_finding(finding: Finding) -> dict[str, Any]:
    tolerance, row = finding.tolerance, finding.table
    return {
        "check": finding.check,
        "verdict": finding.verdict,
        "reason": finding.reason,
        "line": finding.line,
        "values": [_plain_value(each) for each in finding.values],
        "arithmetic": finding.arithmetic,
        "tolerance": None
        if tolerance is None
        else {
            "name": tolerance.name,
            "value": format(tolerance.value, "f"),
            "unit": tolerance.unit,
            "source": tolerance.source,
            "valid_from": tolerance.valid_from.isoformat(),
        },
        "table": None
        if row is None
        else {
            "name": row.table,
            "row": row.row,
            "source": row.source,
            "valid_from": row.valid_from.isoformat(),
        },
    }


def _plain_value(value: Field[Any]) -> dict[str, str]:
    return {"written": value.written, "file": value.place.file, "at": value.place.at}
