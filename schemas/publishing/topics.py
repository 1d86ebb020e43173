"""Which channels the published contract names: the declared topics, or the two forms that every topic has."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from schemas.events.vocabulary import Role

DECLARED = Path(__file__).resolve().parents[2] / "infra" / "kafka" / "topics.toml"
"""Where the topics are declared; absent in an installed package."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One topic or form of topic: ``address`` as in AsyncAPI, with ``{parameters}``; ``role`` of its only writer, if one."""

    name: str
    address: str
    description: str
    role: Role | None = None
    parameters: tuple[tuple[str, str], ...] = ()


GENERIC = (
    Channel(
        "partner",
        "cre.{role}.{party}.v1",
        "The topic of one directly connected partner: only it may write there.",
        parameters=(
            ("role", "The role under which the party publishes."),
            ("party", "The registered code of the party, or of the hub that connects several."),
        ),
    ),
    Channel(
        "gateway",
        "cre.gateway.v1",
        "What partners without a connection of their own send to the gateway, which passes it on as signed.",
    ),
)


def channels(declared: Path = DECLARED) -> tuple[Channel, ...]:
    """The generic channels and each topic declared in ``declared`` beyond them, by name; reads one file."""
    if not declared.is_file():
        return GENERIC
    topics = tomllib.loads(declared.read_text(encoding="utf-8")).get("topics", [])
    known = {channel.address for channel in GENERIC}
    found = (
        _channel(topic["name"], topic.get("partner", "")) for topic in topics if topic["name"] not in known
    )
    return (*GENERIC, *sorted(found, key=lambda channel: channel.name))


def _channel(topic: str, partner: str) -> Channel:
    role = topic.split(".")[1] if topic.count(".") == 3 else ""
    return Channel(
        topic.removeprefix("cre.").replace(".", "_"),
        topic,
        f"{partner or topic}: only this partner may write here.",
        Role(role) if role in set(Role) else None,
    )
