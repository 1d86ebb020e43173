"""`lianyun declare draft`: the declarations that a dataset gives one side, with where each value comes from and what is missing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from schemas.reasons import Refusal
from services.cli.declare_step import AsOf, InLanguage, day_of
from services.cli.exits import Exit, Failure
from services.cli.output import out, print_json, print_table
from services.producers import file_reader
from services.trade.domain.crosswalk import Element, Side, TableRow
from services.trade.domain.draft import Carriage, Draft
from services.trade.domain.drafting import drafts
from services.trade.domain.finding import check_words
from services.trade.domain.values import Unreadable, country_code
from services.trade.formats import dataset, write_paper
from services.trade.formats.writing import Unwritable


def draft(
    file: Annotated[Path, typer.Argument(help="A trade dataset as JSON.", exists=True, dir_okay=False)],
    side: Annotated[Literal["cn", "eaeu", "transit"], typer.Option("--side", help="Whose declaration.")],
    form: Annotated[
        Literal["text", "json", "xml"],
        typer.Option("--format", help="A table, everything as JSON, or the message itself."),
    ] = "text",
    language: InLanguage = "en",
    as_of: AsOf = "",
    mode: Annotated[
        Literal["", "sea", "rail", "road", "air"],
        typer.Option("--mode", help="Mode of transport at the border."),
    ] = "",
    dispatch: Annotated[str, typer.Option("--from", help="Country of dispatch (CN).")] = "",
    destination: Annotated[str, typer.Option("--to", help="Country of destination (RU).")] = "",
    lodged_in: Annotated[
        str, typer.Option("--lodged-in", help="Country whose customs takes the declaration.")
    ] = "",
    part: Annotated[
        int,
        typer.Option(
            "--part", min=0, help="Which declaration, where the lines are too many for one; all by default."
        ),
    ] = 0,
) -> None:
    """Draft the declaration of one side from the dataset in FILE: reads it only, sends nothing. Exit 3 where something is missing."""
    on = day_of(as_of)
    carriage = Carriage(
        mode.upper(), _country(dispatch, "--from"), _country(destination, "--to"), _country(lodged_in, "--lodged-in")
    )  # fmt: skip
    made = _drafts(file, Side(side.upper()), on, carriage)
    if part > len(made):
        raise Failure(Exit.USAGE, f"--part: there are {len(made)} declarations", "give one of them")
    chosen = made[part - 1 : part] if part else made
    if form == "json":
        print_json({"as_of": on.isoformat(), "drafts": [_plain(each) for each in chosen]})
    elif form == "xml":
        if len(chosen) > 1:
            raise Failure(
                Exit.USAGE, f"the lines make {len(made)} declarations", "choose one of them with --part"
            )
        _write(chosen[0], on)
    else:
        for each in chosen:
            _show(each, check_words(language), language)
    if any(each.gaps for each in chosen):
        raise typer.Exit(Exit.FINDINGS)


def _country(text: str, option: str) -> str:
    if not text:
        return ""
    try:
        return country_code(text)
    except Unreadable as problem:
        raise Failure(Exit.USAGE, f"{option}: {problem.problem}", problem.remedy) from None


def _drafts(file: Path, side: Side, on: date, carriage: Carriage) -> tuple[Draft, ...]:
    try:
        content, _ = file_reader.load(file)
        return drafts(dataset.read(content, on), side, on, carriage)
    except Refusal as refusal:
        where = f"{file.name}{f' {refusal.pointer}' if refusal.pointer else ''}"
        raise Failure(
            Exit.FAILED, f"{where}: {refusal.detail}", refusal.remedy or "correct the file"
        ) from None


def _write(draft: Draft, on: date) -> None:
    try:
        sys.stdout.buffer.write(write_paper(draft.paper, on) + b"\n")
    except Unwritable as problem:
        raise Failure(Exit.FAILED, problem.problem, problem.remedy) from None
    sys.stdout.buffer.flush()


def _title(element: Element, side: Side) -> str:
    box = element.boxes.get(side)
    return box.title if box else ""


def _short(row: TableRow) -> str:
    return f"{row.table} {row.row}"


def _show(draft: Draft, texts: Mapping[str, str], language: str) -> None:
    of = f" {draft.part}/{draft.parts}" if draft.parts > 1 else ""
    out.print(
        f"{texts[f'draft {draft.side}']}{of}: {draft.dataset}, {draft.version[:12]}, {draft.as_of}",
        markup=False,
    )
    print_table(
        tuple(texts[each] for each in ("box", "item", "field", "value", "source", "rule")),
        (
            (
                _title(each.element, draft.side),
                each.line,
                f"{each.element.names[language]} ({each.tag})",
                each.text,
                " ".join(each.sources[:2]),
                f"{_short(each.element.row)}{f'; {_short(each.row)} {each.row.valid_from}' if each.row else ''}",
            )
            for each in sorted(draft.values, key=lambda value: (int(value.line or 0), value.element.number))
        ),
    )
    if draft.gaps:
        print_table(
            (texts["box"], texts["item"], texts["missing"], texts["giver"], ""),
            (
                (
                    _title(each.element, draft.side),
                    each.line,
                    f"{each.element.names[language]} ({each.tag})",
                    texts[each.giver],
                    each.why,
                )
                for each in draft.gaps
            ),
        )
    print_table(
        (texts["different"], texts["rule"]),
        ((f"{each.names[language]} ({each.number})", each.rule) for each in draft.different),
    )
    if draft.remarks:
        print_table(
            (texts["remarks"], texts["where"], texts["to do"]),
            ((each.text, each.place.at, each.remedy) for each in draft.remarks),
        )


def _plain(draft: Draft) -> dict[str, Any]:
    return {
        "side": draft.side,
        "dataset": draft.dataset,
        "version": draft.version,
        "part": draft.part,
        "parts": draft.parts,
        "structure": _plain_row(draft.structure),
        "values": [
            {
                **_plain_element(each.element, draft.side),
                "tag": each.tag,
                "item": each.line,
                "value": each.text,
                "sources": list(each.sources),
                "table": _plain_row(each.row),
            }
            for each in draft.values
        ],
        "missing": [
            {
                **_plain_element(each.element, draft.side),
                "tag": each.tag,
                "item": each.line,
                "giver": each.giver,
                "why": each.why,
            }
            for each in draft.gaps
        ],
        "different": [
            {**_plain_element(each, draft.side), "relation": each.relation} for each in draft.different
        ],
        "links": [{"dataset": each.dataset, "declared": each.declared} for each in draft.links],
        "remarks": [
            {"at": each.place.at, "text": each.text, "remedy": each.remedy} for each in draft.remarks
        ],
    }


def _plain_element(element: Element, side: Side) -> dict[str, Any]:
    return {
        "element": element.number,
        "names": dict(element.names),
        "box": _title(element, side),
        "rule": element.rule,
        "rule_row": _plain_row(element.row),
    }


def _plain_row(row: TableRow | None) -> dict[str, str] | None:
    if row is None:
        return None
    return {
        "table": row.table,
        "row": row.row,
        "source": row.source,
        "valid_from": row.valid_from.isoformat(),
    }
