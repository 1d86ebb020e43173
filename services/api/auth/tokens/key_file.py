"""A private key in a file that only its owner reads, as a JWK: an authority's, or a client's."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey


def read_or_create(path: Path) -> ECKey:
    """The EC key in the file at ``path``, made there (P-256, mode 600) where it is missing; OSError, ValueError.

    Two processes may begin at once: the first file stays, and both read it.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(new())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return ECKey.import_key(stored)


def new() -> str:
    """The content of such a file, with a new key."""
    return json.dumps(ECKey.generate_key("P-256").as_dict(private=True))
