"""A small network to admit into: four parties, a key for each scheme, and a pen to write records with."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from schemas.envelope import Envelope, signed_bytes
from schemas.events.base import Role
from schemas.rfc3339 import parse_micros
from schemas.schemes import Scheme
from schemas.signing import SigningKey, sign
from services.ledger.admission.evaluation import admit
from services.ledger.admission.model import AdmissionSettings, Admitted, Record, Refused
from services.ledger.registry.events import KeyAdded, PartyAdded
from services.ledger.registry.fold import Event, fold
from services.ledger.registry.possession import proven
from services.ledger.registry.registry import Registry

APPENDED = "2026-03-05T09:30:00Z"
SALT = "00112233445566778899aabbccddeeff"
ARRIVED = "cre.movement.arrived.v1"
_SEEDS = {
    Scheme.ED25519: b"\x01" * 32,
    Scheme.ED25519_BATCH: b"\x02" * 32,
    Scheme.ECDSA_P256_SHA256: b"\x03" * 32,
}


def micros(text: str) -> int:
    return parse_micros(text)


def party(code: str, role: Role, **more: Any) -> PartyAdded:
    return PartyAdded(
        code=code,
        name=code.upper(),
        roles=frozenset({role}),
        sources=frozenset({f"urn:cre:{code}"}),
        topics=frozenset({f"cre.{role}.{code}.v1"}),
        **more,
    )


def key_event(
    code: str, key: SigningKey, start: str = "2026-01-01T00:00:00Z", end: str | None = None
) -> KeyAdded:
    until = None if end is None else micros(end)
    window = proven(key, "demo", code, not_before=micros(start), not_after=until)
    return KeyAdded(party=code, key=window)


@dataclass
class Network:
    """What the tests vary: the registry's events, the settings, and one good event of the railway ktz."""

    events: list[Event]
    keys: dict[Scheme, SigningKey]
    other_key: SigningKey
    settings: AdmissionSettings = field(
        default_factory=lambda: AdmissionSettings("demo", frozenset({"cre.gateway.v1"}))
    )

    @property
    def registry(self) -> Registry:
        return fold(self.events)

    def payload(self, **changes: Any) -> dict[str, Any]:
        good = {
            "salt": SALT,
            "classifier": "ACT",
            "happened": "2026-03-05T14:20:00+05:00",
            "place": "railnet:dostyk",
            "objects": [{"kind": "container", "id": "CSQU3054383"}],
        }
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def envelope(self, **changes: Any) -> Envelope:
        good = {
            "specversion": "1.0",
            "id": "arr-1",
            "source": "urn:cre:ktz",
            "type": ARRIVED,
            "time": "2026-03-05T09:21:00Z",
            "subject": "CSQU3054383",
            "datacontenttype": "application/json",
        }
        return Envelope(**{**good, **changes})

    def record(
        self,
        value: bytes | dict[str, Any] | None = None,
        *,
        scheme: Scheme = Scheme.ED25519,
        key: SigningKey | None = None,
        network: str = "demo",
        topic: str = "cre.railway.ktz.v1",
        appended: str = APPENDED,
        **attributes: Any,
    ) -> Record:
        """A record that is signed rightly over whatever it carries."""
        data = self.payload() if value is None else value
        raw = data if isinstance(data, bytes) else json.dumps(data, separators=(",", ":")).encode()
        envelope = self.envelope(**attributes)
        header = sign(key or self.keys[scheme], signed_bytes(network, envelope, raw))
        headers = [*envelope.to_headers(), ("lianyun-signature", header.encode())]
        return Record(topic, 3, 41, micros(appended) // 1_000, headers, raw)

    def judge(self, record: Record, **settings: Any) -> Admitted | Refused:
        return admit(record, self.registry, replace(self.settings, **settings))

    def refusal(self, record: Record, **settings: Any) -> tuple[str, str]:
        """(reason, pointer) of a record that must not be admitted, after checking that the answer is of use."""
        answer = self.judge(record, **settings)
        assert isinstance(answer, Refused), answer
        assert answer.record is record
        assert answer.detail
        assert answer.remedy
        return answer.reason.value, answer.pointer


def build() -> Network:
    keys = {scheme: SigningKey.from_seed(scheme, seed) for scheme, seed in _SEEDS.items()}
    other = SigningKey.from_seed(Scheme.ED25519, b"\x09" * 32)
    events: list[Event] = [
        party("ktz", Role.RAILWAY, managers=frozenset({"ktz"})),
        party("kgd", Role.CUSTOMS, countries=frozenset({"KZ"})),
        party("xian-port", Role.OPERATOR),
        *(key_event("ktz", key) for key in keys.values()),
        key_event("kgd", other),
    ]
    return Network(events, keys, other)


@pytest.fixture
def network() -> Network:
    return build()


@pytest.fixture(scope="session")
def shared_network() -> Network:
    """The same, for tests that change nothing."""
    return build()
