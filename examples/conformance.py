"""A publisher over HTTP and its conformance run, with the standard library and cryptography alone.

usage: python conformance.py URL CLIENT KEY_FILE SEED_FILE [RUN [OLD_SEED_FILE]] [--batches]

KEY_FILE is the JWK of your API client (docs/guides/api.md), SEED_FILE the 32-byte seed of your ed25519 key in hex; with --batches it is
registered under ed25519-batch too. OLD_SEED_FILE is that of a key outside its window. Prints what is wrong; ends with 0 where nothing is.
schemas/published/signing.md explains every byte, docs/guides/partners.md the run.
"""

import hashlib
import hmac
import json
import pathlib
import secrets
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.hashes import SHA256

ATTRIBUTES = ("specversion", "source", "id", "type", "time", "subject", "datacontenttype")


def prefixed(raw):
    return len(raw).to_bytes(4, "big") + raw


def attribute(value):
    return b"\x00" if value is None else b"\x01" + prefixed(value.encode())


def b64url(raw):
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


class Api:
    """Requests of a client with a token that is bound to its key (DPoP)."""

    def __init__(self, url, client, jwk):
        self.url, self.client, self.token = url, client, None
        self.public = {name: jwk[name] for name in ("kty", "crv", "x", "y")}
        secret = int.from_bytes(urlsafe_b64decode(jwk["d"] + "=="), "big")
        self.key = ec.derive_private_key(secret, ec.SECP256R1())

    def jwt(self, header, **claims):
        claims = {"iat": int(time.time()), "jti": secrets.token_hex(16), **claims}
        text = ".".join(b64url(json.dumps(part).encode()) for part in ({"alg": "ES256", **header}, claims))
        r, s = utils.decode_dss_signature(self.key.sign(text.encode(), ec.ECDSA(SHA256())))
        return f"{text}.{b64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def proof(self, method, path, **more):
        target = self.url + path.partition("?")[0]
        return self.jwt({"typ": "dpop+jwt", "jwk": self.public}, htm=method, htu=target, **more)

    def open(self, method, path, body, headers):
        request = urllib.request.Request(self.url + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as problem:
            return problem.code, json.load(problem)

    def login(self):
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self.jwt(
                {}, iss=self.client, sub=self.client, aud=self.url, exp=int(time.time()) + 60
            ),
        }
        headers = {
            "dpop": self.proof("POST", "/oauth2/token"),
            "content-type": "application/x-www-form-urlencoded",
        }
        self.token = self.open("POST", "/oauth2/token", urlencode(form).encode(), headers)[1]["access_token"]

    def ask(self, method, path, body=None, **headers):
        for _ in range(2):
            if self.token is None:
                self.login()
            ath = b64url(hashlib.sha256(self.token.encode()).digest())
            told = {"authorization": f"DPoP {self.token}", "dpop": self.proof(method, path, ath=ath)}
            status, answer = self.open(method, path, body, {**told, **headers})
            if status != 401:
                break
            self.token = None  # it has ended: once more with a new one
        return status, answer


class Publisher:
    """Makes signed events of records, posts them and reads what became of each."""

    def __init__(self, api, network, source, seed):
        self.api, self.network, self.source, self.seed = api, network, source, seed
        self.key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)

    def key_id(self, key, scheme="ed25519"):
        return hashlib.sha256(scheme.encode() + b"\x00" + key.public_key().public_bytes_raw()).hexdigest()[
            :16
        ]

    def salt(self, record):
        secret = hashlib.sha256(b"salt secret\n" + self.seed).digest()
        named = b"lianyun-salt-v1\n" + prefixed(self.source.encode()) + prefixed(record["id"].encode())
        return hmac.digest(secret, named, "sha256")[:16].hex()

    def payload(self, record):
        if record.get("payload") is not None:
            return record["payload"].encode()
        data = {"salt": self.salt(record), **record["data"]}
        return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()

    def attributes(self, record):
        given = {
            name: record[name] for name in ("id", "type", "time", "subject") if record.get(name) is not None
        }
        return {"specversion": "1.0", "source": self.source, "datacontenttype": "application/json", **given}

    def signed_bytes(self, attributes, payload, network=None):
        parts = b"".join(attribute(attributes.get(name)) for name in ATTRIBUTES)
        return b"lianyun-event-v1\n" + attribute(network or self.network) + parts + prefixed(payload)

    def signature(self, signed, key=None):
        key = key or self.key
        return f"v1;ed25519;{self.key_id(key)};{b64encode(key.sign(signed)).decode()}"

    def event(self, record):
        attributes, payload = self.attributes(record), self.payload(record)
        return self.posted(attributes, payload, self.signature(self.signed_bytes(attributes, payload)))

    def posted(self, attributes, payload, signature):
        event = {**attributes, "data_base64": b64encode(payload).decode()}
        return event if signature is None else {**event, "lianyunsignature": signature}

    def send(self, records):
        """What became of each record."""
        return self.post([self.event(record) for record in records])

    def post(self, events):
        body = json.dumps(events).encode()
        media = "application/cloudevents-batch+json"
        _, answer = self.api.ask("POST", "/v1/events", body, **{"content-type": media, "prefer": "wait=5"})
        return [self.final(result) for result in answer["results"]]

    def final(self, result):
        end = time.time() + 60
        while result["outcome"] == "pending" and time.time() < end:
            time.sleep(0.2)
            result = {**result, **self.api.ask("GET", f"/v1/events/{result['handle']}")[1]}
        return result


def noticed(results):
    """The reason of the first refusal among the results, else what equivocates, else the code of the first remark."""
    for result in results:
        if result["outcome"] in ("refused", "equivocation"):
            return result.get("reason") or result["outcome"]
    return next((remark["code"] for result in results for remark in result.get("remarks") or ()), "")


class Run:
    """The cases, sent by a publisher; what a case wants done wrong is done here and not by the publisher."""

    def __init__(self, publisher, old=None, notice=noticed, batches=True):
        self.publisher, self.notice, self.batches = publisher, notice, batches
        self.old = None if old is None else ed25519.Ed25519PrivateKey.from_private_bytes(old)

    def case(self, case):
        told = [event for event in case["events"] if not event["echo"]]
        whole = any(event["together"] > 1 or event["how"] == "signed_batch" for event in told)
        results = []
        for group in [told] if whole and told else [[event] for event in told]:
            results += self.send(group)
        said = self.notice(results)
        for event in case["events"]:
            if event["echo"] and said:
                self.publisher.send([{**event, "data": {**event["data"], "remark": said}}])

    def send(self, group):
        if group[0]["how"] in ("as_given", "exact_payload"):
            return [each for _ in range(group[0]["times"]) for each in self.publisher.send(group)]
        wrong = self.otherwise(group)
        return self.publisher.post(wrong) if wrong else []

    def otherwise(self, events):
        how, made = events[0]["how"], self.publisher
        attributes, payload = made.attributes(events[0]), made.payload(events[0])
        if how == "signed_batch":
            return self.batch(events) if self.batches else None
        if how == "padded":
            payload = payload.ljust(70_000)
        if how == "without_time":
            del attributes["time"]
        if how == "foreign_source":
            attributes["source"] = "urn:cre:nobody"
        network = "elsewhere" if how == "other_network" else None
        key = ed25519.Ed25519PrivateKey.generate() if how == "unregistered_key" else None
        if how == "other_window":
            if self.old is None:
                return None
            key = self.old
        signature = made.signature(made.signed_bytes(attributes, payload, network), key)
        if how == "altered":
            payload += b" "
        return [made.posted(attributes, payload, None if how == "unsigned" else signature)]

    def batch(self, events):
        made = self.publisher
        content = [(made.attributes(event), made.payload(event)) for event in events]
        leaves = [hashlib.sha256(b"\x00" + made.signed_bytes(*each)).digest() for each in content]
        pairs = [hashlib.sha256(b"\x01" + leaves[n] + leaves[n + 1]).digest() for n in (0, 2)]  # four leaves
        root = hashlib.sha256(b"\x01" + pairs[0] + pairs[1]).digest()
        signed = made.key.sign(b"lianyun-ed25519-batch-v1\n" + len(leaves).to_bytes(4, "big") + root)
        start = f"v1;ed25519-batch;{made.key_id(made.key, 'ed25519-batch')};{b64encode(signed).decode()};4"
        paths = [leaves[n ^ 1] + pairs[1 - n // 2] for n in range(4)]
        return [
            made.posted(*each, f"{start};{n};{b64encode(root).decode()};{b64encode(paths[n]).decode()}")
            for n, each in enumerate(content)
        ]


def main(url, client, key_file, seed_file, run="1", old_seed_file=None):
    api = Api(url, client, json.loads(pathlib.Path(key_file).read_text()))
    given = api.ask("GET", f"/v1/sandbox/conformance?run={run}")[1]
    seed, old = (f and bytes.fromhex(pathlib.Path(f).read_text()) for f in (seed_file, old_seed_file))
    runner = Run(
        Publisher(api, given["network"], given["source"], seed), old, batches="--batches" in sys.argv
    )
    for case in given["cases"]:
        runner.case(case)
    outcome = api.ask("GET", f"/v1/sandbox/conformance/{run}")[1]
    print(f"right {outcome['right']}, wrong {outcome['wrong']}, not tried {outcome['not_tried']}")
    for case in outcome["cases"]:
        for found in case["findings"]:
            print(f"{found['event']} {found['where']}: expected {found['expected']}, came {found['came']}")
            print(f"    {found['remedy']}")
    return 0 if outcome["conforms"] else 1


if __name__ == "__main__":
    sys.exit(main(*(word for word in sys.argv[1:] if word != "--batches")))
