"""``python infra/licences.py [--check]``: the licences of all locked packages, into docs/reference/licences.md, judged by licences.toml.

Read from the metadata of what is installed, so the locked packages must be (make setup). Exit codes: 0 all is allowed and
the page is up to date, 1 the page is stale (with --check), 2 a licence is not allowed or not known.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from license_expression import ExpressionError, get_spdx_licensing
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "licences.md"
_LOCKED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)
_SPDX = get_spdx_licensing()
_HEAD = """# Licences of what Lianyun is made of

Written by `make licences` from the metadata of the locked packages; the rules, and what old metadata means, are in
`infra/licences.toml`. "image": in the image that is deployed; the others serve a developer's machine and the tests only.
The servers that are used beside it are at the end of [supply-chain.md](supply-chain.md). Made for a lock whose
SHA-256 begins with `{digest}`.

| package | version | licence | where |
|---|---|---|---|
"""


class Unclear(Exception):
    """A licence that is not allowed or not known; the text says whose and what to do."""


@dataclass(frozen=True, slots=True)
class Row:
    """One package of the lock."""

    name: str
    version: str
    licence: str
    image: bool


def locked(path: Path) -> dict[str, str]:
    """The packages of a lock with their versions, by normal name."""
    return {normal(name): version for name, version in _LOCKED.findall(path.read_text("utf-8"))}


def normal(name: str) -> str:
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def licence(name: str, metadata: Mapping[str, Any], classifiers: list[str], rules: Mapping[str, Any]) -> str:
    """The SPDX expression of one package. Raises Unclear where its metadata does not tell."""
    read = rules["read"].get(name)
    if read is not None:
        return str(read)
    for said in (metadata.get("License-Expression"), metadata.get("License")):
        text = rules["spelled"].get(said, said)
        if text and len(text) < 200 and _known(text):
            return str(text)
    found = {rules["classified"].get(each) for each in classifiers if each != "DFSG approved"}
    if len(found) == 1 and None not in found:
        return str(found.pop())
    raise Unclear(
        f"{name}: no licence can be told from its metadata ({classifiers or 'no classifier'}). "
        "Read the file that comes with it and put it under [read] in infra/licences.toml."
    )


def judge(name: str, expression: str, rules: Mapping[str, Any]) -> None:
    """Raise Unclear where a package under ``expression`` may not come in."""
    exception = rules["exceptions"].get(name)
    if exception is not None and exception["licence"] == expression:
        return
    if not _allowed(_SPDX.parse(expression), frozenset(rules["allowed"])):
        raise Unclear(
            f"{name} is under {expression}, which is not allowed. Do without it, or put an exception with its reason into "
            "infra/licences.toml."
        )


def rows(rules: Mapping[str, Any]) -> list[Row]:
    """Every package of requirements.lock, judged. Raises Unclear, with all that is unclear at once."""
    image = locked(ROOT / "infra" / "requirements.lock")
    found, problems = [], []
    for name, version in sorted(locked(ROOT / "requirements.lock").items()):
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            raise Unclear(f"{name} {version} is locked and not installed: make setup") from None
        if Version(installed.version) != Version(version):  # one package calls itself v0.0.21
            raise Unclear(f"{name} is locked as {version} and installed as {installed.version}: make setup")
        metadata = installed.metadata
        classifiers = [
            each.rpartition(" :: ")[2]
            for each in metadata.get_all("Classifier") or []
            if each.startswith("License :: ")
        ]
        try:
            told = licence(name, {key: metadata[key] for key in metadata}, classifiers, rules)
            judge(name, told, rules)
            found.append(Row(name, version, told, name in image))
        except Unclear as problem:
            problems.append(str(problem))
    idle = {*rules["exceptions"], *rules["read"]} - {row.name for row in found}
    problems += [
        f"{name} is in infra/licences.toml and not in the lock: take it out" for name in sorted(idle)
    ]
    if problems:
        raise Unclear("\n".join(problems))
    return found


def page(found: list[Row], rules: Mapping[str, Any]) -> str:
    """The text of docs/reference/licences.md."""
    digest = hashlib.sha256((ROOT / "requirements.lock").read_bytes()).hexdigest()[:16]
    lines = [
        f"| {row.name} | {row.version} | {row.licence} | {'image' if row.image else ''} |" for row in found
    ]
    reasons = [
        f"| {name} | {each['licence']} | {each['why']} |"
        for name, each in sorted(rules["exceptions"].items())
    ]
    return (
        _HEAD.format(digest=digest)
        + "\n".join(lines)
        + "\n\n## Exceptions\n\n| package | licence | why it may be here |\n|---|---|---|\n"
        + "\n".join(reasons)
        + "\n"
    )


def read_rules() -> dict[str, Any]:
    """The rules of licences.toml."""
    return tomllib.loads((ROOT / "infra" / "licences.toml").read_text("utf-8"))


def main(arguments: list[str]) -> int:
    """Write the page, or say with ``--check`` whether it is stale."""
    rules = read_rules()
    try:
        text = page(rows(rules), rules)
    except Unclear as problem:
        print(problem, file=sys.stderr)
        return 2
    fresh = PAGE.is_file() and PAGE.read_text("utf-8") == text
    if fresh:
        return 0
    if "--check" in arguments:
        print("stale: docs/reference/licences.md; run `make licences`", file=sys.stderr)
        return 1
    PAGE.write_text(text, encoding="utf-8")
    print("written: docs/reference/licences.md")
    return 0


def _known(text: str) -> bool:
    try:
        return not _SPDX.unknown_license_keys(text)
    except ExpressionError:
        return False


def _allowed(tree: Any, allowed: frozenset[str]) -> bool:
    if isinstance(tree, _SPDX.AND):
        return all(_allowed(each, allowed) for each in tree.args)
    if isinstance(tree, _SPDX.OR):
        return any(_allowed(each, allowed) for each in tree.args)
    return str(tree) in allowed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
