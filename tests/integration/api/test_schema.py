"""The running API against its own published description: whatever is sent, it answers as it says it does."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from requests.auth import AuthBase
from schemathesis.checks import CHECKS, load_all_checks

from services.api.app import described
from services.api.client import ApiAuth
from tests.support.api.server import RunningApi
from tests.support.profile import rounds

pytestmark = [pytest.mark.integration, pytest.mark.long]
load_all_checks()
SCHEMA = schemathesis.openapi.from_dict(json.loads(json.dumps(described()))).include(path_regex="^/v1/")
# The tokens here are always good, so that requests get behind the gate; what is without one is test_permissions' business.
# What a schema cannot say (a cursor is one of ours, exactly one of four) is refused although it has the right form.
LEFT_OUT = ("ignored_auth", "unsupported_method", "positive_data_acceptance")
CHECKED = [CHECKS.get_one(name) for name in CHECKS.get_all_names() if name not in LEFT_OUT]
# A request line that is too long is refused as such, before anybody looks at its parameters.
ANY_LENGTH = [
    CHECKS.get_one(name)
    for name in CHECKS.get_all_names()
    if name not in (*LEFT_OUT, "negative_data_rejection")
]


class Proving(AuthBase):
    """Sends a token and a proof with whatever request comes out of the generator."""

    def __init__(self, api: RunningApi, party: str) -> None:
        client = api.client(party)
        client.get("/v1/access-log")  # gets a token where there is none
        assert isinstance(client.auth, ApiAuth)
        self._auth = client.auth

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        token = self._auth._token
        request.headers["authorization"] = f"DPoP {token}"
        request.headers["dpop"] = self._auth.proof(str(request.method), str(request.url), token)
        return request


@pytest.mark.randomised
@SCHEMA.parametrize()
@settings(
    max_examples=rounds(2, 4),
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
def test_answers_are_as_published(api: RunningApi, case: schemathesis.Case) -> None:
    party = "abank" if "bank" in case.operation.definition.raw["x-needs"]["roles"] else "xaport"
    if case.method != "GET" and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = uuid4().hex
    answer = case.call(base_url=api.url, auth=Proving(api, party), timeout=30)
    case.validate_response(answer, checks=ANY_LENGTH if answer.status_code == 414 else CHECKED)
