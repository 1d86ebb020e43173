"""`lianyun declare amend`: a change of a dataset once, and the amendments that it asks of each declaration, as drafts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.declare_step import (
    AsOf,
    InLanguage,
    TradePaths,
    day_of,
    due_text,
    load,
    plain_due,
    show_refused,
)
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson
from services.cli.output import out, print_json, print_table
from services.trade.domain.amending import Consequence, Doubt, consequences
from services.trade.domain.dataset import Dataset
from services.trade.domain.dataset_changes import Change, changes
from services.trade.domain.in_step_filings import assemble
from services.trade.domain.in_step_rules import SIDES, Ground, StepRules, step_rules
from services.trade.domain.in_step_words import step_words
from services.trade.domain.paper import Kind
from services.trade.formats.corrections import UNKNOWN, box_45a, correction, modification
from services.trade.formats.dataset import read
from services.trade.formats.filings import TradeFiles
from services.trade.formats.writing import Unwritable

_File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, show_default=False)]


def amend(
    old: _File,
    new: _File,
    files: TradePaths,
    language: InLanguage = "en",
    as_of: AsOf = "",
    ground: Annotated[
        str, typer.Option("--ground", help="The ground of Order 220 for the Chinese side, by its code.")
    ] = "",
    phase_45a: Annotated[str, typer.Option("--phase-45a", help="The first character of box 45a.")] = UNKNOWN,
    ground_45a: Annotated[
        str, typer.Option("--ground-45a", help="The second character of box 45a.")
    ] = UNKNOWN,
    to: Annotated[
        Path | None, typer.Option("--to", help="Write the drafts into this folder.", file_okay=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what the change from dataset OLD to NEW asks of each declaration, and draft the amendments. Sends nothing. Exit 3 where something has to be done."""
    day = day_of(as_of)
    words = step_words(language, day)
    rules = step_rules(day)
    chosen = _ground(ground, rules)
    trade = load([old, new, *files], day)
    before, after = (_version(trade, path, day) for path in (old, new))
    if after.previous != before.digest or after.reference != before.reference:
        raise Failure(
            Exit.USAGE,
            f"{new.name} does not follow {old.name}: it names another version before it",
            "give two successive versions of one trade",
        )
    filings, issues = assemble(trade.filings, trade.corrections)
    found = consequences(before, after, filings, rules)
    drafts = [_draft(each, chosen, rules, phase_45a, ground_45a) for each in found]
    if to is not None:
        to.mkdir(parents=True, exist_ok=True)
        for name, content in drafts:
            if name:
                (to / name).write_bytes(content)
    if as_json:
        print_json(
            {
                "as_of": day.isoformat(),
                "from": before.digest,
                "to": after.digest,
                "changes": [_plain_change(each) for each in changes(before, after)],
                "consequences": [
                    _plain_consequence(each, name, content, phase_45a, ground_45a)
                    for each, (name, content) in zip(found, drafts, strict=True)
                ],
                "questions": [{"declaration": each.declaration, "reason": each.reason} for each in issues],
                "sent": False,
            }
        )
    else:
        show_refused(trade)
        _show(changes(before, after), found, drafts, words, chosen, rules, language, to)
        for each in issues:
            out.print(f"{each.declaration}: {words[each.reason]}: {words[f'{each.reason}.do']}", markup=False)
        out.print(words["nothing sent"], markup=False)
    if trade.refused:
        raise typer.Exit(Exit.FAILED)
    if issues or any(each.entries or each.doubts for each in found):
        raise typer.Exit(Exit.FINDINGS)


def _ground(code: str, rules: StepRules) -> Ground | None:
    if not code:
        return None
    found = next((each for each in rules.grounds if each.code == code), None)
    if found is None:
        listed = ", ".join(each.code for each in rules.grounds)
        raise Failure(
            Exit.USAGE,
            f"--ground: {code!r} is no ground of Order 220 that is listed",
            f"take one of {listed}",
        )
    return found


def _version(trade: TradeFiles, path: Path, day: date) -> Dataset:
    refused = next((refusal for name, refusal in trade.refused if name == path.name), None)
    if refused is not None:
        raise Failure(Exit.FAILED, f"{path.name} {refused.pointer}: {refused.detail}", refused.remedy)
    return read(path.read_bytes(), day)


def _draft(
    consequence: Consequence, ground: Ground | None, rules: StepRules, phase: str, ground_45a: str
) -> tuple[str, bytes]:
    """The name and content of the draft of one declaration; empty where there is nothing to amend, or no form or no change now."""
    filing = consequence.current.filing
    inspected = consequence.frozen is not None and consequence.frozen.rule == "INSPECTION"
    if not consequence.entries or inspected:
        return "", b""
    name = filing.declaration.replace("/", "-")
    if filing.kind is Kind.CN_DECLARATION:
        body = modification(consequence, ground, rules.grounds, rules.as_of)
        return f"modification-{name}.json", json.dumps(body, ensure_ascii=False, indent=2).encode() + b"\n"
    if filing.kind is Kind.EAEU_DECLARATION and Doubt.NO_NUMBER not in {
        doubt for doubt, _ in consequence.doubts
    }:
        try:
            return f"kdt-{name}.xml", correction(consequence, rules.as_of, phase, ground_45a)
        except Unwritable as problem:
            raise Failure(Exit.FAILED, f"{filing.declaration}: {problem.problem}", problem.remedy) from None
    return "", b""


def _show(
    changed: Sequence[Change],
    found: Sequence[Consequence],
    drafts: Sequence[tuple[str, bytes]],
    words: Mapping[str, str],
    ground: Ground | None,
    rules: StepRules,
    language: str,
    to: Path | None,
) -> None:
    rows = [
        (
            f"{each.element} {words[f'element.{each.element}']}",
            each.line,
            each.before or "-",
            each.after or "-",
        )
        for each in changed
    ]
    print_table([words[each] for each in ("element", "lines", "before", "after")], rows, words["the change"])
    for each, (name, _) in zip(found, drafts, strict=True):
        filing = each.current.filing
        actor = words[f"actor.{SIDES[filing.kind]}"]
        out.print(
            f"\n{words['consequence']} {filing.declaration} ({filing.kind}, {filing.phase}): {actor}; {words['by when']}: {due_text(each.due, words)} ({each.due.source})",
            markup=False,
        )
        if each.entries:
            print_table(
                [words[title] for title in ("item", "element", "before", "after")],
                [
                    (
                        entry.item or "-",
                        f"{entry.element} {words[f'element.{entry.element}']}",
                        entry.before,
                        entry.after,
                    )
                    for entry in each.entries
                ],
            )
        else:
            out.print(words["no entry"], markup=False)
        if each.frozen is not None:
            out.print(
                f"{words['frozen']}: {words[each.frozen.rule]}; {words[f'{each.frozen.rule}.do']} ({each.frozen.source})",
                markup=False,
            )
        for rule in each.untouched:
            out.print(
                f"{words['stays']}: {rule.element} {words[f'element.{rule.element}']}: {words[f'rule.{rule.rule}']} ({rule.source})",
                markup=False,
            )
        for doubt, about in each.doubts:
            out.print(f"{words[f'doubt.{doubt}']}{f' ({about})' if about else ''}", markup=False)
        if filing.kind is Kind.CN_DECLARATION and each.entries:
            _grounds(words, ground, rules, language)
        if name:
            out.print(f"{words['draft']}: {to / name if to else name}", markup=False)


def _grounds(words: Mapping[str, str], ground: Ground | None, rules: StepRules, language: str) -> None:
    if ground is None:
        out.print(f"{words['no ground']}:", markup=False)
    for each in (ground,) if ground is not None else rules.grounds:
        out.print(f"  {each.code}: {each.words[language]} ({each.source})", markup=False)


def _plain_change(change: Change) -> dict[str, str]:
    return {"element": change.element, "line": change.line, "before": change.before, "after": change.after}


def _plain_consequence(
    consequence: Consequence, name: str, content: bytes, phase: str, ground: str
) -> dict[str, Any]:
    filing = consequence.current.filing
    return {
        "declaration": filing.declaration,
        "side": SIDES[filing.kind],
        "phase": filing.phase,
        "entries": [
            {"element": each.element, "item": each.item, "before": each.before, "after": each.after, "class": each.change_class}
            for each in consequence.entries
        ],
        "classes": sorted(consequence.classes),
        "box_45a": box_45a(consequence.entries, phase, ground) if filing.kind is Kind.EAEU_DECLARATION and consequence.entries else None,
        "untouched": [{"element": each.element, "rule": each.rule, "source": each.source} for each in consequence.untouched],
        "doubts": [{"doubt": doubt, "about": about} for doubt, about in consequence.doubts],
        "frozen": None if consequence.frozen is None else {"rule": consequence.frozen.rule, "source": consequence.frozen.source},
        "due": plain_due(consequence.due),
        "draft": None if not name else {"file": name, "content": content.decode()},
    }  # fmt: skip
