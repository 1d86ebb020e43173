"""Who looks at a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.api.access.matrix import Field
from services.api.auth.gate import Caller


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whoever looks, for the registered party of that code.

    ``caller`` is how the access log names the way in (a session, a share link) and the legal purpose, if any. ``shared`` are the
    fields of a share link, None for who signed in. ``person`` is shown on the page, "" where nobody is named.
    """

    party: str
    caller: Caller
    person: str = ""
    shared: frozenset[Field] | None = None

    def form_token(self) -> str:
        """What every form carries that is shown to a signed-in person; "" for others, whose forms need none."""
        return ""

    def posted(self, form: Mapping[str, str]) -> bool:  # noqa: ARG002 - of the interface
        """Whether the form was shown to this viewer."""
        return True
