"""The platform's public keys, by which its decisions and the answers that it signs are proven."""

from __future__ import annotations

from schemas.events.base import Role
from schemas.schemes import Scheme
from services.api.auth.permissions import Needs, Scope
from services.api.calls import Answer, Call
from services.api.financing.signed import jwk
from services.api.responses.platform import PlatformKeys
from services.api.router import Routes

routes = Routes("keys")


@routes.get("/v1/platform-keys", Needs(Scope.FINANCING_READ, foreign="public"), answers=PlatformKeys)
def platform_keys(call: Call) -> Answer:
    """Every Ed25519 key that the platform signs or signed by, as a JWK set (RFC 7517, RFC 8037)."""
    owners = {code for code, party in call.registry.parties.items() if Role.PLATFORM in party.roles}
    held = [
        key for code in sorted(owners) for key in call.registry.keys_of(code) if key.scheme is Scheme.ED25519
    ]
    return Answer({"keys": [jwk(key.key_id, key.public.raw) for key in held]})
