"""What admission costs, stage by stage, in microseconds of one thread: `python tests/system/bench/admission_stages.py`.

Best of several rounds over 2,000 different events of about 800 bytes, one object each (the bulk of the traffic), and
over links of fifty containers. Signatures are measured apart, since they run without the interpreter's lock.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from schemas.envelope import Envelope, content_digest, event_id, read_headers, require_payload, signed_bytes
from schemas.events.base import Role
from schemas.events.decode import decode_payload
from schemas.remarks import remarks_of
from schemas.schemes import PublicKey, Scheme
from schemas.signature_header import SignatureHeader, parse_header
from schemas.signing import SigningKey, Verifier, sign_batch
from schemas.strict_json import loads
from services.domain.interpretation import Attribution, interpret
from services.ledger.admission.evaluation import evaluate
from services.ledger.admission.model import AdmissionSettings, Record, Verified
from services.ledger.admission.verification import verify_many, verify_record
from services.ledger.registry.events import KeyAdded, NewKey, PartyAdded
from services.ledger.registry.fold import fold

EVENTS, ROUNDS = 2_000, 7
SETTINGS = AdmissionSettings("demo")
APPENDED = 1_772_703_000_000


def free(_header: SignatureHeader, _key: PublicKey, _signed: bytes) -> None:
    """A signature check that costs nothing, to measure everything around it."""


@dataclass(frozen=True)
class Sample:
    name: str
    type: str
    payloads: Sequence[bytes]


def milestones() -> Sample:
    made = []
    for n in range(EVENTS):
        payload = {
            "salt": f"{n:032x}",
            "classifier": "ACT",
            "happened": f"2026-03-05T{n % 24:02}:{n % 60:02}:00+05:00",
            "happened_as_written": "05.03.2026 12:20",
            "place": "railnet:dostyk",
            "occurrence": f"cr-{n % 900}-2026-03-05",
            "objects": [{"kind": "container", "id": f"CSQU{n:07}"}],
            "remark": "Seen by the gate camera at the second track. " * 4,
            "relay": None,
        }
        made.append(json.dumps({k: v for k, v in payload.items() if v}, separators=(",", ":")).encode())
    return Sample("milestone, one container", "cre.movement.arrived.v1", made)


def links() -> Sample:
    made = []
    for n in range(EVENTS // 20):
        payload = {
            "salt": f"{n:032x}",
            "from": "2026-03-01T08:00:00+08:00",
            "train": f"cr/X{n}/2026-03-01/locode:CNXIA",
            "wagons": [f"1520/{n * 50 + w:08}" for w in range(50)],
        }
        made.append(json.dumps(payload, separators=(",", ":")).encode())
    return Sample("link, fifty wagons", "cre.link.train_composed.v1", made)


def measure(name: str, action: Callable[[], Any], count: int) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        action()
        best = min(best, time.perf_counter() - start)
    each = best / count * 1e6
    print(f"  {name:<46} {each:8.2f} us")
    return each


def run(sample: Sample) -> None:
    keys = {
        scheme: SigningKey.from_seed(scheme, b"\x05" * 32)
        for scheme in (Scheme.ED25519, Scheme.ED25519_BATCH)
    }
    party = PartyAdded(
        code="ktz",
        name="KTZ",
        roles=frozenset({Role.RAILWAY}),
        managers=frozenset({"ktz"}),
        sources=frozenset({"urn:cre:ktz"}),
        topics=frozenset({"t"}),
    )
    added = (
        KeyAdded(party="ktz", key=NewKey(scheme=k.scheme, public_key=k.public_key.hex(), not_before=0))
        for k in keys.values()
    )
    registry = fold([party, *added])
    count = len(sample.payloads)

    def records(scheme: Scheme) -> list[Record]:
        envelopes = [
            Envelope(
                "1.0", f"e-{n}", "urn:cre:ktz", sample.type, "2026-03-05T09:21:00Z", None, "application/json"
            )
            for n in range(count)
        ]
        signed = [signed_bytes("demo", e, raw) for e, raw in zip(envelopes, sample.payloads, strict=True)]
        headers = [h for at in range(0, count, 64) for h in sign_batch(keys[scheme], signed[at : at + 64])]
        return [
            Record("t", 0, n, APPENDED, [*e.to_headers(), ("lianyun-signature", h.encode())], raw)
            for n, (e, h, raw) in enumerate(zip(envelopes, headers, sample.payloads, strict=True))
        ]

    single, batch = records(Scheme.ED25519), records(Scheme.ED25519_BATCH)
    size = sum(map(len, sample.payloads)) // count
    print(f"{sample.name}: {count} events, {size} bytes of payload")
    read_all = [read_headers(r.headers) for r in single]
    envelopes = [envelope for envelope, _ in read_all]
    measure("envelope from headers", lambda: [read_headers(r.headers) for r in single], count)
    measure("signature header, single", lambda: [parse_header(v) for _, v in read_all], count)
    in_batch = [read_headers(r.headers)[1] for r in batch]
    measure("signature header, batch", lambda: [parse_header(v) for v in in_batch], count)
    signed = [
        signed_bytes("demo", e, require_payload(r.value)) for e, r in zip(envelopes, single, strict=True)
    ]
    measure(
        "signed bytes",
        lambda: [signed_bytes("demo", e, r.value or b"") for e, r in zip(envelopes, single, strict=True)],
        count,
    )
    measure(
        "identity and content digests",
        lambda: [
            (event_id(e.source, e.id), content_digest(s)) for e, s in zip(envelopes, signed, strict=True)
        ],
        count,
    )
    around = measure(
        "VERIFY without the signature",
        lambda: [verify_record(r, registry, SETTINGS, free) for r in single],
        count,
    )
    measure("VERIFY ed25519", lambda: verify_many(single, registry, SETTINGS, Verifier()), count)
    measure("VERIFY ed25519-batch of 64", lambda: verify_many(batch, registry, SETTINGS, Verifier()), count)
    verified = [v for v in verify_many(single, registry, SETTINGS, Verifier()) if isinstance(v, Verified)]
    assert len(verified) == count
    measure("strict JSON", lambda: [loads(v.payload) for v in verified], count)
    measure(
        "strict JSON, model and checks",
        lambda: [decode_payload(sample.type, v.payload) for v in verified],
        count,
    )
    payloads = [decode_payload(sample.type, v.payload) for v in verified]
    statements = [Attribution(v.event, "urn:cre:ktz", v.party.publisher, 0) for v in verified]
    measure(
        "interpretation",
        lambda: [interpret(s, v.content, p) for s, v, p in zip(statements, verified, payloads, strict=True)],
        count,
    )
    measure("remarks", lambda: [remarks_of(p, 2**62) for p in payloads], count)
    reading = measure("READ", lambda: [evaluate(v, registry) for v in verified], count)
    print(f"  {'ADMISSION without the signature':<46} {around + reading:8.2f} us (budget 60)\n")


if __name__ == "__main__":
    for chosen in (milestones(), links()):
        run(chosen)
