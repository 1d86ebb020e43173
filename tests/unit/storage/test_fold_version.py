"""The version of the fold covers what a state and its views depend on: each function, constant, statement and table; nothing else."""

from __future__ import annotations

import ast
import itertools
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cases.store import projector as cases
from services.credit.domain.signals import model
from services.credit.store import projector as credit
from services.ledger.storage.fold_version import ROWS, fold_parts, fold_version
from services.monitoring.artefacts import ROOT
from services.runtime import code_digest
from services.runtime.code_digest import sources, version_of
from tests.support.profile import rounds

PARTS = fold_parts()
CODE = sorted(name for name in PARTS if name.endswith(".py"))
OUTSIDE = {
    "schemas.identifiers.natural_person": "judges parties before they are stored",
    "schemas.reasons": "codes of refusals",
    "schemas.strict_json": "judges bytes before they are stored",
    "services.ledger.storage.arrays": "packs values for COPY",
    "services.ledger.storage.errors": "names of errors",
    "services.ledger.storage.points": "stops of tests",
    "services.ledger.storage.work": "sends statements",
}
"""Modules of ours that covered ones import, and why a change of them is no change of what they derive."""


def changed(name: str, content: bytes) -> str:
    return version_of({name: content})


def test_the_version_is_that_of_all_parts() -> None:
    assert fold_version() == version_of(PARTS)
    assert version_of({"a": b"b", "c": b"d"}) == version_of({"c": b"d", "a": b"b"})
    for others in ({"a": b"b"}, {"a": b"b", "c": b"e"}, {"a": b"bc", "": b"d"}, {"ab": b"", "c": b"d"}):
        assert version_of(others) != version_of({"a": b"b", "c": b"d"})


def test_what_the_issue_named_is_covered() -> None:
    for name, file in (
        ("FILLING", "services.domain.links.py"),
        ("DELIVERED_PHASE", "services.domain.rules.py"),
        ("ONE_MEETING", "services.domain.rules.py"),
        ("AT_A_PLACE", "services.domain.rules.py"),
        ("_LOWER_SCHEMES", "schemas.events.keys.py"),
    ):
        assert f"\n{name}" in PARTS[file].decode()
    assert {
        "fold_heads.sql",
        "fold_trains.sql",
        "stop_links.sql",
        "generation.sql",
        "stations.csv",
        "countries.csv",
    } <= PARTS.keys()
    assert {f"{module}.py" for module in ROWS} <= PARTS.keys()
    assert not [name for name in PARTS if "__pycache__" in name]


def leaves(name: str) -> Iterator[bytes]:
    """The source of a module, each time with one function, constant or expression changed."""
    source = PARTS[name].decode()
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode()))
    raw = source.encode()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            last = node.body[-1]
            pad = b" " * last.col_offset
            end = starts[last.end_lineno - 1] + last.end_col_offset  # type: ignore[operator]
            yield raw[:end] + b"\n" + pad + b"assert True" + raw[end:]
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            value = node.value
            start = starts[value.lineno - 1] + value.col_offset
            end = starts[value.end_lineno - 1] + value.end_col_offset  # type: ignore[operator]
            yield raw[:start] + b"(" + raw[start:end] + b", 1)" + raw[end:]


@pytest.mark.randomised
@pytest.mark.parametrize("name", CODE)
def test_every_function_and_every_constant_counts(name: str) -> None:
    present = changed(name, PARTS[name])
    for source in itertools.islice(leaves(name), 0, None, rounds(5, 1)):
        assert changed(name, source) != present, source.decode()


@pytest.mark.parametrize("name", sorted(PARTS.keys() - set(CODE)))
def test_every_statement_and_every_row_counts(name: str) -> None:
    present, content = changed(name, PARTS[name]), PARTS[name]
    for found in re.finditer(rb"[0-9]+", re.sub(rb"--[^\n]*", lambda m: b"-" * len(m[0]), content)):
        other = content[: found.start()] + b"8" + found[0] + content[found.end() :]
        assert changed(name, other) != present
    assert changed(name, content + b" x") != present


@pytest.mark.parametrize("name", CODE)
def test_comments_and_docstrings_do_not_count(name: str) -> None:
    source = PARTS[name].decode()
    remarked = "# A remark.\n" + source.replace('"""', '"""Other words: ', 1) + "\n\n# The end.\n"
    assert changed(name, remarked.encode()) == changed(name, source.encode())


def test_layout_does_not_count(tmp_path: Path) -> None:
    for name in CODE:
        (tmp_path / name).write_bytes(PARTS[name])
    style = ("--line-length=60", "--config", "format.quote-style='single'")
    subprocess.run(
        [".venv/bin/ruff", "format", "-q", "--isolated", *style, str(tmp_path)], cwd=ROOT, check=True
    )
    formatted = {name: (tmp_path / name).read_bytes() for name in CODE}
    assert sum(formatted[name] != PARTS[name] for name in CODE) > len(CODE) / 2
    assert {name: changed(name, formatted[name]) for name in CODE} == {
        name: changed(name, PARTS[name]) for name in CODE
    }


def test_comments_and_layout_of_sql_do_not_count_but_its_texts_do() -> None:
    plain = changed("a.sql", b"SELECT '--  x', 1\nFROM t  -- why\n  WHERE a\n")
    assert plain == changed("a.sql", b"-- what\nSELECT '--  x', 1 FROM t WHERE a")
    assert plain != changed("a.sql", b"SELECT '-- x', 1 FROM t WHERE a")
    assert plain != changed("a.sql", b"SELECT '--  x', 1 FROM t WHERE b")


SAMPLE = b'''
"""Syntax in which releases of Python could differ."""
from __future__ import annotations
@wrap(1, *a, key=b"\\x00", **k)
async def f(x: int = 1_000, /, *, y: str | None = None) -> list[int]:
    """Nothing."""
    match x:
        case {"a": [1, *_], **rest} if y: return [i async for i in g(f"{x!r:>{y}} {y:%Y}" "tail" f"{{}}{x=}")]
        case None | True: pass
    while (n := next(x, ...)): yield lambda: (n, 1.5, -2, 3j, 10**40)
    with a as b, c: del b[1:2, ::3]
class K(tuple[int, ...], metaclass=M):
    z: ClassVar[int] = 0x10
    try: pass
    except* OSError as e: raise E from None
'''


def test_every_release_of_python_computes_the_same() -> None:
    assert changed("sample.py", SAMPLE) == "3fa67a6a269c3da3"


def interpreter(release: str) -> str | None:
    """A Python of that release on the path or among those of pyenv."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(f"python{release}"), *root.glob(f"{release}.*/bin/python")]
    for found in filter(None, candidates):
        asked = [found, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        if subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() == release:
            return str(found)
    return None


@pytest.mark.parametrize("release", ["3.12", "3.13"])
def test_another_release_of_python_computes_the_same_of_every_part(release: str, tmp_path: Path) -> None:
    """The whole of what the fold and the projections cover, not a sample."""
    python = interpreter(release)
    if python is None:
        pytest.skip(f"there is no Python {release} here")
    parts = {**PARTS, **sources("services.credit.domain", "services.cases.domain"), "sample.py": SAMPLE}
    for name, content in parts.items():
        (tmp_path / name).write_bytes(content)
    script = (
        "import sys; from pathlib import Path; from services.runtime.code_digest import version_of\n"
        "for file in sorted(Path(sys.argv[1]).iterdir()):\n"
        "    print(file.name, version_of({file.name: file.read_bytes()}))"
    )
    computed = subprocess.run(
        [python, "-B", "-c", script, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = dict(line.split() for line in computed.stdout.splitlines())
    assert found == {name: changed(name, content) for name, content in parts.items()}


def test_the_covered_modules_rest_on_no_other_code_of_ours() -> None:
    covered = {name.removesuffix(".py").removesuffix(".__init__") for name in CODE}
    found = set[str]()
    for name in CODE:
        for node in ast.walk(ast.parse(PARTS[name])):
            if (
                isinstance(node, ast.ImportFrom)
                and node.module
                and node.module.startswith(("schemas", "services"))
            ):
                deeper = {f"{node.module}.{alias.name}" for alias in node.names}
                modules = {each for each in deeper if _is_module(each)}
                found |= modules if len(modules) == len(deeper) else modules | {node.module}
    assert found - covered == OUTSIDE.keys()


def _is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


def test_a_module_without_its_source_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bare" / "inner").mkdir(parents=True)
    (tmp_path / "bare" / "__init__.py").touch()
    (tmp_path / "bare" / "inner" / "__init__.pyc").touch()
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("bare.inner", "bare.absent"):
        with pytest.raises(RuntimeError, match=f"source of {name} is not installed"):
            sources(name)


def test_projections_have_versions_that_follow_the_fold_and_their_own_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = model()
    present = credit.version(table), cases.version.__wrapped__()
    with monkeypatch.context() as patch:
        patch.setattr("services.credit.store.projector.fold_version", lambda: "another")
        patch.setattr("services.cases.store.projector.fold_version", lambda: "another")
        assert credit.version(table) != present[0]
        assert cases.version.__wrapped__() != present[1]
    with monkeypatch.context() as patch:
        for module in (credit, cases):
            patch.setattr(module, "sources", lambda *names: {**sources(*names), "more.py": b"x = 1"})
        credit._code_version.cache_clear()
        assert credit.version(table) != present[0]
        assert cases.version.__wrapped__() != present[1]
    credit._code_version.cache_clear()
    assert (credit.version(table), cases.version()) == present


def test_another_format_is_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_digest, "FORMAT", "another")
    assert version_of(PARTS) != fold_version()
