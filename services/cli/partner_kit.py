"""The kit of a partner: a folder with all it needs to publish its first event, and nothing of anybody else's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from schemas.events.base import Role
from schemas.publishing.examples import example
from services.ledger.registry.party import Party
from services.producers.profile import keyless
from services.runtime.private_file import replace

FIRST: Mapping[Role, str] = {
    Role.OPERATOR: "cre.link.consignment_opened.v1",
    Role.FORWARDER: "cre.link.consignment_opened.v1",
    Role.RAILWAY: "cre.movement.arrived.v1",
    Role.CUSTOMS: "cre.customs.released.v1",
    Role.TERMINAL: "cre.movement.gated_in.v1",
    Role.SHIPPER: "cre.movement.booked.v1",
    Role.CONSIGNEE: "cre.movement.delivered.v1",
    Role.BANK: "cre.document.arrival_notice_issued.v1",
    Role.INSURER: "cre.document.insurance_bound.v1",
    Role.CONTAINER_OWNER: "cre.movement.empty_returned.v1",
    Role.AUTHORITY: "cre.document.certificate_of_origin_issued.v1",
}
"""What a party of a role usually says first."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the partner reaches the platform; "" where it does not. ``ca`` and ``password`` are those of a secured broker."""

    bootstrap: str
    api: str
    pages: str
    ca: bytes | None = None
    password: str | None = None


def write(folder: Path, party: Party, network: str, endpoints: Endpoints, made: datetime) -> list[Path]:
    """Write the kit of ``party`` into ``folder`` (mode 700; each file 600) and return its files.

    What the partner has made since, a key in its profile or its own first file, is left as it is. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    source, topic = min(party.sources), min(party.topics, default="")
    first = json.dumps(_first(party, made), ensure_ascii=False) + "\n"
    files: dict[str, str | None] = {
        "README.md": readme(party, source, topic, network, endpoints),
        "lianyun.env": _environment(party, network, endpoints),
        f"partners/{party.code}.toml": keyless(party.code, source, topic or GATEWAY, network),
        "first.jsonl": first,
        "ca.pem": None if endpoints.ca is None else endpoints.ca.decode("ascii"),
        "secrets/lianyun_kafka_password": endpoints.password,
    }
    written = []
    for name, content in files.items():
        path = folder / name
        if content is None or (path.exists() and name.endswith((".toml", ".jsonl"))):
            continue
        path.parent.mkdir(exist_ok=True, mode=0o700)
        replace(path, content)
        written.append(path)
    return written


GATEWAY = "cre.gateway.v1"


def _first(party: Party, made: datetime) -> dict[str, object]:
    kind = next(FIRST[role] for role in Role if role in party.roles and role in FIRST)
    moment = made.astimezone(UTC).isoformat(timespec="seconds")
    data = {name: value for name, value in example(kind, whole=False).items() if name != "salt"}
    if "happened" in data:
        data["happened"] = moment
    return {"id": f"first-{made:%Y%m%dT%H%M%S}", "type": kind, "time": moment, "data": data}


def _environment(party: Party, network: str, endpoints: Endpoints) -> str:
    return "".join(f"{name}={value}\n" for name, value in _settings(party, network, endpoints))


def _settings(party: Party, network: str, endpoints: Endpoints) -> Iterator[tuple[str, str]]:
    yield "LIANYUN_NETWORK", network
    yield "LIANYUN_PARTNERS", "partners"
    if endpoints.api:
        yield "LIANYUN_API_URL", endpoints.api
    if not party.topics:
        return
    yield "LIANYUN_BOOTSTRAP", endpoints.bootstrap
    if endpoints.ca is not None:
        yield "LIANYUN_KAFKA_CA", "ca.pem"
    if endpoints.password is not None:
        yield "LIANYUN_KAFKA_USER", party.code
        yield "LIANYUN_SECRETS", "secrets"


_README = """\
# {name} ({code}): the first event

| | |
|---|---|
| network | `{network}`: signed with every event; what is signed for another network is worthless here |
| source | `{source}` |
| topic | {topic} |
| broker | {broker} |
| API | {api} |
| pages | {pages} |

In this folder, once in each terminal:

```
set -a; . ./lianyun.env; set +a
```

1. Make the key. The private half stays in `partners/{code}.toml`; send `proof.json` to the operator, who registers it, and compare its key id by
   telephone.

   ```
   lianyun key prove {code} > proof.json
   ```

   The operator: `lianyun key add {code} --proof proof.json`

2. Look at the first file and put a true record of your own in its place: events cannot be unpublished, only corrected or retracted.

   ```
   lianyun events validate first.jsonl --as {code}
   ```

3. {publish}

4. The conformance run, which says for each kind of event that you publish whether it is right:

   ```
   lianyun conformance {code}
   ```

A program of your own instead of `lianyun`: every byte is described in `schemas/published/signing.md`, with worked vectors. Times without an
offset in your files need a clock: in `partners/{code}.toml` a line `zone = "Asia/Shanghai"` under `[files]`.
"""
_BY_BROKER = """Publish it, twice: the second time repeats nothing. What could not go out yet waits in `partners/{code}.spool`.

   ```
   lianyun publish --as {code} first.jsonl
   lianyun events status --as {code}
   ```"""
_BY_GATEWAY = """Post it over HTTPS, signed by the same key (docs/guides/posting-events.md). The operator registers your program:
   `lianyun party client add {code} --key client.pem`."""


def readme(party: Party, source: str, topic: str, network: str, endpoints: Endpoints) -> str:
    """The steps from the key to the conformance run, with the commands as they are typed in the kit's folder."""
    secured = " (TLS, user and password: `secrets/lianyun_kafka_password`)" if endpoints.password else ""
    return _README.format(
        name=party.name,
        code=party.code,
        network=network,
        source=source,
        topic=f"`{topic}`" if topic else "the gateway's: post over HTTPS",
        broker=f"`{endpoints.bootstrap}`{secured}" if topic else "not needed",
        api=endpoints.api or "ask the operator",
        pages=endpoints.pages or "ask the operator",
        publish=(_BY_BROKER if topic else _BY_GATEWAY).format(code=party.code),
    )
