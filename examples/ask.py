"""Ask the API as a bank would, with httpx and joserfc alone: python ask.py URL CLIENT KEY_FILE PATH; see docs/guides/api.md."""

import hashlib
import json
import pathlib
import secrets
import sys
import time
from base64 import urlsafe_b64encode

import httpx
from joserfc import jwk, jwt

url, client, key_file, path = sys.argv[1:]
target = str(httpx.URL(url + path))  # as it is sent: what a URL cannot hold is escaped
key = jwk.ECKey.import_key(json.loads(pathlib.Path(key_file).read_text()))


def signed(header: dict, **claims: object) -> str:
    now = int(time.time())
    return jwt.encode({"alg": "ES256", **header}, {"iat": now, "jti": secrets.token_hex(16), **claims}, key)


def proof(method: str, target: str, **more: str) -> str:
    shown = {"typ": "dpop+jwt", "jwk": key.as_dict(private=False)}
    return signed(shown, htm=method, htu=target.partition("?")[0], **more)


form = {
    "grant_type": "client_credentials",
    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    "client_assertion": signed({}, iss=client, sub=client, aud=url, exp=int(time.time()) + 60),
}
endpoint = url + "/oauth2/token"
given = httpx.post(endpoint, data=form, headers={"dpop": proof("POST", endpoint)}).raise_for_status().json()
ath = urlsafe_b64encode(hashlib.sha256(given["access_token"].encode()).digest()).rstrip(b"=").decode()
headers = {"authorization": f"DPoP {given['access_token']}", "dpop": proof("GET", target, ath=ath)}
print(httpx.get(target, headers=headers).text)
