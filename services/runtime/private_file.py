"""A file that only its owner reads: made by the first of several processes that need it, and replaced whole."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def read_or_create(path: Path, content: Callable[[], str]) -> str:
    """The text of the file at ``path``, made there (mode 600, folder 700) from ``content`` where it is missing; OSError.

    Of processes that begin at once the first one's file stays, whole, and all read it.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = _draft(path, content())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text(encoding="utf-8")


def replace(path: Path, content: str) -> None:
    """Put ``content`` in the place of the file at ``path``, whole or not at all, and on disk (mode 600); OSError."""
    _draft(path, content).replace(path)


def _draft(path: Path, content: str) -> Path:
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(handle)
    return draft
