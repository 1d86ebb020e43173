"""The HTTP client of `lianyun bank`: requests as the bank's client, problems as failures, and the output of responses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from services.api.client import ApiAuth
from services.cli.exits import Exit, Failure
from services.cli.output import out, print_table
from services.cli.settings import CliSettings

LOCAL = "http://127.0.0.1:8443"
"""Where `lianyun api serve` listens when it is told nothing."""


@contextmanager
def calling(url: str, client: str, key: Path) -> Iterator[httpx.Client]:
    """An HTTP client that authenticates as ``client`` at ``url``, or at the configured API. Raises Failure."""
    url = url or CliSettings().api_url or LOCAL
    try:
        private = import_key(json.loads(key.read_text(encoding="utf-8")))
        if not isinstance(private, ECKey | OKPKey | RSAKey):
            raise ValueError("it is no key that signs")
    except (OSError, ValueError, JoseError) as problem:
        raise Failure(
            Exit.USAGE, f"{key}: {problem}", "make one with `lianyun party client add CODE --new FILE`"
        ) from None
    try:
        with httpx.Client(base_url=url, auth=ApiAuth(client, private, url), timeout=30) as api:
            yield api
    except httpx.HTTPStatusError as problem:
        raise Failure(
            Exit.FAILED, f"no token for {client}: {problem.response.text[:300]}", "lianyun party client list"
        ) from None
    except httpx.TransportError as problem:
        raise Failure(
            Exit.UNREACHABLE,
            f"{url} does not answer: {problem}",
            "start one here with: make up; or set LIANYUN_API_URL",
        ) from None


def path_of(reference: str) -> str:
    """Where a financing is, whatever characters its reference holds."""
    return f"/v1/financings/{quote(reference, safe='')}"


def posted(api: httpx.Client, path: str, body: Any, again: str) -> httpx.Response:
    """POST ``body`` under the idempotency key ``again``, or under a new one."""
    return api.post(path, json=body, headers={"idempotency-key": again or uuid4().hex})


def got(answer: httpx.Response) -> httpx.Response:
    """The response; Failure where it is a problem."""
    if answer.is_success:
        return answer
    try:
        body = answer.json()
    except ValueError:
        body = {"title": answer.text[:200]}
    faults = "; ".join(
        f"{f.get('pointer') or f.get('parameter')}: {f['detail']}" for f in body.get("errors", ())
    )
    problem = " ".join(filter(None, (body.get("title"), body.get("detail"), faults)))
    code = Exit.NOT_FOUND if answer.status_code == httpx.codes.NOT_FOUND else Exit.FAILED
    raise Failure(
        code,
        problem or str(answer.status_code),
        "docs/reference/api-problems.md says what each problem means",
    )


def pages(api: httpx.Client, path: str, params: dict[str, str]) -> Iterator[dict[str, Any]]:
    """The items of a list, page by page."""
    cursor: str | None = ""
    while cursor is not None:
        page = got(api.get(path, params={**params, **({"cursor": cursor} if cursor else {})})).json()
        yield from page["items"]
        cursor = page["next"]


def show(found: dict[str, Any]) -> None:
    """Print one financing."""
    out.print(
        f"{found['financing']}  {found['stage']}  {found['product']} on {found['interest']}, applicant {found['applicant']}",
        markup=False,
    )
    for name in ("approved", "drawn", "outstanding"):
        out.print(f"{name}: {money(found[name])}", markup=False)
    if found["given_back"]["goods"] or found["given_back"]["value"]:
        named = ", ".join(f"{each['kind']} {each['id']}" for each in found["given_back"]["goods"])
        out.print(
            f"given back: {named or 'a part'}, worth {money(found['given_back']['value'])}", markup=False
        )
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
        out.print(f"control of {each['note']}: {each['grip']} ({each['assurance']})", markup=False)
    for each in found["alerts"]:
        seen = "acknowledged" if each["acknowledged"] else "NOT acknowledged"
        out.print(f"alert {each['covenant']} ({about(each)}) since {each['since']}, {seen}", markup=False)
    facts(found["corroboration"])
    steps(found["history"])
    out.print(f"as of {found['as_of']}, as known at {found['known_at']}. {found['limits']}", markup=False)


def about(alert: dict[str, Any]) -> str:
    """What an alert is about, with the consignments that the goods were moved to."""
    to = ", ".join(alert["moved_to"])
    return f"{alert['about']} to {to}" if to else str(alert["about"])


def facts(facts: list[dict[str, Any]]) -> None:
    """Print facts with their sources and assurance."""
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
    """Print a history."""
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
    """Print a list of financings."""
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
    """An amount for display."""
    return "-" if money is None else f"{money['minor_units']} {money['currency_code']}"
