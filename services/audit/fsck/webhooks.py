"""Messages to parties and their deliveries: none was changed, added or taken away by hand."""

from __future__ import annotations

from collections import Counter

from services.audit.fsck.finding import Damage, Notebook
from services.audit.fsck.snapshot import Snapshot
from services.audit.fsck.trail import audited, entered, permitted
from services.ledger.audit_trail.digests import (
    DELIVERY,
    MESSAGE,
    OLDER_RELEASES,
    delivery_seal,
    seal,
    select_list,
)

_RESTORE = (
    "Restore the row from a backup; its party can have it delivered again: POST /v1/webhooks/{id}/replay."
)
_DAY = 86_400_000_000


def check_webhooks(snapshot: Snapshot, notebook: Notebook) -> None:
    """Verify the seal of every message and delivery, and how many there are.

    ``webhooks_not_permitted`` says that this role may not; ``webhooks_without_seal`` counts what older releases wrote. Memory
    grows with subscriptions and with the days that messages are stored for.
    """
    if not permitted(snapshot, "webhook_message", "webhook_delivery", "webhook_tally", "audit_trail"):
        notebook.counts["webhooks_not_permitted"] += 1
        return

    def note(where: str, field: str, stored: object, expected: object, party: str = "") -> None:
        notebook.add(Damage.WEBHOOK, where, field, stored, expected, _RESTORE, party)

    strict = audited(snapshot)
    older = entered(snapshot, "webhook_message", OLDER_RELEASES).get("at", -1) if strict else (1 << 63) - 1
    assert isinstance(older, int)
    tally: Counter[str] = Counter()
    messages = f"SELECT seal, {select_list(MESSAGE)} FROM lianyun.webhook_message"  # noqa: S608
    for stored, *message in snapshot.stream(messages):
        notebook.counts["webhook_messages"] += 1
        id_, party, _, at, *_ = message
        if stored is None:
            notebook.counts["webhooks_without_seal"] += 1
            if at > older:
                note(
                    f"webhook_message {id_}", "seal", "none", f"a seal: the last without is of {older}", party
                )
            continue
        tally[f"messages of day {at // _DAY}"] += 1
        if stored != (right := seal(*message)):
            note(f"webhook_message {id_}", "message or seal", stored, right, party)
    deliveries = (
        f"SELECT d.seal, m.at, {', '.join(f'd.{name}' for name in DELIVERY)} FROM lianyun.webhook_delivery d"  # noqa: S608
        " LEFT JOIN lianyun.webhook_message m ON m.id = d.message"
    )
    for stored, at, *delivery in snapshot.stream(deliveries):
        notebook.counts["webhook_deliveries"] += 1
        where = f"webhook_delivery {delivery[0]} {delivery[1]}"
        if at is None:
            note(where, "message", delivery[1], "a stored message")
        elif stored is None:
            notebook.counts["webhooks_without_seal"] += 1
            if at > older:
                note(where, "seal", "none", f"a seal: the last message without is of {older}")
        if stored is not None:
            tally[f"deliveries to {delivery[0]}"] += 1
            # An older release settles deliveries and leaves their seals as they are.
            if strict and stored != (right := delivery_seal(*delivery)):
                note(where, "delivery or seal", stored, right)
    said: dict[str, int] = dict(snapshot.rows("SELECT name, rows FROM lianyun.webhook_tally"))
    for name in sorted(said.keys() | tally.keys()) if strict else ():
        if name not in said or said[name] != tally[name]:
            table = "webhook_message" if name.startswith("messages") else "webhook_delivery"
            note(f"{table}, {name} by webhook_tally", "rows", tally[name], said.get(name, "no row"))
