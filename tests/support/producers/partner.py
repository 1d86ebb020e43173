"""A railway with a key of its own, and its native records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from schemas.signing import Scheme, SigningKey
from services.producers.formats.model import Settings
from services.producers.profile import Profile

TOPIC = "cre.railway.ktz.v1"


def partner(topic: str = TOPIC, files: Settings | None = None) -> Profile:
    key = SigningKey.from_seed(Scheme.ED25519_BATCH, b"\x07" * 32)
    return Profile("ktz", "urn:cre:ktz", topic, "demo", key, b"\x08" * 32, files)


def on_clock(zone: str = "Asia/Almaty") -> Settings:
    return Settings("ktz", ZoneInfo(zone))


def departed(identity: str, at: str = "2025-09-12T07:55:00+05:00", **changes: Any) -> dict[str, Any]:
    """A native record; ``changes`` are to its data."""
    data = {
        "classifier": "ACT",
        "happened": at,
        "place": "esr:708403",
        "occurrence": identity,
        "objects": [{"kind": "container", "id": "CSQU3054383"}],
    }
    return {
        "id": identity,
        "type": "cre.movement.departed.v1",
        "time": "2025-09-12T08:00:00+05:00",
        "data": {**data, **changes},
    }


def lines(*records: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def write(path: Path, *records: dict[str, Any]) -> Path:
    path.write_bytes(lines(*records))
    return path
