"""What the demo shows of money: one loan through the closed border, and what a bank reads of three shippers."""

from __future__ import annotations

from typing import Any

from services.cli.output import out, print_table


def show_lending(told: dict[str, Any] | None) -> None:
    """Print the decisions on the financed cargo, where it waited, and what its bank is told in the end; None prints nothing."""
    if told is None:
        return
    waited = told["waited"]
    out.print(
        f"\n[bold]A loan on container {told['container']}, shipper {told['shipper']} (simulated)[/]\n"
        f"it waited at {waited['place']} from {waited['from']} to {waited['to']}"
    )
    rows = [
        (d["number"] or "", d["by"], d["action"], d["outcome"], d["guard"], d["written"])
        for d in told["decisions"]
    ]
    print_table(("decision", "asked by", "for", "outcome", "because of", "papers written as"), rows)
    status = told["status"]
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


def show_credit(told: dict[str, Any]) -> None:
    """Print what a bank with consent reads of each shipper, and the reasons of the worst."""
    out.print(
        "\n[bold]Credit signals of three shippers, by their consent (simulated; no verdict on a firm)[/]"
    )
    rows = []
    for name, record in told.items():
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
