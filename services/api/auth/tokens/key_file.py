"""A private key in a file that only its owner reads, as a JWK: an authority's, or a client's."""

from __future__ import annotations

import json
from pathlib import Path

from joserfc.jwk import ECKey

from services.runtime import private_file


def read_or_create(path: Path) -> ECKey:
    """The EC key in the file at ``path``, made there (P-256, mode 600) where it is missing; OSError, ValueError."""
    return ECKey.import_key(json.loads(private_file.read_or_create(path, _new)))


def _new() -> str:
    return json.dumps(ECKey.generate_key("P-256").as_dict(private=True))
