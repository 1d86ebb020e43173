"""A record is the same on every machine, and shows no more of itself than its reader may have."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.credit.domain.consent import Part, ReadPermission, may_see_cargo
from services.credit.domain.presentation import events_of, plain
from services.credit.domain.signals import Model, model
from tests.stories.credit.story import CreditStory, credit_stories

ROOT = Path(__file__).parents[3]
SHOW = """
from tests.stories.credit.story import credit_stories, current
for story in credit_stories():
    for shipper in story.story.expect:
        print(story.state.record(shipper, story.as_of, current()))
"""


def disputed() -> CreditStory:
    return next(each for each in credit_stories() if each.slug == "15_disputes")


def test_records_do_not_depend_on_the_hash_seed() -> None:
    shown = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", SHOW],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            check=True,
            timeout=120,
        )
        shown.add(done.stdout)
    assert len(shown) == 1
    assert b"SCORED" in shown.pop()


@pytest.mark.parametrize(
    ("parts", "shows"),
    [
        ({Part.SCORE}, {"score"}),
        ({Part.SIGNALS}, {"signals", "reasons"}),
        ({Part.EVIDENCE}, {"reasons", "events", "disputes"}),
        (set(Part), {"score", "signals", "reasons", "events", "disputes"}),
    ],
)
def test_a_scope_shows_what_it_names_and_nothing_else(parts: set[Part], shows: set[str]) -> None:
    told = disputed()
    record = told.state.record("lake", told.as_of, model())
    leave = ReadPermission(frozenset(parts))
    text = json.dumps(plain(leave, record, (), {}))
    for word in ("score", "signals", "reasons", "events", "disputes"):
        assert (f'"{word}"' in text) is (word in shows), word
    assert bool(events_of(record, (), leave)) is (Part.EVIDENCE in parts)


def test_the_inputs_digest_changes_with_what_goes_in() -> None:
    told = disputed()
    record = told.state.record("lake", told.as_of, model())
    assert record.inputs == told.state.record("lake", told.as_of, model()).inputs
    other = model().model_copy(update={"version": "another"})
    assert told.state.record("lake", told.as_of, other).inputs != record.inputs
    assert told.state.record("lake", told.as_of + 86_400_000_000, model()).inputs != record.inputs


def test_pledged_cargo_stays_visible_without_consent() -> None:
    assert may_see_cargo("silkbank", "PORTFOLIO_MONITORING", "lake", (), {"silkbank"})
    assert not may_see_cargo("silkbank", "PORTFOLIO_MONITORING", "lake", (), {"ostbank"})


def test_a_table_that_rewards_what_is_worse_is_refused() -> None:
    raw = json.loads(model().model_dump_json())
    for row in raw["signals"]:
        row["assurance"] = "ASSERTED"
    assert Model.model_validate(raw)
    bins = raw["signals"][3]["bins"]
    bins[1]["points"] = bins[0]["points"] + 1
    with pytest.raises(ValueError, match="S4: a higher rate must not give more points"):
        Model.model_validate(raw)


def test_every_model_that_was_published_can_be_read() -> None:
    folder = ROOT / "services" / "credit" / "domain" / "data"
    names = [path.stem.removeprefix("model-") for path in folder.glob("model-*.json")]
    assert names
    assert [model(name).version for name in names] == names
    with pytest.raises(KeyError):
        model("never-published")


def test_the_rules_compute_with_integers_alone() -> None:
    """Every machine comes to the same record: no float, no true division, nothing of ``math`` but the integer root."""
    folder = ROOT / "services" / "credit" / "domain"
    modules = sorted(folder.glob("*.py"))
    assert {"rates.py", "score.py", "consignment_signals.py"} <= {module.name for module in modules}
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            where = f"{module.name}:{getattr(node, 'lineno', 0)}"
            assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), where
            assert not isinstance(node, ast.Div), where
            assert not (isinstance(node, ast.Name) and node.id == "float"), where
            if isinstance(node, ast.ImportFrom) and node.module == "math":
                assert [name.name for name in node.names] == ["isqrt"], where
