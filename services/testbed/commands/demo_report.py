"""What the demo and its drills print at the end, for people."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Sequence
from typing import Any

from schemas import railnet
from services.cli.output import out, print_table
from services.cli.track import show_view
from services.query.view_json import place_name
from services.query.views import SourcedView
from services.testbed.demo.train_counts import Count


def show_lending(financing: dict[str, Any] | None) -> None:
    """Print the decisions on the financed cargo, where it waited, and its status as its bank reads it in the end; None prints nothing."""
    if financing is None:
        return
    waited = financing["waited"]
    out.print(
        f"\n[bold]A loan on container {financing['container']}, shipper {financing['shipper']} (simulated)[/]\n"
        f"it waited at {waited['place']} from {waited['from']} to {waited['to']}"
    )
    rows = [
        (d["number"] or "", d["by"], d["action"], d["outcome"], d["guard"], d["written"])
        for d in financing["decisions"]
    ]
    print_table(("decision", "asked by", "for", "outcome", "because of", "papers written as"), rows)
    status = financing["status"]
    if status is None:
        return
    owed = status["outstanding"]
    out.print(
        f"its bank: {status['stage']}, {owed['minor_units'] / 100:,.2f} {owed['currency_code']} outstanding, "
        f"value stated by {' and '.join(status['stated_by'])}",
        markup=False,
    )
    for alert in status["alerts"]:
        out.print(f"  alert {alert['covenant']} {alert['about']} since {alert['since']}", markup=False)


def show_credit(credit: dict[str, Any]) -> None:
    """Print what a bank with consent reads of each shipper, and the reasons of the worst."""
    out.print(
        "\n[bold]Credit signals of three shippers, by their consent (simulated; no verdict on a firm)[/]"
    )
    rows = []
    for name, record in credit.items():
        found = record.get("assessment", {})
        band = found.get("band")
        score = "no number" if found.get("score") is None else f"{found['score']} of {found['of']}"
        lost = ", ".join(f"{r['reason']} -{r['points_lost']}" for r in found.get("reasons", ())[:2])
        without = "yes" if record["read_without_consent"] else "nothing"
        rows.append(
            (
                record["shipper"],
                name.replace("_", " "),
                found.get("status", ""),
                score,
                "" if band is None else f"{band[0]} to {band[1]}",
                lost,
                without,
            )
        )
    columns = ("shipper", "", "status", "score", "band", "most points lost", "a bank without consent reads")
    print_table(columns, rows)


def show(body: dict[str, Any], shown: dict[str, Any] | None, disputes: Sequence[Sequence[Count]]) -> None:
    """Print one container's timeline, the dispute over the stranded trains, refusals by reason, and the summary."""
    if shown is not None:
        boxes = ", ".join(box["container"] for box in shown["boxes"] if box["counted"])
        out.print(f"\n[bold]The timeline of container {boxes}: who said what, and how sure (simulated)[/]")
        show_view(shown)
    for group in disputes:
        _show_dispute(group)
    _show_formats(body["formats"])
    show_lending(body["financing"])
    show_credit(body["credit"])
    events = body["events"]
    out.print("\n[bold]Dead letters by reason (simulated): bytes, origin and remedy are kept[/]")
    print_table(("reason", "letters"), list(events["dead_letters"].items()))
    out.print("\n[bold]Summary (simulated)[/]")
    print_table(
        ("", ""),
        [
            ("trains", body["trains"]),
            ("containers", body["containers"]),
            ("consignments", body["consignments"]),
            ("messages published", events["published"]),
            ("of them read from files", f"{body['lists']['rows']} in {body['lists']['files']} files"),
            ("events accepted", events["accepted"]),
            ("that reach no consignment", events["parked"]),
            ("duplicates recognised", events["duplicates"]),
            ("equivocations", events["equivocations"]),
            ("refused", f"{events['refused']} messages, {sum(events['dead_letters'].values())} letters"),
            ("consignments with a dispute", body["disputed"]),
            ("with trouble in the end", ", ".join(f"{n} {kind}" for kind, n in body["troubles"].items())),
            ("views that differ from the world's truth", body["world_mismatches"]),
            ("fsck", body["fsck"] if body["fsck"] == "ok" else f"{len(body['fsck'])} findings"),
            ("seconds", body["seconds"]),
            ("digest of all that was published", body["digest"][:16]),
        ],
    )


def _show_formats(formats: dict[str, Any]) -> None:
    """What partners' own files were, and what their readers made of them, the most frequent first."""
    out.print(
        "\n[bold]Files in partners' own formats (simulated): read, signed and published like everything else[/]"
    )
    rows = []
    for name, each in formats.items():
        types = sorted(each["types"].items(), key=lambda counted: -counted[1])
        words = ", ".join(f"{count} {kind}" for kind, count in types)
        rows.append((name, each["files"], each["events"], words))
    print_table(("format", "files", "events", "what came out of them"), rows)


def _show_dispute(group: Sequence[Count]) -> None:
    facts = {fact.id: fact for fact in railnet.scenario_facts()}
    reported = " against ".join(str(count.reported) for count in group)
    out.print(
        f"\n[bold yellow]DISPUTED[/] trains standing before {place_name(group[0].place)}: {reported} in the press of "
        "the day. Each count stays with who said it; none is chosen. (simulated)"
    )
    columns = ("by", "", "said at", "its own count here", "reported on the day", "source of the report")
    rows = []
    for count in group:
        sources = " ".join(facts[count.fact].sources) if count.fact in facts else ""
        number = f"{count.reported} {count.how}"
        rows.append(
            (count.by, count.name, count.published, count.standing, number, f"{count.fact}: {sources}")
        )
    print_table(columns, rows)


def show_kept(shown: SourcedView | None, api: str, as_bank: str) -> None:
    """Print where to look while the platform goes on; ``as_bank`` is a command of the bank that lent, "" where none did."""
    out.print(f"\nThe platform goes on, its API at {api}. In another terminal, in this folder:")
    box = next((box.container.key for box in shown.view.boxes if box.counted), "ID") if shown else "ID"
    for line in (
        f"lianyun track {box}",
        "lianyun events tail -f",
        "lianyun dlq list",
        "lianyun fsck",
        "lianyun doctor",
        *filter(None, [as_bank]),
    ):
        out.print(f"  {line}", markup=False, soft_wrap=True)
    out.print("Ctrl-C stops it; nothing of it stays.")


def show_console(pages: str, issuer: str) -> None:
    """Print where the console is, and how to sign in there; nothing where nobody signs in."""
    if not issuer:
        return
    out.print(f"\nThe console, boards and cases: [bold]{pages}/console[/]", soft_wrap=True)
    out.print(
        f"Sign in there and choose a name from the list at {issuer}: everybody on it is made up, and no password is asked for.",
        soft_wrap=True,
    )


def show_line(address: str, *, open_it: bool) -> None:
    """Print where the line plays, and open it where there is a display."""
    out.print(f"\nThe line plays at [bold]{address}[/]", soft_wrap=True)
    out.print("every train, the queues at the borders and the closure, as a film. Ctrl-C ends the demo.")
    if open_it and has_display():
        webbrowser.open(address)


def has_display() -> bool:
    """Whether a browser that is opened here shows itself to somebody."""
    return sys.platform in ("darwin", "win32") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )


def show_kill(outcome: dict[str, Any]) -> None:
    """Print what a killed worker left and what came of it."""
    moments = {
        "before": "before the kill",
        "killed": "killed by SIGKILL before its COMMIT",
        "after": f"flows again after {outcome['recovery_seconds']} s",
    }
    out.print("\n[bold]A worker killed in the middle of a transaction (simulated world)[/]")
    rows = [(moments[at["when"]], at["applied"], at["stored"], at["epoch"]) for at in outcome["ledger"]]
    print_table(("moment", "messages applied", "events stored", "epoch of its fence"), rows)
    names = (
        "published", "accepted", "lost", "duplicated", "invented", "wrong_states", "fence_rejections",
        "fsck_findings", "recovery_seconds", "seconds",
    )  # fmt: skip
    print_table(("", ""), [(name.replace("_", " "), outcome[name]) for name in names])
    verdict = "nothing was lost, applied twice or shown wrongly" if outcome["held"] else "IT DID NOT HOLD"
    out.print(f"[bold]{verdict}[/]")
    for problem in outcome["problems"]:
        out.print(problem, markup=False)


def show_tamper(outcome: dict[str, Any]) -> None:
    """Print what was changed and what fsck found."""
    out.print("\n[bold]Rows changed by SQL behind everybody's back (simulated world)[/]")
    for change in outcome["changed"]:
        out.print(f"  {change['statement']}", markup=False)
        out.print(f"    {change['field']}: {change['before']} -> {change['after']}", markup=False)
        for finding in change["named"] or ["NOT FOUND"]:
            out.print(f"    fsck: {finding}", markup=False)
    others = len(outcome["findings"]) - sum(len(change["named"]) for change in outcome["changed"])
    verdict = "fsck named every row, its publisher and the field" if outcome["found"] else "NOT ALL WAS FOUND"
    out.print(f"[bold]{verdict}[/]; {others} more findings about what follows from them")
