"""A party's own connection to the broker: its topics, access rules, quota and password, each made where it is missing.

Every step looks first and changes only what differs, so whatever a crash left undone is finished by doing it again.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from kafka.errors import NoError, for_code
from kafka.protocol.admin.client_quotas import AlterClientQuotasRequest, DescribeClientQuotasRequest
from pydantic import SecretStr

from services.processors.topics.access import (
    Grant,
    apply_grants,
    enforced,
    grants,
    missing_grants,
    read_passwords,
    set_passwords,
)
from services.processors.topics.cluster import ClusterError, admin_client, apply, make_plan
from services.processors.topics.declaration import Declaration
from services.runtime.private_file import read_or_create, replace

QUOTA = 1 << 20
"""Bytes a second that a partner may write to each broker where nothing else is agreed: some hundred events a second."""
_RATE = "producer_byte_rate"


class StepState(StrEnum):
    """What a step did, or found."""

    DONE = "done"
    PRESENT = "present"
    UNENFORCED = "unenforced"
    """The broker enforces nothing of the kind."""
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its name, state, what it was about, and what to do where something is missing."""

    name: str
    state: StepState
    detail: str
    remedy: str = ""


def provide(
    bootstrap: str,
    security: Mapping[str, object],
    declaration: Declaration,
    party: str,
    *,
    replication_factor: int | None,
    quota: int | None,
    password: Path,
    renew: bool,
) -> Iterator[Step]:
    """Make what ``party`` needs for its topics in ``declaration``; yields each step when it is done. Raises ClusterError.

    ``quota`` in bytes a second; None: QUOTA unless there is one. ``password`` is the file that holds the password or will hold it (mode 600);
    with ``renew`` it gets a new one, and the broker too.
    """
    own = declaration.only(declaration.topics_of(party))
    made = apply(bootstrap, own, replication_factor, security)
    changes = ", ".join(map(str, made.actions))
    yield Step("topic", StepState.DONE if changes else StepState.PRESENT, changes or ", ".join(own.names()))
    with admin_client(bootstrap, security) as admin:
        if not enforced(admin):
            detail = (
                "this broker is open: anybody may write anywhere, so no access rules, quota or password apply"
            )
            yield Step("access", StepState.UNENFORCED, detail)
            return
        created = apply_grants(admin, rules(own))
        shown = ", ".join(_named(grant) for grant in created or rules(own))
        yield Step("access", StepState.DONE if created else StepState.PRESENT, shown)
        yield _limit(admin, party, quota)
        yield _credential(admin, party, password, renew)


def lacking(
    bootstrap: str, security: Mapping[str, object], declaration: Declaration, party: str
) -> tuple[str, ...]:
    """What ``party`` lacks of its connection, in words; changes nothing. Raises ClusterError."""
    own = declaration.only(declaration.topics_of(party))
    with admin_client(bootstrap, security) as admin:
        found = [str(action) for action in make_plan(admin, own).actions]
        if enforced(admin):
            found += [_named(grant) for grant in missing_grants(admin, rules(own))]
            if not _has_password(admin, party):
                found.append(f"a password of {party}")
    return tuple(found)


def rules(own: Declaration) -> tuple[Grant, ...]:
    """The access rules of the topics of ``own``: the party writes, the worker reads."""
    return tuple(grant for grant in grants(own) if grant.resource == "topic")


def _named(grant: Grant) -> str:
    return f"{grant.principal} may {grant.operation.lower()} {grant.name}"


def _limit(admin: Any, party: str, quota: int | None) -> Step:
    present = quota_of(admin, party)
    wanted = quota or present or QUOTA
    if present == wanted:
        return Step("quota", StepState.PRESENT, f"{present:,} bytes a second")
    set_quota(admin, party, wanted)
    return Step("quota", StepState.DONE, f"{wanted:,} bytes a second")


def quota_of(admin: Any, user: str) -> int | None:
    """The bytes a second that ``user`` may write to each broker, None without a quota of its own. Raises ClusterError."""
    component = DescribeClientQuotasRequest.ComponentData(entity_type="user", match_type=0, match=user)
    answer = _sent(admin, DescribeClientQuotasRequest(components=[component], strict=True))
    _require(answer.error_code, answer.error_message, f"the quota of {user}")
    for entry in answer.entries or ():
        for value in entry.values:
            if value.key == _RATE:
                return int(value.value)
    return None


def set_quota(admin: Any, user: str, rate: int) -> None:
    """Limit what ``user`` writes to each broker to ``rate`` bytes a second: the broker delays what is beyond. Raises ClusterError."""
    request = AlterClientQuotasRequest
    entity = request.EntryData.EntityData(entity_type="user", entity_name=user)
    change = request.EntryData.OpData(key=_RATE, value=float(rate), remove=False)
    answer = _sent(
        admin, request(entries=[request.EntryData(entity=[entity], ops=[change])], validate_only=False)
    )
    for entry in answer.entries:
        _require(entry.error_code, entry.error_message, f"the quota of {user}")


def _sent(admin: Any, request: Any) -> Any:
    """The answer to a request that kafka-python's admin client has no method for."""
    manager = admin._manager

    async def send() -> Any:
        return await manager.send(request)

    return manager.run(send)


def _require(code: int, message: str | None, what: str) -> None:
    error = for_code(code)
    if error is not NoError:
        raise ClusterError(f"{what}: {error.__name__}: {message or 'the broker gives no reason'}")


def _credential(admin: Any, party: str, path: Path, renew: bool) -> Step:
    known = _has_password(admin, party)
    if known and not renew:
        where = f"in {path}" if path.exists() else "its file is not here"
        return Step("password", StepState.PRESENT, f"{party} logs in with the one that it has; {where}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if renew:
            replace(path, _fresh())
        read_or_create(path, _fresh)
        path.chmod(0o600)
    except OSError as problem:
        raise ClusterError(f"the password cannot be stored: {path}: {problem.strerror}") from None
    passwords: Mapping[str, SecretStr] = read_passwords(path.parent, [party])
    set_passwords(admin, passwords)
    return Step("password", StepState.DONE, f"of {party}, in {path}")


def _fresh() -> str:
    return secrets.token_urlsafe(24)


def _has_password(admin: Any, user: str) -> bool:
    found = admin.describe_user_scram_credentials([user]).get(user, {})
    return bool(found.get("credential_infos"))
