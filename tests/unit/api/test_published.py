"""What is published of the API is what it does, and takes nothing back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.api.app import described
from services.api.compatibility import broken
from services.api.problems import KINDS, Problem
from services.api.publishing import DESCRIPTION, PROBLEMS, ROOT, main, render


@pytest.mark.parametrize("path", [DESCRIPTION, PROBLEMS], ids=str)
def test_published_is_fresh(path: Path) -> None:
    assert (ROOT / path).read_bytes() == render()[path], "run `make schemas`"


def test_nothing_published_is_taken_back() -> None:
    there = json.loads((ROOT / DESCRIPTION).read_text(encoding="utf-8"))
    assert broken(there, described()) == []


def test_what_would_break_callers_is_not_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = json.loads((ROOT / DESCRIPTION).read_text(encoding="utf-8"))
    there["paths"]["/v1/gone"] = {"get": {"responses": {}}}
    for path in (DESCRIPTION, PROBLEMS):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / DESCRIPTION).write_text(json.dumps(there))
    assert main([], tmp_path) == 1
    assert "/v1/gone is gone" in capsys.readouterr().err
    assert "/v1/gone" in (tmp_path / DESCRIPTION).read_text()
    assert main(["--break"], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0


def test_it_is_openapi_3_1_and_every_operation_has_its_own_name() -> None:
    document = described()
    assert document["openapi"] == "3.1.0"
    names = [
        operation.get("operationId")
        for path in document["paths"].values()  # type: ignore[attr-defined]
        for operation in path.values()
    ]
    assert len(names) == len(set(names))


def test_every_kind_of_problem_says_what_it_means() -> None:
    for name, kind in KINDS.items():
        document = Problem(name, "here", pointer="/x").document()
        assert document["type"] == f"urn:lianyun:problem:{name}"
        assert document["status"] == kind.status
        assert 400 <= kind.status < 600
        assert kind.title
        assert kind.means.endswith(".")
