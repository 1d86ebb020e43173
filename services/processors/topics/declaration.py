"""The declaration of topics: its model, its location, its validation."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

RESERVED = frozenset({"admin", "broker", "exporter", "gateway", "worker"})
"""Names of the platform's own users at the broker: a party of that name would get their rights."""

_NAME = re.compile(r"cre(\.[a-z0-9-]+)+\.v[1-9][0-9]*")


class DeclarationError(Exception):
    """The declaration is missing or wrong; the text names the file, the place and what is expected."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Defaults(_Strict):
    """What all topics have in common."""

    partitions: int = Field(ge=1, le=1024)
    replication_factor: int = Field(ge=1, le=9)
    config: Mapping[str, str]


class Topic(_Strict):
    """One declared topic; ``parties`` are the codes of those whose own connection publishes to it."""

    name: str
    partner: str
    parties: tuple[str, ...]
    config: Mapping[str, str] = {}


class Declaration(_Strict):
    """All topics of a cluster."""

    defaults: Defaults
    topics: tuple[Topic, ...]

    def names(self) -> tuple[str, ...]:
        """Return the topics' names in the order of the file."""
        return tuple(topic.name for topic in self.topics)

    def topics_of(self, party: str) -> tuple[str, ...]:
        """Return the topics that ``party`` (its code) publishes to by its own connection."""
        return tuple(topic.name for topic in self.topics if party in topic.parties)

    def config_of(self, topic: Topic) -> dict[str, str]:
        """Return the configuration that ``topic`` is to have, defaults included."""
        return {**self.defaults.config, **topic.config}


def declaration_path() -> Path:
    """``LIANYUN_TOPICS`` if set, else infra/kafka/topics.toml of the source tree."""
    chosen = os.environ.get("LIANYUN_TOPICS")
    return Path(chosen) if chosen else Path(__file__).resolve().parents[3] / "infra" / "kafka" / "topics.toml"


def read_declaration(path: Path | None = None) -> Declaration:
    """Return the declaration in ``path`` (default: ``declaration_path()``). Raises DeclarationError."""
    path = path or declaration_path()
    try:
        declaration = Declaration.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise DeclarationError(f"{path} does not exist; name the file with LIANYUN_TOPICS") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise DeclarationError(f"{path} is not TOML: {wrong}") from None
    except ValidationError as wrong:
        first = wrong.errors()[0]
        place = "/".join(str(part) for part in first["loc"])
        raise DeclarationError(f"{path}, /{place}: {first['msg']}") from None
    for problem in _problems(declaration):
        raise DeclarationError(f"{path}, {problem}")
    return declaration


def _problems(declaration: Declaration) -> Iterator[str]:
    seen: set[str] = set()
    for index, topic in enumerate(declaration.topics):
        where = f"/topics/{index}"
        if not _NAME.fullmatch(topic.name):
            yield f"{where}/name: {topic.name!r} is not of the form cre.<kind>.<partner>.v<number>, in lower case"
        if topic.name in seen:
            yield f"{where}/name: {topic.name} is declared twice"
        seen.add(topic.name)
        for party in sorted(RESERVED.intersection(topic.parties)):
            yield f"{where}/parties: {party} is a user of the platform itself; give the party another code"
        if declaration.config_of(topic).get("message.timestamp.type") != "LogAppendTime":
            yield f"{where}/config: message.timestamp.type must be LogAppendTime, the one clock that events are judged by"
