"""`python -m services.testbed.identity`: the issuer for one machine until SIGTERM; people are those that the database has of it."""

from __future__ import annotations

import os

from services.runtime.parent_process import end_with_parent


def main() -> None:
    """Serve on a loopback address; anything else ends it with 78 (EX_CONFIG)."""
    end_with_parent(os.environ)
    import psycopg
    import uvicorn
    from pydantic import Field, SecretStr, ValidationError

    from services.api.settings import faults, is_loopback
    from services.people.domain.person import Person
    from services.people.store import people
    from services.runtime.connections import Connections
    from services.runtime.exit_codes import Exit, end_process
    from services.telemetry.logs import configure
    from services.testbed.identity.demo_people import register
    from services.testbed.identity.issuer import Client, Issuer, ListedPerson
    from services.testbed.identity.local import DEMO_NETWORK

    class IdentitySettings(Connections):
        dsn: SecretStr
        identity_host: str = "127.0.0.1"
        identity_port: int = Field(ge=1, le=65_535)
        identity_client: str = "console"
        identity_client_secret: SecretStr
        identity_redirects: str = Field(description="URLs of the pages, separated by spaces")

    configure()
    try:
        settings = IdentitySettings()
    except ValidationError as wrong:
        end_process(Exit.MISCONFIGURED, f"the settings are wrong: {faults(wrong)}")
        raise
    if not is_loopback(settings.identity_host) or settings.network != DEMO_NETWORK:
        end_process(
            Exit.MISCONFIGURED,
            "this issuer asks for no password: it serves the demo network on a loopback address of this machine, "
            f"not {settings.network} on {settings.identity_host}",
        )
    pages = settings.identity_redirects.split()
    url = f"http://{settings.identity_host}:{settings.identity_port}"
    client = Client(
        settings.identity_client,
        settings.identity_client_secret.get_secret_value(),
        frozenset(f"{each}/sign-in/callback" for each in pages),
        frozenset(f"{each}/signed-out" for each in pages),
    )

    def shown(person: Person) -> ListedPerson:
        grant = person.grants[-1]
        about = f"{', '.join(sorted(grant.teams)) or 'no team'}: may {', '.join(sorted(grant.permissions)) or 'nothing'}"
        return ListedPerson(person.subject or "", person.name or "", person.party, about)

    def listed() -> list[ListedPerson]:
        register(settings.dsn.get_secret_value(), url)
        with psycopg.connect(settings.dsn.get_secret_value(), connect_timeout=5) as session:
            found = people.listed(session, url)
        return [
            shown(each) for each in found if each.subject and each.grants and each.grants[-1].until is None
        ]

    application = Issuer(url, client, listed).application()
    uvicorn.run(
        application,
        host=settings.identity_host,
        port=settings.identity_port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )


if __name__ == "__main__":
    main()
