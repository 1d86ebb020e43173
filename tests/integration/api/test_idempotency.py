"""Repeating a request that changes something: one effect, one answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from uuid import uuid4

import httpx
import psycopg
import pytest
from pydantic import BaseModel

from services.api.auth.permissions import Needs, Scope
from services.api.calls import Answer, Call
from services.api.problems import Problem
from services.api.router import Routes
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.api.cast import play
from tests.support.api.server import RunningApi
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration
routes = Routes("test")
entered, go_on = threading.Event(), threading.Event()


class Mark(BaseModel):
    word: str
    wait: bool = False
    fail: bool = False
    break_: bool = False


@routes.post("/v1/marks", Needs(Scope.EVENTS_WRITE), status=201)
def mark(call: Call, said: Mark) -> Answer:
    """Write a word down."""
    call.session.execute("INSERT INTO lianyun.mark (word) VALUES (%s)", (said.word,))
    if said.wait:
        entered.set()
        assert go_on.wait(20)
    if said.fail:
        raise Problem("conflict", "as asked")
    if said.break_:
        raise RuntimeError("postgresql://user:secret@host broke")
    return Answer({"word": said.word, "at": call.now}, 201, {"location": f"/v1/marks/{said.word}"})


@pytest.fixture(scope="module")
def marks(postgres: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    dsn = migrated_database(postgres, "api_marks")
    play(dsn)
    with psycopg.connect(dsn) as session:
        session.execute("CREATE TABLE lianyun.mark (word text)")
    running = RunningApi(dsn, tmp_path_factory.mktemp("marks"), {"api_body_limit": 2_000})
    running.app.router.routes.extend(routes.router.routes)
    with running:
        yield running


def post(api: RunningApi, key: str | None, party: str = "xaport", **said: object) -> httpx.Response:
    return api.client(party).post(
        "/v1/marks", json=said, headers={} if key is None else {"idempotency-key": key}
    )


def written(api: RunningApi, word: str) -> int:
    return int(api.rows("SELECT count(*) FROM lianyun.mark WHERE word = %s", word)[0][0])


def test_the_same_request_again_is_the_same_answer_and_one_effect(marks: RunningApi) -> None:
    word, key = uuid4().hex, uuid4().hex
    first, second = post(marks, key, word=word), post(marks, key, word=word)
    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert first.headers["location"] == second.headers["location"]
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert written(marks, word) == 1


def test_the_key_of_one_party_is_not_that_of_another(marks: RunningApi) -> None:
    word, key = uuid4().hex, uuid4().hex
    assert post(marks, key, word=word).status_code == 201
    assert "idempotent-replayed" not in post(marks, key, "silk", word=word).headers
    assert written(marks, word) == 2


def test_another_body_under_the_same_key_is_refused(marks: RunningApi) -> None:
    word, key = uuid4().hex, uuid4().hex
    post(marks, key, word=word)
    answer = post(marks, key, word=word + "x")
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:lianyun:problem:idempotency-key-reused"
    assert written(marks, word + "x") == 0


def test_a_key_is_needed(marks: RunningApi) -> None:
    for key in (None, "", "x" * 256):
        answer = post(marks, key, word="never")
        assert answer.json()["type"] == "urn:lianyun:problem:idempotency-key-missing"
    assert written(marks, "never") == 0


def test_what_failed_has_no_effect_and_may_be_tried_again(marks: RunningApi) -> None:
    for fault, status in (("fail", 409), ("break_", 500)):
        word, key = uuid4().hex, uuid4().hex
        answer = post(marks, key, word=word, **{fault: True})
        assert answer.status_code == status
        assert "secret" not in answer.text
        assert written(marks, word) == 0
        assert post(marks, key, word=word).status_code == 201  # nothing was kept, not even the first body
        assert written(marks, word) == 1


def test_while_the_first_is_at_work_the_second_is_told_so(marks: RunningApi) -> None:
    word, key = uuid4().hex, uuid4().hex
    entered.clear()
    go_on.clear()
    answers: list[httpx.Response] = []
    first = threading.Thread(
        target=lambda: answers.append(
            httpx.post(
                f"{marks.url}/v1/marks", json={"word": word, "wait": True}, headers={"idempotency-key": key},
                auth=marks.auth("xaport"), timeout=30,
            )
        )
    )  # fmt: skip
    marks.client("xaport")
    first.start()
    assert entered.wait(20)
    second = post(marks, key, word=word, wait=True)
    assert second.status_code == 409
    assert second.json()["type"] == "urn:lianyun:problem:idempotency-in-flight"
    go_on.set()
    first.join(20)
    assert answers[0].status_code == 201
    assert post(marks, key, word=word, wait=True).content == answers[0].content
    assert written(marks, word) == 1


def test_a_body_that_is_too_large_or_none_is_told_as_a_problem(marks: RunningApi) -> None:
    key = {"idempotency-key": uuid4().hex}
    client = marks.client("xaport")
    large = client.post("/v1/marks", content=b'{"word": "' + b"x" * 3_000 + b'"}', headers=key)
    assert (large.status_code, large.json()["limit"]) == (413, 2_000)
    pieces = client.post("/v1/marks", content=(b"x" * 500 for _ in range(10)), headers=key)
    assert (pieces.status_code, pieces.json()["limit"]) == (413, 2_000)
    broken = client.post("/v1/marks", content=b"{", headers={**key, "content-type": "application/json"})
    assert broken.status_code == 422
    assert broken.json()["errors"] == [{"pointer": "", "detail": "not JSON"}]
    wrong = client.post("/v1/marks", json={"word": 5}, headers=key)
    assert wrong.json()["errors"][0]["pointer"] == "/word"
    other = client.post("/v1/marks", content=b"word=x", headers={**key, "content-type": "text/plain"})
    assert other.status_code == 415
