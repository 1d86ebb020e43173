"""The declaration of a route: permission, idempotency, transaction, and where its function runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from services.api import idempotency
from services.api.auth.permissions import Needs
from services.api.calls import Answer, Call, PendingDecision
from services.api.problems import Problem
from services.ledger.storage.session import BoundStatement

Function = Callable[..., Answer | PendingDecision]
Prefetch = Callable[[str, Mapping[str, Any]], BoundStatement | None]
"""From the code of the caller's party and the parameters: the one statement that a route reads; None where it reads more."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One route. ``transaction`` is False where the route opens its own transactions; see ``services.api.router``."""

    path: str
    method: str
    needs: Needs
    idempotent: bool
    transaction: bool
    function: Function
    prefetch: Prefetch | None = None
    decision: bool = False

    def question(self, request: Request, party: str, parameters: Mapping[str, Any]) -> BoundStatement | None:
        """The statement to send together with the admission of ``party``: what the route reads, or the answer given earlier."""
        if self.prefetch is not None:
            return self.prefetch(party, parameters)
        return idempotency.earlier(request, party) if self.idempotent else None

    def permit(self, call: Call) -> None:
        """Raises Problem forbidden where the caller lacks the role or the scope."""
        if not call.party.roles & self.needs.roles:
            raise Problem("forbidden", "This route is not open to your role.")
        if self.needs.scope not in call.caller.scopes:
            scope = self.needs.scope
            raise Problem("forbidden", f"The token needs the scope {scope}.", scope=str(scope))
