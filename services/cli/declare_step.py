"""`lianyun declare step`: whether the declarations of a trade are in step, offline and without an account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from schemas.reasons import Refusal
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson
from services.cli.output import iso, out, print_json, print_table
from services.producers import file_reader
from services.producers.outcomes import plain_refusal
from services.trade.domain import in_step_words
from services.trade.domain.in_step import in_step
from services.trade.domain.in_step_pair import Lag, PairStatus, Status
from services.trade.domain.in_step_rules import SIDES, Due, FollowRule, step_rules
from services.trade.domain.in_step_words import FINE, Form, Words, plain_status, step_words
from services.trade.domain.values import Field
from services.trade.formats.filings import TradeFiles, read_trade

Language = Literal["en", "zh", "ru"]
TradePaths = Annotated[
    list[Path],
    typer.Argument(
        help="Versions of the dataset, declarations, corrections, and a statement of filings.",
        exists=True,
        dir_okay=False,
    ),
]
InLanguage = Annotated[Language, typer.Option("--lang", "--language", help="Texts in this language.")]
AsOf = Annotated[
    str,
    typer.Option("--as-of", help="Take the tables as they hold on this day (2026-11-03); today by default."),
]


def step(
    files: TradePaths,
    language: InLanguage = "en",
    as_of: AsOf = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Show also what is the same and what may differ.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show where the declarations of a trade have not followed one another, what to do, who and by when. Sends nothing. Exit 3 where they are not in step."""
    day = day_of(as_of)
    words = step_words(language, day)
    trade = load(files, day)
    found = in_step(trade.datasets, trade.filings, trade.corrections, step_rules(day))
    if as_json:
        print_json(
            {
                "as_of": day.isoformat(),
                **plain_files(trade),
                "statuses": [_with_places(each) for each in found],
            }
        )
    else:
        _show(trade, found, words, everything)
    if trade.refused:
        raise typer.Exit(Exit.FAILED)
    if any(each.status not in FINE for each in found):
        raise typer.Exit(Exit.FINDINGS)


def day_of(text: str) -> date:
    """The day of ``--as-of``, today without one."""
    if not text:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Failure(Exit.USAGE, f"--as-of: {text!r} is no day", "write it like 2026-11-03") from None


def load(files: Sequence[Path], day: date) -> TradeFiles:
    """What ``files`` hold of one trade; each is called by its name, and by its path where two have one name."""
    paths = list(dict.fromkeys(files))
    names = Counter(path.name for path in paths)
    contents, refused = [], []
    for path in paths:
        name = path.name if names[path.name] == 1 else str(path)
        try:
            contents.append((name, file_reader.load(path)[0]))
        except Refusal as refusal:
            refused.append((name, refusal))
    trade = read_trade(contents, day)
    trade.refused += refused
    return trade


def _show(trade: TradeFiles, found: Sequence[PairStatus], words: Words, everything: bool) -> None:
    show_refused(trade)
    show_statuses([_form(each) for each in found], words, everything)
    counts = Counter(each.status for each in found)
    out.print(", ".join(f"{words[each]} {counts[each]}" for each in reversed(Status)), markup=False)
    out.print(words["nothing sent"], markup=False)


def _form(status: PairStatus) -> dict[str, Any]:
    """A status of files: whoever has them sees all that they state."""
    return plain_status(
        status,
        lambda declarations: [{"declaration": each, "side": "", "also": []} for each in declarations],
        lambda _, values: list(dict.fromkeys(each.written for each in values)),
        amendments=True,
    )


def show_statuses(forms: Iterable[Form], words: Words, everything: bool) -> None:
    """Print statuses in the plain form, the gravest first; those of which nothing follows only where ``everything`` is wanted."""
    shown = [each for each in forms if everything or each["status"] not in FINE]
    shown.sort(key=lambda each: tuple(Status).index(Status(each["status"])), reverse=True)
    if not shown:
        out.print(words["in step"], markup=False)
        return
    titles = ("status", "element", "lines", "values", "why", "to do", "who", "by when")
    print_table([words[each] for each in titles], [_row(each, words) for each in shown])
    acts = [act for each in shown for act in in_step_words.acts(each, words)]
    for source in dict.fromkeys(act.due["source"] for act in acts if act.due):
        out.print(f"{words['by when']}: {source}", markup=False)


def _row(form: Form, words: Words) -> tuple[str, ...]:
    stated = (f"{name}: {', '.join(values or ()) or '-'}" for name, values in in_step_words.written(form))
    acts = in_step_words.acts(form, words)
    cells = (
        stated,
        in_step_words.why(form, words),
        (act.to_do for act in acts),
        (act.who for act in acts),
        (act.due["day"] or words["unknown"] for act in acts if act.due),
    )
    return (
        words[form["status"]],
        in_step_words.element_name(form, words),
        form["lines"],
        *("\n".join(dict.fromkeys(each)) for each in cells),
    )


def show_refused(trade: TradeFiles) -> None:
    """Print what could not be read, and what was read with a doubt."""
    for name, refusal in trade.refused:
        where = f"{name} {refusal.pointer}".strip()
        out.print(f"{where}: {refusal.detail} {refusal.remedy}", markup=False)
    for paper in trade.papers:
        for remark in paper.remarks:
            if remark.refused:
                out.print(f"{remark.place}: {remark.text} {remark.remedy}", markup=False)


def due_text(due: Due, words: Mapping[str, str]) -> str:
    """The day by which somebody has to act, or that none is known."""
    return due.day.isoformat() if due.day else words["unknown"]


def plain_files(trade: TradeFiles) -> dict[str, Any]:
    """The files as they were read, for programs."""
    return {
        "datasets": [
            {"reference": each.reference, "version": each.version, "digest": each.digest} for each in trade.datasets
        ],
        "declarations": [
            {"declaration": each.declaration, "kind": each.kind, "file": each.declared.place.file, "version": each.version, "phase": each.phase}
            for each in trade.filings
        ],
        "corrections": [
            {"of": each.of, "number": each.amendment.number, "file": each.amendment.declared.place.file, "by_customs": each.amendment.by_customs}
            for each in trade.corrections
        ],
        "unused": [each.place.file for each in trade.unused],
        "refused": [{"file": name, **plain_refusal(refusal)} for name, refusal in trade.refused],
        "sent": False,
    }  # fmt: skip


def _with_places(status: PairStatus) -> dict[str, Any]:
    """A status for programs, each value with the file that states it and its place there."""
    return {
        "left": status.left,
        "right": status.right,
        "element": status.element,
        "lines": status.line,
        "status": status.status,
        "reason": status.reason,
        "values": [[_plain_value(each) for each in side] for side in status.values],
        "rule": None if status.rule is None else _plain_rule(status.rule),
        "behind": [_plain_lag(each) for each in status.lags],
        "due": None if status.due is None else plain_due(status.due),
    }


def _plain_value(value: Field[Any]) -> dict[str, str]:
    return {"written": value.written, "file": value.place.file, "at": value.place.at}


def _plain_rule(rule: FollowRule) -> dict[str, Any]:
    return {
        "follows": rule.follows,
        "rule": rule.rule,
        "change_class": rule.change_class,
        "source": rule.source,
        "valid_from": rule.valid_from.isoformat(),
    }


def _plain_lag(lag: Lag) -> dict[str, Any]:
    return {
        "declarations": lag.declarations,
        "side": SIDES[lag.kind],
        "status": lag.status,
        "reason": lag.reason,
        "since": {
            "version": lag.since.version,
            "amendment": lag.since.amendment or None,
            "at": iso(lag.since.at) if lag.since.at else None,
        },
        "due": plain_due(lag.due),
    }


def plain_due(due: Due) -> dict[str, str | None]:
    """A term for programs; ``day`` is null where none is known."""
    return {"day": due.day.isoformat() if due.day else None, "source": due.source}
