"""A version for what is derived from code: the digest of the modules and statements that derive it, as installed.

It is computed from the syntax, so comments, docstrings and layout do not count, and every release of Python computes the same.
What does count is every value, name, order and body: code that merely says the same in other words is another version.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from services.runtime.named_sql import Queries

FORMAT = "1"
"""How the digest is made; another value makes other versions of the same code."""

_NOT_MEANT: Final = frozenset({"ctx", "kind", "type_comment"})
"""Fields of the syntax that follow from others or have no effect."""
_SQL: Final = re.compile(r"('(?:[^']|'')*')|(?:--[^\n]*|\s)+")
_QUOTED: Final = re.compile(r'"([a-z][a-z0-9_]*)"')


def sources(*names: str) -> dict[str, bytes]:
    """The source of each module named, by ``module.py``; a package stands for all modules in its folder.

    RuntimeError where one is not installed as source: its digest would cover less than it says.
    """
    found: dict[str, bytes] = {}
    for name in names:
        package, _, leaf = name.rpartition(".")
        folder = files(package).joinpath(leaf)
        if folder.is_dir():
            entries = {entry.name: entry for entry in folder.iterdir() if entry.name.endswith(".py")}
            if "__init__.py" not in entries:
                raise _absent(name)
            found |= {f"{name}.{file}": entry.read_bytes() for file, entry in entries.items()}
        else:
            found[f"{name}.py"] = _read(files(package).joinpath(f"{leaf}.py"), name)
    return found


def statements(queries: Queries, code: Mapping[str, bytes]) -> dict[str, bytes]:
    """The statements of ``queries`` that the source of ``code`` names, by ``statement.sql``."""
    named = {name for source in code.values() for name in _QUOTED.findall(source.decode())}
    return {f"{name}.sql": queries(name) for name in queries.by_name.keys() & named}


def version_of(parts: Mapping[str, bytes]) -> str:
    """16 hex digits over ``parts``: Python (``*.py``) and SQL (``*.sql``) without what has no effect, all else byte by byte."""
    digest = hashlib.sha256(FORMAT.encode())
    for name, content in sorted(parts.items()):
        for part in (name.encode(), _meant(name, content)):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()[:16]


def _meant(name: str, content: bytes) -> bytes:
    if name.endswith(".py"):
        words: list[str] = []
        _spell(compile(content, name, "exec", ast.PyCF_ONLY_AST, dont_inherit=True), words)
        return "\0".join(words).encode()
    if name.endswith(".sql"):
        return _SQL.sub(lambda found: found[1] or " ", content.decode()).strip().encode()
    return content


def _spell(node: object, words: list[str]) -> None:
    """Append ``node`` of a syntax tree to ``words``; fields that only some releases of Python have are empty here."""
    if isinstance(node, ast.AST):
        words.append(f"({type(node).__name__}")
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(node, ast.JoinedStr):  # some releases put an empty text behind a nested format
                value = [each for each in node.values if not _is_empty(each)]
            if value is not None and value != [] and field not in _NOT_MEANT:
                words.append(field)
                _spell(value, words)
        words.append(")")
    elif isinstance(node, list):
        words.append("[")
        for each in node:
            if not _is_text(each):
                _spell(each, words)
        words.append("]")
    else:
        words.append(repr(node))


def _is_empty(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == ""


def _is_text(node: object) -> bool:
    """Whether it is a statement that is only a string: a docstring, of whatever."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _read(file: Traversable, name: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        raise _absent(name) from None


def _absent(name: str) -> RuntimeError:
    return RuntimeError(
        f"the source of {name} is not installed, so the version of what it derives cannot be computed; "
        "install the package with its .py files"
    )
