"""The registry's tables against the fold of its events: rights to publish follow from what was registered, and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Damage, Findings
from services.ledger.registry.events import KeyAdded, KeyRotated, RecordedEvent, parse
from services.ledger.registry.party import Party
from services.ledger.registry.possession import possession_fault
from services.ledger.registry.registry import Registry, RegistryError
from services.ledger.registry.signed import Chain
from services.ledger.registry.store import RegistryHistory
from services.ledger.registry.trust import is_signed, stored_statements, trust

_EVENTS = "SELECT version, at, by, body::text FROM lianyun.registry_event ORDER BY version"
_PARTIES = "SELECT code, no, name, roles, countries, managers, places, topics, sources, since, version FROM lianyun.party"
_EARLIER = """
SELECT p.code || ' of version ' || e.version, e.party, e.name, e.roles, e.countries, e.managers, e.places, e.topics,
       e.sources, e.since, e.version
FROM lianyun.party_earlier e JOIN lianyun.party p ON p.no = e.party
"""
_SOURCES = "SELECT s.source, p.code FROM lianyun.party_source s JOIN lianyun.party p ON p.no = s.party"
_KEYS = """
SELECT k.key_id, p.code, k.scheme, k.public_key, k.not_before, k.not_after, k.revoked_at, k.compromised_since
FROM lianyun.party_key k JOIN lianyun.party p ON p.no = k.party
"""
_PARTY = ("no", "name", "roles", "countries", "managers", "places", "topics", "sources", "since", "version")
_KEY = ("party", "scheme", "public_key", "not_before", "not_after", "revoked_at", "compromised_since")
_EVENTS_REMEDY = "Restore lianyun.registry_event from a backup: every event is judged by it."
_SIGNED_REMEDY = "Nobody who may has signed this: find out who wrote it, and restore the registry from a backup whose statements continue those in the log."
_PROOF_REMEDY = (
    "Revoke the key unless its party shows that it holds it, and find out who registered it past the commands; "
    "restore lianyun.registry_event where it was altered."
)
_TABLE_REMEDY = "Set the row to what the recorded events say, or restore the events where they were changed."


def read_history(snapshot: Snapshot, findings: Findings) -> RegistryHistory:
    """The registry's recorded events, up to the first that cannot be read or folded, which is a finding.

    Under a root they are those that its administrators signed: whatever the tables hold beside them is found.
    """
    stored = _stored(snapshot, findings)
    given = trust()
    if given is None:
        # Signed, and only a process with the root can verify by whom.
        findings.counts["registry_signed_without_root"] += is_signed(snapshot.connection)
        return stored
    chain = Chain(given.root)
    for number, signed in stored_statements(snapshot.connection):
        try:
            chain = chain.extended(signed, lambda version: stored.events[:version])
        except RegistryError as problem:
            right = f"statement {chain.number + 1}, signed by whom the root appointed"
            _note(
                findings, f"registry_statement {number}", "text or signatures", problem, right, _SIGNED_REMEDY
            )
            break
    if not chain.number:
        _note(findings, "registry_statement 1", "row", "missing", "what the root took over", _SIGNED_REMEDY)
    findings.counts["registry_statements"] += chain.number
    for place in range(max(len(stored.events), len(chain.changes))):
        found = stored.events[place] if place < stored.version else None
        right_event = chain.changes[place] if place < len(chain.changes) else None
        if found != right_event:
            where = f"registry_event {place + 1}"
            _note(
                findings,
                where,
                "row",
                found or "missing",
                right_event or "no change that is signed",
                _SIGNED_REMEDY,
            )
    return RegistryHistory(chain.changes)


def _stored(snapshot: Snapshot, findings: Findings) -> RegistryHistory:
    events: list[RecordedEvent] = []
    for version, at, by, body in snapshot.rows(_EVENTS):
        try:
            if version != len(events) + 1:
                raise RegistryError(f"Version {len(events) + 1} is missing.")
            events.append(RecordedEvent(version, at, by, parse(body)))
        except (ValidationError, RegistryError) as problem:
            _note(
                findings,
                f"registry_event {version}",
                "body",
                problem,
                f"version {len(events)}",
                _EVENTS_REMEDY,
            )
            break
    history = RegistryHistory(events)
    for version in range(1, history.version + 1):
        try:
            history.at(version)
        except RegistryError as problem:
            _note(
                findings,
                f"registry_event {version}",
                "body",
                problem,
                "an event that is allowed",
                _EVENTS_REMEDY,
            )
            return RegistryHistory(events[: version - 1])
    return history


def check_registry(snapshot: Snapshot, history: RegistryHistory, findings: Findings) -> None:
    """Compare version, parties, sources and keys with the fold of the recorded events, field by field."""
    registry = history.newest()
    stored = [version for (version,) in snapshot.rows("SELECT version FROM lianyun.registry_version")]
    if stored != [registry.version]:
        found = stored[0] if stored else "no row"
        _note(findings, "registry_version", "version", found, registry.version, _TABLE_REMEDY)
    parties = {code: dict(zip(_PARTY, values, strict=True)) for code, *values in snapshot.rows(_PARTIES)}
    _compare(findings, "party", parties, _parties(registry), {code: code for code in parties})
    earlier = {name: dict(zip(_PARTY, values, strict=True)) for name, *values in snapshot.rows(_EARLIER)}
    shapes = _earlier(registry)
    _compare(
        findings, "party_earlier", earlier, shapes, {name: name.split(" ")[0] for name in {*earlier, *shapes}}
    )
    owners = {source: {"party": code} for source, code in snapshot.rows(_SOURCES)}
    sources = {source: {"party": party.code} for source, party in registry.owners.items()}
    _compare(
        findings, "party_source", owners, sources, {s: party.code for s, party in registry.owners.items()}
    )
    keys = {key: dict(zip(_KEY, values, strict=True)) for key, *values in snapshot.rows(_KEYS)}
    _compare(findings, "party_key", keys, _keys(registry), {k: key.party for k, key in registry.keys.items()})
    findings.counts["registry_events"] += history.version


def check_possession(snapshot: Snapshot, history: RegistryHistory, network: str, findings: Findings) -> None:
    """Verify the proof of possession of every registered key; keys from before proofs were demanded may have none."""
    known = snapshot.one("SELECT to_regclass('lianyun.key_possession')::text")[0]
    since = snapshot.rows("SELECT since FROM lianyun.key_possession") if known else [(history.version,)]
    if not since:
        _note(findings, "key_possession", "row", "missing", "since when proofs are demanded", _EVENTS_REMEDY)
    elif since[0][0] > history.version:
        known_yet = f"at most {history.version}, the version that there is"
        _note(findings, "key_possession", "since", since[0][0], known_yet, _EVENTS_REMEDY)
    for recorded in history.events:
        event = recorded.event
        if not isinstance(event, KeyAdded | KeyRotated):
            continue
        proof = event.key.proof
        if proof is None and since and recorded.version <= since[0][0]:
            continue
        wrong = possession_fault(event, history.at(recorded.version - 1))
        if not wrong and proof is not None and proof.network != network:
            wrong = f"The proof is for the network {proof.network}."
        if wrong:
            right = "a proof of possession"
            _note(
                findings,
                f"registry_event {recorded.version}",
                "body",
                wrong,
                right,
                _PROOF_REMEDY,
                event.party,
            )


def _parties(registry: Registry) -> dict[str, dict[str, Any]]:
    return {code: _shape(party) for code, party in registry.parties.items()}


def _earlier(registry: Registry) -> dict[str, dict[str, Any]]:
    return {
        f"{code} of version {shape.version}": _shape(shape)
        for code, party in registry.parties.items()
        for shape in party.earlier
    }


def _shape(party: Party) -> dict[str, Any]:
    return {
        "no": party.no,
        "name": party.name,
        "roles": sorted(map(str, party.roles)),
        "countries": sorted(party.countries),
        "managers": sorted(party.managers),
        "places": sorted(party.places),
        "topics": sorted(party.topics),
        "sources": sorted(party.sources),
        "since": party.since,
        "version": party.version,
    }


def _keys(registry: Registry) -> dict[str, dict[str, Any]]:
    return {
        key_id: {
            "party": key.party,
            "scheme": str(key.scheme),
            "public_key": key.public.raw,
            "not_before": key.not_before,
            "not_after": key.not_after,
            "revoked_at": key.revoked_at,
            "compromised_since": key.compromised_since,
        }
        for key_id, key in registry.keys.items()
    }


def _compare(
    findings: Findings,
    table: str,
    stored: Mapping[str, Mapping[str, Any]],
    folded: Mapping[str, Mapping[str, Any]],
    publishers: Mapping[str, str],
) -> None:
    for name in sorted(stored.keys() | folded.keys()):
        where, publisher = f"{table} {name}", publishers.get(name, "")
        if name not in stored:
            _note(findings, where, "row", "missing", folded[name], _TABLE_REMEDY, publisher)
        elif name not in folded:
            _note(findings, where, "row", stored[name], "no row", _TABLE_REMEDY, publisher)
        else:
            for field, right in folded[name].items():
                found = stored[name][field]
                if (sorted(found) if isinstance(found, list) else found) != right:
                    _note(findings, where, field, found, right, _TABLE_REMEDY, publisher)


def _note(
    findings: Findings,
    where: str,
    field: str,
    stored: Any,
    expected: Any,
    remedy: str,
    publisher: str = "",
) -> None:
    findings.add(Damage.REGISTRY, where, field, stored, expected, remedy, publisher)
