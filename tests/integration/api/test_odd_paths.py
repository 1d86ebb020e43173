"""References that hold slashes, blanks, Chinese and percent signs: found under their one URL, proven there, and seen by nobody else."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from services.api import router
from services.api.app import described
from services.api.client import ApiAuth
from services.api.operations import Operation
from tests.integration.api.test_permissions import routes
from tests.support.api.cast import ODD
from tests.support.api.permissions import ROWS
from tests.support.api.responses import text_of
from tests.support.api.server import RunningApi
from tests.support.profile import first_of_each

pytestmark = pytest.mark.integration
WITH_PARAMETERS = [route for route in routes() if route.param_convertors]


def sent(
    api: RunningApi, auth: ApiAuth, target: str, htu: str | None = None, method: str = "GET"
) -> tuple[int, Any]:
    """The answer to ``target`` exactly as it is written, with a proof for ``htu``."""
    proof = auth.proof(method, api.url + (target if htu is None else htu), auth._token)
    connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=30)
    try:
        connection.putrequest(method, target)
        for name, value in (
            ("Authorization", f"DPoP {auth._token}"),
            ("DPoP", proof),
            ("Idempotency-Key", "x"),
        ):
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")
    finally:
        connection.close()


def auth_of(api: RunningApi, party: str) -> ApiAuth:
    client = api.client(party)
    client.get("/v1/platform-keys")
    assert isinstance(client.auth, ApiAuth)
    return client.auth


@pytest.mark.parametrize("reference", ODD)
def test_an_odd_reference_is_found_by_whoever_may_see_it(api: RunningApi, reference: str) -> None:
    name = f"xaport/{reference}"
    spelled = {
        f"/v1/consignments/xaport/{quote(reference, safe='')}",
        f"/v1/consignments/{quote(name, safe='')}",
    }
    spelled -= {"/v1/consignments/xaport/timeline"}  # which is the timeline of something else
    for path in spelled:
        answer = api.client("xaport").get(path)
        assert (answer.status_code, answer.json()["consignment"]) == (200, name), path
        shown = api.client("xaport").get(f"{path}/timeline?limit=1")
        assert shown.status_code == 200
        assert {item["event"]["id"] for item in shown.json()["items"]} <= {f"odd-{ODD.index(reference)}"}
        absent = api.client("stranger").get(path + "x")
        foreign = api.client("stranger").get(path)
        assert foreign.status_code == 404
        assert text_of(foreign) == text_of(absent)


def test_a_slash_that_is_escaped_is_no_slash(api: RunningApi) -> None:
    ask = api.client("xaport").get
    assert ask("/v1/consignments/xaport/A%2Ftimeline").json()["consignment"] == "xaport/A/timeline"
    assert (
        ask("/v1/consignments/xaport/A/timeline").status_code == 404
    )  # the timeline of xaport/A, which there is not
    assert ask("/v1/consignments/xaport/A%252FB").json()["consignment"] == "xaport/A%2FB"
    bank = api.client("abank").get
    assert bank("/v1/financings/LN-1/history").status_code == 200
    assert bank("/v1/financings/LN-1%2Fhistory").status_code == 404
    assert bank("/v1%2Ffinancings").json()["type"] == "urn:lianyun:problem:not-found"
    assert bank("/v1/financings%2FLN-1").json()["type"] == "urn:lianyun:problem:not-found"


@pytest.mark.parametrize("route", WITH_PARAMETERS, ids=lambda each: f"{sorted(each.methods)[0]} {each.path}")
def test_every_route_gets_its_parameters_as_they_were_meant(
    api: RunningApi, route: APIRoute, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token and the proof are judged as ever; what the route's function would get comes back."""

    async def echo(operation: Operation, request: Request, parameters: dict[str, Any]) -> Response:
        given = {name: parameters[name] for name in route.param_convertors}
        request.app.state.context.gate.proven(request)
        return Response(json.dumps([operation.path, given]))

    monkeypatch.setattr(router, "perform", echo)
    auth = auth_of(api, "abank")
    (method,) = route.methods
    for odd in ("a/b", "a b", "联运", "50%", "%2F", "a?b#c", "a+b", "a;b=c", "~"):
        target = route.path
        for name in route.param_convertors:
            target = target.replace(f"{{{name}:path}}", f"{{{name}}}")
            target = target.replace(f"{{{name}}}", "0" * 32 if name == "alert" else quote(odd, safe=""))
        status, answer = sent(api, auth, target, method=method)
        if status == 422:  # a body is missing, or the reference has a form: it was let in all the same
            assert {"body", "path", "pointer", "parameter"} & {
                *str(answer["errors"]).replace("'", " ").split()
            }
            continue
        assert (status, answer[0]) == (200, route.path), (target, answer)
        assert {value for name, value in answer[1].items() if name != "alert"} <= {odd}


SPELLINGS = ("lower", "every", "dots")
SPELLED = [
    (key, SPELLINGS[(number + turn) % 3])
    for number, key in enumerate(sorted(key for key in ROWS if "{" in key[1] and key[0] == "GET"))
    for turn in range(3)
]
"""Every path in every spelling; the spelling that comes first of a path goes round."""


@pytest.mark.parametrize(
    "spelling", first_of_each(SPELLED, lambda each: each[0], lambda each: f"{each[0][1]} {each[1]}")
)
def test_however_a_path_is_spelled_the_same_people_see_it(
    api: RunningApi, spelling: tuple[tuple[str, str], str]
) -> None:
    key, written = spelling
    row = ROWS[key]
    path, _, query = row.own.partition("?")
    spelled = {
        "lower": "/".join("".join(f"%{byte:02x}" for byte in part.encode()) for part in path.split("/")),
        "every": "/".join("".join(f"%{byte:02X}" for byte in part.encode()) for part in path.split("/")),
        "dots": path.replace("/v1/", "/health/live/%2e%2E/./../v1/"),
    }[written]
    tail = f"?{query}" if query else ""
    for party in ("abank", "bbank", "stranger", "xaport"):
        auth = auth_of(api, party)
        plain = sent(api, auth, path + tail, path)
        assert sent(api, auth, spelled + tail, path)[0] == plain[0], party
        assert sent(api, auth, spelled + tail, spelled)[0] == plain[0], party
        assert sent(api, auth, path + tail, spelled)[0] == plain[0], party
        assert sent(api, auth, spelled + tail, path.replace("/v1/", "/v1/x"))[0] == 401


def test_a_proof_for_one_resource_is_none_for_another(api: RunningApi) -> None:
    auth = auth_of(api, "xaport")
    one, other = "/v1/consignments/xaport/A%2Ftimeline", "/v1/consignments/xaport/A/timeline"
    assert sent(api, auth, one, one)[0] == 200
    assert sent(api, auth, one, other)[0] == 401
    assert sent(api, auth, other, one)[0] == 401
    assert sent(api, auth, one + "?limit=1", one)[0] == 200
    assert sent(api, auth, one, one + "?whatever=1#x")[0] == 200


@pytest.mark.parametrize(
    "target", ["/v1/consignments/xaport/%", "/v1/consignments/%zz", "/v1/financings/%ff", "/%c0%af"]
)
def test_a_path_that_cannot_be_read_is_said_to_be_so(api: RunningApi, target: str) -> None:
    status, answer = sent(api, auth_of(api, "abank"), target)
    assert (status, answer["type"]) == (400, "urn:lianyun:problem:bad-request")
    assert "escape" in answer["detail"]


@pytest.mark.parametrize("reference", first_of_each(ODD, lambda _: None, repr))
def test_the_published_example_asks_for_odd_references(
    api: RunningApi, reference: str, tmp_path: Path
) -> None:
    api.client("xaport").get("/v1/platform-keys")
    key = tmp_path / "key.jwk"
    key.write_text(json.dumps(api.key("xaport").as_dict(private=True)))
    script = Path(__file__).resolve().parents[3] / "examples" / "ask.py"
    path = f"/v1/consignments/{quote(f'xaport/{reference}', safe='')}"
    done = subprocess.run(
        [sys.executable, script, api.url, "xaport", key, path],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert json.loads(done.stdout)["consignment"] == f"xaport/{reference}"


def test_a_link_to_the_next_page_is_a_uri_whatever_the_reference(api: RunningApi) -> None:
    path = "/v1/consignments/xaport/XA-1/timeline?limit=1"
    following = api.client("xaport").get(path)
    target = following.headers["link"].partition(">")[0].removeprefix("<")
    again = api.client("xaport").get(target)
    assert again.status_code == 200
    assert again.json()["items"] != following.json()["items"]
    assert unquote(target).startswith("/v1/consignments/xaport/XA-1/timeline?limit=1&cursor=")


@pytest.mark.parametrize("odd", ["\0", "\ud7ff\uffff", "%00", "a/\0/b", "\u202e"])
def test_no_odd_character_of_a_parameter_is_our_fault(api: RunningApi, odd: str) -> None:
    for path, operations in described()["paths"].items():  # type: ignore[attr-defined]
        if not path.startswith("/v1/") or "get" not in operations:
            continue
        named = [each for each in operations["get"].get("parameters", ()) if each["in"] in ("path", "query")]
        party = "abank" if "bank" in operations["get"]["x-needs"]["roles"] else "xaport"
        target = path
        for each in named:
            target = target.replace("{" + each["name"] + "}", quote(odd, safe=""))
        for each in [None, *(each["name"] for each in named if each["in"] == "query")]:
            params = {} if each is None else {each: odd}
            answer = api.client(party).get(target, params=params)
            assert answer.status_code < 500, (target, params, answer.text)
