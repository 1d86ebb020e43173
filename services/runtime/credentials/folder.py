"""The folder of a secured deployment's secrets: created once, extended, renewed one by one.

```
ca.pem                 the authority's certificate: partners get it, to know the broker by
ca.key                 its key: nothing mounts it; keep it elsewhere when you can
broker.pem admin.pem   key and certificate of the broker and of its administrator
postgres.crt .key      of the database
api.crt .key           of the API
pages.crt .key         of the pages
kafka/<user>           passwords of the broker's users: worker, gateway, exporter, one a partner
postgres/<role>        passwords of the database's roles
grafana/admin          password of the dashboards' administrator
api/                   keys that the API's parts make: of the decision service for financing, of access tokens, of webhooks' secrets
```

The folder is closed to others (0700). The files in it are not: a container mounts them one by one and reads them
under an account of its own.
"""

from __future__ import annotations

import datetime
import os
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from services.runtime.credentials.authority import Issued, issue, new_authority

BROKER, ADMINISTRATOR = "broker", "admin"
ROLES = (
    "superuser", "lianyun_owner", "lianyun_worker", "lianyun_credit", "lianyun_arrival", "lianyun_transparency", "lianyun_cases", "lianyun_exporter",
    "lianyun_api", "lianyun_pages", "lianyun_webhooks", "lianyun_reader", "lianyun_dashboards",
)  # fmt: skip
_HOSTS = ("localhost", "127.0.0.1", "::1")
_CERTIFICATES = ("broker.pem", "admin.pem", "postgres.crt", "api.crt", "pages.crt")
Maker = Callable[[Path], object]
"""Creates a file that does not exist."""


class SecretsError(Exception):
    """The folder cannot be used; the text says why and what to do."""


def make(
    folder: Path,
    users: Iterable[str],
    hosts: Sequence[str],
    now: datetime.datetime,
    keys: Mapping[str, Maker] = MappingProxyType({}),
) -> list[str]:
    """Create what ``folder`` lacks for the broker's ``users`` and return the names created; existing files are unchanged.

    ``hosts`` are the names of broker, database, API and pages besides localhost. ``keys`` are further files, each created by the component
    that defines its format, and never renewed. Raises SecretsError.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        made = [
            *_authority(folder, now),
            *(name for name in _CERTIFICATES if _certificate(folder, name, hosts, now)),
        ]
        made += [name for name in _passwords(users) if _password(folder / name)]
        return made + [name for name, maker in keys.items() if _key(folder / name, maker)]
    except OSError as problem:
        raise SecretsError(f"{folder}: {problem}") from problem


def renew(
    folder: Path, name: str, users: Iterable[str], hosts: Sequence[str], now: datetime.datetime
) -> None:
    """Replace the certificate or password ``name`` (see the module's list). Raises SecretsError."""
    known = (*_CERTIFICATES, *_passwords(users))
    if name not in known:
        raise SecretsError(f"{name!r} is none of: {', '.join(known)}")
    try:
        if name in _CERTIFICATES:
            _certificate(folder, name, hosts, now, again=True)
        else:
            _password(folder / name, again=True)
    except OSError as problem:
        raise SecretsError(f"{folder}: {problem}") from problem


def _passwords(users: Iterable[str]) -> list[str]:
    return [*(f"kafka/{user}" for user in users), *(f"postgres/{role}" for role in ROLES), "grafana/admin"]


def _authority(folder: Path, now: datetime.datetime) -> list[str]:
    if (folder / "ca.pem").exists():
        return []
    made = new_authority("Lianyun deployment", now)
    _write(folder / "ca.key", made.key, 0o600)
    _write(folder / "ca.pem", made.certificate)
    return ["ca.pem"]


def _certificate(
    folder: Path, name: str, hosts: Sequence[str], now: datetime.datetime, again: bool = False
) -> bool:
    path = folder / name
    if path.exists() and not again:
        return False
    try:
        authority = Issued((folder / "ca.pem").read_bytes(), (folder / "ca.key").read_bytes())
    except FileNotFoundError:
        raise SecretsError(
            f"{folder / 'ca.key'} is not there, so nothing can be issued: bring it back"
        ) from None
    if name in ("postgres.crt", "api.crt", "pages.crt"):
        issued = issue(authority, path.stem, (*_HOSTS, *hosts), now)
        _write(path.with_suffix(".key"), issued.key)
        _write(path, issued.certificate)
    elif name == "broker.pem":
        _write(path, issue(authority, BROKER, (*_HOSTS, *hosts), now).both)
    else:
        _write(path, issue(authority, ADMINISTRATOR, (), now).both)
    return True


def _password(path: Path, again: bool = False) -> bool:
    if path.exists() and not again:
        return False
    path.parent.mkdir(exist_ok=True)
    path.parent.chmod(0o755)  # whatever the umask: a container mounts the folder and reads it
    _write(path, secrets.token_urlsafe(24).encode())
    return True


def _key(path: Path, maker: Maker) -> bool:
    if path.exists():
        return False
    path.parent.mkdir(exist_ok=True)
    path.parent.chmod(0o755)
    maker(path)
    path.chmod(0o644)
    return True


def _write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write in place: a container that mounts a replaced file keeps the old one."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT, mode)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, mode)
        file.write(content)
        file.truncate()
        file.flush()
        os.fsync(handle)
