"""The page of the sandbox, written from its table."""

from __future__ import annotations

from services.api.problems import BASE, KINDS
from services.api.sandbox.table import CorroborationRow, table

_HEAD = """\
# The sandbox tenant

Written by `make schemas` from `services/api/sandbox/table.toml`.

In the networks `demo` and `sandbox` the party `sandbox` can force every outcome of an event, every answer of a decision,
every stage and alert of a financing, every outcome of credit, corroboration and status, every state of a share link, and every kind of problem by an id of
this page. What is forced is not decided, forwarded or stored; tokens, proofs, scopes, Idempotency-Key and signatures are real. Without such an id the tenant is a party like others. In production these ids
mean nothing: a sandbox has a database of its own and a network name (`LIANYUN_NETWORK=sandbox`) that is part of every signature.

`make up` registers the tenant, with the key of its client in `.lianyun/sandbox.jwk`. Elsewhere:

```
LIANYUN_NETWORK=sandbox lianyun api serve       # webhooks to this machine: LIANYUN_WEBHOOK_LOOPBACK=true
lianyun party add sandbox --name Sandbox --role bank --role shipper --role operator --source urn:cre:sandbox
lianyun key add sandbox --new
lianyun party client add sandbox --new sandbox.jwk
```

## Problems

The id stands in any path or query parameter, in a string at the top of a JSON body, or, on every route, in the header
`Lianyun-Sandbox`.
"""


def page() -> str:
    """The whole page."""
    rows = table()
    parts = [_HEAD]
    parts += _table(
        ("id", "answer"),
        [
            (f"sandbox-problem-{name}", f"{KINDS[name].status} `{BASE}{name}`{_headers(headers)}")
            for name, headers in rows.problems.items()
        ],
    )
    parts.append(
        "\n## Events\n\nThe `id` of an event of the source of the sandbox, posted to `/v1/events`. Without `Prefer: wait` it is "
        "`pending` first, as ever;\n`GET /v1/events` and the handle tell the outcome.\n"
    )
    parts += _table(
        ("id", "outcome", "reason", "pointer"),
        [
            (f"sandbox-event-{name}", str(row.outcome), row.reason, row.pointer)
            for name, row in rows.events.items()
        ],
    )
    parts.append(
        "\n## Decisions\n\nThe `reference` of `POST /v1/reservations`, or the reference in the path of pledge, draw, release, "
        "cancel and substitute.\n"
    )
    parts += _table(
        ("id", "outcome", "guard", "satisfied by"),
        [
            (
                f"sandbox-decision-{name}",
                row.outcome if row.outcome != "UNKNOWN" else "404 not-found",
                row.guard,
                row.satisfied_by,
            )
            for name, row in rows.decisions.items()
        ],
    )
    parts.append(
        "\n## Financings\n\n`GET /v1/financings/{reference}` with the id as reference. With the id of an alert also "
        "`GET /v1/financings/{reference}/alerts`.\n"
    )
    parts += _table(
        ("id", "stage"), [(f"sandbox-stage-{name}", str(row.stage)) for name, row in rows.stages.items()]
    )
    parts.append("")
    parts += _table(
        ("id", "alert"), [(f"sandbox-alert-{name}", row.covenant) for name, row in rows.alerts.items()]
    )
    parts.append("\n## Requests about cargo\n\nThe one consignment of `POST /v1/cargo-requests`.\n")
    parts += _table(
        ("consignment", "allowed", "guard"),
        [
            (f"sandbox/sandbox-cargo-{name}", "yes" if row.allowed else "no", row.guard)
            for name, row in rows.cargo.items()
        ],
    )
    parts.append(
        "\n## Credit\n\nThe shipper of `GET /v1/shippers/{shipper}/credit`. The numbers are the scorer's own, over made-up cargoes, as of "
        "`as_of`.\n"
    )
    parts += _table(
        ("id", "cargoes", "of them bad", "may be read", "objection"),
        [
            (
                f"sandbox-credit-{name}",
                str(row.cargoes),
                f"one in {row.bad}" if row.bad else "none",
                ", ".join(sorted(row.scope)) or "nothing: 404 not-found",
                row.dispute or "",
            )
            for name, row in rows.credit.items()
        ],
    )
    parts.append(
        "\n## Corroboration\n\nThe application of `POST /v1/corroborations`, with any invoice and consignment.\n"
    )
    parts += _table(
        ("application", "the invoice", "its goods"),
        [
            (f"sandbox/sandbox-corroboration-{name}", *_corroborated(row))
            for name, row in rows.corroboration.items()
        ],
    )
    parts.append(
        "\n## Status of a thing\n\nThe `id` of `GET /v1/financing-status` (of a consignment behind `sandbox/`), or the number of the "
        "first invoice of\n`POST /v1/financing-status`. `interest_taken` is told where the request names an `application`, any one.\n"
    )
    parts += _table(
        ("id", "own financings", "interest taken"),
        [
            (
                f"sandbox-status-{name}",
                ", ".join(rows.stages[stage].stage for stage in row.stages) or "none",
                "not told: 404 not-found without own ones"
                if row.taken is None
                else "yes"
                if row.taken
                else "no",
            )
            for name, row in rows.status.items()
        ],
    )
    parts.append(
        "\n## Share links\n\nThe consignment of `POST` and `GET /v1/share-links`, behind `sandbox/`, or the id of the link in "
        "`GET .../openings` and `DELETE`.\n"
    )
    parts += _table(
        ("id", "state", "opened"),
        [(f"sandbox-share-{name}", row.state, str(row.opened)) for name, row in rows.share.items()],
    )
    parts.append(
        "\n## Arrival times\n\nThe consignment of `GET /v1/consignments/{ref}/arrival`; hours are from the moment of the request.\n"
    )
    parts += _table(
        ("consignment", "status", "P10, P50, P90", "no upper bound because"),
        [
            (
                f"sandbox/sandbox-arrival-{name}",
                row.status,
                ", ".join(f"{hours} h" for hours in row.hours),
                row.no_bound or "",
            )
            for name, row in rows.arrival.items()
        ],
    )
    parts.append("\nThe header `Lianyun-Sandbox` of `GET /v1/border-forecasts`.\n")
    parts += _table(
        ("id", "crossings each way", "before P10", "behind P90"),
        [
            (f"sandbox-borders-{name}", str(row.crossings), str(row.below), str(row.above))
            for name, row in rows.borders.items()
        ],
    )
    return "\n".join(parts) + "\n"


def _corroborated(row: CorroborationRow) -> tuple[str, str]:
    if not row.known:
        return "404 not-found", ""
    by = "a stranger to the cargo" if not row.engaged else f"{row.stated} of its parties"
    stated = f"stated by {by}" if row.stated else "stated by nobody"
    differs = f", another {' and '.join(sorted(row.differs))}" if row.differs else ""
    return stated + differs, f"{row.assurance}, disputed" if row.disputed else row.assurance


def _headers(headers: object) -> str:
    shown = dict(headers) if isinstance(headers, dict) else {}
    return "".join(f", `{name}: {value}`" for name, value in shown.items())


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + [f"| `{first}` | " + " | ".join(rest) + " |" for first, *rest in rows]
