"""Publish signed events with kafka-python and PyNaCl alone: a starting point for your own publisher.

usage: python publish.py BOOTSTRAP TOPIC NETWORK SOURCE SEED_FILE < events.jsonl

A line of input is {"id", "type", "time", "subject" (may be absent), "data"}. SEED_FILE holds the 32-byte seed of your
registered ed25519 key in hex. Running it again sends byte-equal messages, which is harmless.
schemas/published/signing.md explains every byte.
"""

import hashlib
import hmac
import json
import pathlib
import sys
from base64 import b64encode

from kafka import KafkaProducer
from nacl.signing import SigningKey

HEADERS = {name: f"ce_{name}" for name in ("specversion", "source", "id", "type", "time", "subject")}
HEADERS["datacontenttype"] = "content-type"


def prefixed(raw: bytes) -> bytes:
    return len(raw).to_bytes(4, "big") + raw


def attribute(value: str | None) -> bytes:
    return b"\x00" if value is None else b"\x01" + prefixed(value.encode())


def main(bootstrap: str, topic: str, network: str, source: str, seed_file: str) -> None:
    seed = bytes.fromhex(pathlib.Path(seed_file).read_text())
    key = SigningKey(seed)
    key_id = hashlib.sha256(b"ed25519\x00" + bytes(key.verify_key)).hexdigest()[:16]
    salt_secret = hashlib.sha256(b"salt secret\n" + seed).digest()
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    fixed = {"specversion": "1.0", "source": source, "datacontenttype": "application/json"}
    sent = []
    for line in sys.stdin.buffer:
        event = {**json.loads(line), **fixed}
        record = b"lianyun-salt-v1\n" + prefixed(source.encode()) + prefixed(event["id"].encode())
        data = {"salt": hmac.digest(salt_secret, record, "sha256")[:16].hex(), **event["data"]}
        payload = json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()
        attributes = b"".join(attribute(event.get(name)) for name in HEADERS)
        signed = b"lianyun-event-v1\n" + attribute(network) + attributes + prefixed(payload)
        signature = b64encode(key.sign(signed).signature).decode()
        headers = [(HEADERS[name], event[name].encode()) for name in HEADERS if name in event]
        headers.append(("lianyun-signature", f"v1;ed25519;{key_id};{signature}".encode()))
        place = event.get("subject", "").encode()  # what belongs together stays in order, for speed only
        sent.append((event["id"], producer.send(topic, payload, key=place, headers=headers)))
    producer.flush()
    for id, future in sent:  # get() raises when the broker did not store the event: then run it again
        print(f"{id} stored at offset {future.get(timeout=60).offset}")


if __name__ == "__main__":
    main(*sys.argv[1:])
