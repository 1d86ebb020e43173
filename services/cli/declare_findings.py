"""`lianyun declare findings` and `explain`: where the stored papers of a trade contradict one another, and why that is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import quote

import typer

from schemas.events.trade import FindingExplained
from services.cli.bank import Client, Key, Url
from services.cli.bank_client import calling, got
from services.cli.declare_step import InLanguage
from services.cli.declare_trade import publish_line
from services.cli.exits import Exit, Failure
from services.cli.options import AsJson, micros
from services.cli.output import out, print_json, print_table
from services.cli.publish import Patience, profile_of
from services.cli.settings import CliSettings
from services.producers.formats.model import EventDraft, Position
from services.producers.formats.native_lines import line_of
from services.trade.domain.finding import Verdict, check_words

Trade = Annotated[str, typer.Argument(help="The trade: its owner's code, a slash, the reference.")]
_SHOWN = (Verdict.CONTRADICTION, Verdict.REVIEW)
_VALUES = 4
"""Values of a finding that the table shows; a sum has more."""
_DIGITS = 12
"""Digits of a digest that the table shows and `explain` takes, at least."""


def findings(
    reference: Trade,
    client: Client,
    key: Key,
    url: Url = "",
    language: InLanguage = "en",
    everything: Annotated[
        bool, typer.Option("--all", help="Show also what agrees, is missing or not comparable.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show where the data, declarations and rail notes of a trade contradict one another. Exit 3 on a finding that nobody explained."""
    with calling(url, client, key) as api:
        found = got(api.get(f"/v1/trade/findings/{quote(reference)}")).json()
    if as_json:
        print_json(found)
    else:
        _show(found["findings"], check_words(language), everything)
    if any(each["verdict"] in _SHOWN and not each["explained"] for each in found["findings"]):
        raise typer.Exit(Exit.FINDINGS)


def _show(found: Sequence[Mapping[str, Any]], words: Mapping[str, str], everything: bool) -> None:
    columns = ("verdict", "check", "line", "values", "where", "arithmetic", "to do", "digest")
    rows = list(_rows(found, words, everything))
    if rows:
        print_table(tuple(words[each] for each in columns), rows)
    counts = Counter(each["verdict"] for each in found)
    if not any(counts[each] for each in _SHOWN):
        out.print(words["nothing found"], markup=False)
    out.print(", ".join(f"{words[each]} {counts[each]}" for each in Verdict), markup=False)


def _rows(
    found: Sequence[Mapping[str, Any]], words: Mapping[str, str], everything: bool
) -> Iterator[tuple[object, ...]]:
    order = [*_SHOWN, Verdict.NOT_COMPARABLE, Verdict.MISSING, Verdict.MATCH]
    for each in sorted(found, key=lambda each: (order.index(each["verdict"]), each["check"])):
        if not everything and each["verdict"] not in _SHOWN:
            continue
        values = (each["values"] or ())[:_VALUES]
        said = [f"{said['by']}: {said['text'] or words['not shown']}" for said in each["explanations"]]
        yield (
            words[each["verdict"]] + (f"\n{words['EXPLAINED']}" if each["explained"] else ""),
            f"{each['check']} {words[each['check']]}",
            each["lines"],
            words["not shown"] if each["values"] is None else "\n".join(value["written"] for value in values),
            "\n".join(f"{value['paper']} {value['event']['id']} {value['at']}" for value in values),
            each["arithmetic"] or "",
            "\n".join(said) or (words[each["reason"]] if each["reason"] else ""),
            (each["digest"] or "")[:_DIGITS],
        )


def explain(
    reference: Trade,
    digest: Annotated[
        str,
        typer.Argument(help="The finding, by the first digits of its digest (`lianyun declare findings`)."),
    ],
    text: Annotated[
        str, typer.Option("--text", help="Why the values are right; never about a natural person.")
    ],
    party: Annotated[str, typer.Option("--as", help="The partner whose profile signs the explanation.")],
    made: Annotated[str, typer.Option("--made", help="When it was explained (RFC 3339).")],
    client: Client,
    key: Key,
    url: Url = "",
    patience: Patience = 120.0,
    as_json: AsJson = False,
) -> None:
    """Sign and publish why the values of a finding differ and are right. The finding stays, marked as explained, as long as its values do."""
    settings = CliSettings()
    who = profile_of(settings, party)
    micros(made, "--made")
    with calling(url, client, key) as api:
        found = got(api.get(f"/v1/trade/findings/{quote(reference)}")).json()["findings"]
    named = [each for each in found if len(digest) >= _DIGITS and (each["digest"] or "").startswith(digest)]
    if len(named) != 1:
        raise Failure(
            Exit.NOT_FOUND,
            f"{digest!r} names {len(named)} findings of {reference}",
            f"give the first {_DIGITS} digits at least, as `lianyun declare findings {reference}` shows them",
        )
    line = line_of(explanation_of(reference, named[0], text, made))
    publish_line(settings, who, f"explanation of {reference}", line, patience, as_json)


def explanation_of(trade: str, finding: Mapping[str, Any], text: str, at: str) -> EventDraft:
    """The event by which a ``finding`` (as the API shows it) of ``trade`` (owner/reference) is explained at ``at``; its id follows from both."""
    owner, _, reference = trade.partition("/")
    data = {
        "classifier": "ACT",
        "happened": at,
        "owner": owner,
        "reference": reference,
        "finding": {
            "check": finding["check"],
            **({"lines": finding["lines"]} if finding["lines"] else {}),
            "digest": finding["digest"],
        },
        "text": text,
    }
    identity = f"explained/{trade}/{finding['digest'][:16]}/{at}"
    return EventDraft(Position(), identity, FindingExplained.spec.type, at, data)
