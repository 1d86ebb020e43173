"""What `lianyun bank` shows to people."""

from __future__ import annotations

from typing import Any

from services.cli.output import out, print_table


def show(found: dict[str, Any]) -> None:
    """All of one financing."""
    out.print(
        f"{found['financing']}  {found['stage']}  {found['product']} on {found['interest']}, applicant {found['applicant']}",
        markup=False,
    )
    for name in ("approved", "drawn", "outstanding"):
        out.print(f"{name}: {money(found[name])}", markup=False)
    value = found["value"]
    out.print(
        f"verified value: {money(value['verified'])}, said by {', '.join(value['said_by']) or 'nobody'}",
        markup=False,
    )
    register = found["legal_register"]
    out.print(
        f"legal register: {register if isinstance(register, str) else ', '.join(r['number'] for r in register)}",
        markup=False,
    )
    for each in found["control"]:
        out.print(f"control of {each['note']}: {each['grip']}", markup=False)
    for each in found["alerts"]:
        seen = "acknowledged" if each["acknowledged"] else "NOT acknowledged"
        out.print(f"alert {each['covenant']} ({each['about']}) since {each['since']}, {seen}", markup=False)
    facts(found["corroboration"])
    steps(found["history"])
    out.print(f"as of {found['as_of']}, as known at {found['known_at']}. {found['limits']}", markup=False)


def facts(facts: list[dict[str, Any]]) -> None:
    """Facts with who said them and how sure that is."""
    rows = [
        (
            f["said"][0]["happened"],
            f["milestone"],
            f["object"],
            f["place"] or "",
            f["assurance"],
            f["sayers"],
            "disputed" if f["disputed"] else "",
        )
        for f in facts
    ]
    print_table(("happened", "fact", "of", "at", "assurance", "said by", ""), rows)


def steps(steps: list[dict[str, Any]]) -> None:
    """A history."""
    rows = [
        (
            s["at"],
            s["what"],
            s["outcome"] or "",
            s["guard"] or (f"waived: {s['waiver']['grounds']}" if s.get("waiver") else ""),
            s["by"] or "",
            s["number"] or (s["event"] or {}).get("id", ""),
        )
        for s in steps
    ]
    print_table(("at", "what", "outcome", "guard or waiver", "by", "decision or event"), rows)


def listed(found: list[dict[str, Any]]) -> None:
    """Financings in a list."""
    rows = [
        (
            f["financing"],
            f["stage"],
            f["product"],
            f["applicant"],
            money(f["outstanding"]),
            f["matures_on"] or "",
        )
        for f in found
    ]
    print_table(("financing", "stage", "product", "applicant", "outstanding (minor units)", "matures"), rows)


def money(money: dict[str, Any] | None) -> str:
    """An amount as people read it."""
    return "-" if money is None else f"{money['minor_units']} {money['currency_code']}"
