"""What fsck does not find, each with its reason: data of the test of every column, and the table of docs/reference/fsck.md."""

from __future__ import annotations

from tests.support.damage.mutations import COPIED, DELETED

EVERYTHING = "everything"
_WORK = "a list of work: it excuses what waits, and goes when that is done"
_LEASE = "who holds what until when: whoever comes next takes it anew"
_METRIC = "read by metrics only; made again from the events"
_PLACE = "where followers read on; a place that nobody has reached yet is found"
_WHOLE = "when all that was visible had been followed: shown to operators, decides nothing"

UNCOVERED: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("g1.pending", (COPIED, "id", "judged", "consignments", "mark"), f"{_WORK}; a mark that never comes is found"),
    ("lianyun.api_proof", (EVERYTHING,), "proofs that were used, for some minutes"),
    ("lianyun.api_answer_purge", ("given",), "up to where answers were forgotten: it excuses answers that are gone, and nothing else"),
    ("lianyun.arrival_again", (EVERYTHING,), _WORK),
    ("lianyun.arrival_cursor", ("whole_at",), _WHOLE),
    ("lianyun.arrival_habit", ("xid",), _PLACE),
    ("lianyun.audit_head", (COPIED,), "a head without entries, of a register that nobody knows: it says nothing"),
    ("lianyun.batch", ("digest",), "set to null only: as releases write it that may be at work for a day"),
    ("lianyun.case_again", (EVERYTHING,), _WORK),
    ("lianyun.case_cursor", ("as_of",), "of which moment the causes are: by one at which others are due, they differ"),
    ("lianyun.case_cursor", ("habit_xid", "habit_no"), "up to where changed habits were followed; a cause by an old one is found"),
    ("lianyun.case_cursor", ("whole_at",), _WHOLE),
    ("lianyun.case_due", (DELETED, "due"), "of pledged cargo, which is looked at by the hour; that of all other cargo is compared"),
    ("lianyun.case_step", ("xid",), _PLACE),
    ("lianyun.conformance_attempt", (EVERYTHING,), "what publishers under test posted in a network with a sandbox; nothing is derived from it"),
    ("lianyun.console_session", (EVERYTHING,), "who is signed in: everybody signs in again"),
    ("lianyun.console_sign_in", (EVERYTHING,), "sign-ins under way, for ten minutes"),
    ("lianyun.credit_again", (EVERYTHING,), _WORK),
    ("lianyun.credit_cursor", ("whole_at",), _WHOLE),
    ("lianyun.dead_letter", ("reason", "detail", "pointer", "remedy"),
     "the latest judgement, in the words of the release that judged; with a log the reason of a letter that came once and was not redriven is found"),
    ("lianyun.dead_letter", ("xid",), _PLACE),
    ("lianyun.dead_letter_hour", (EVERYTHING,), "how many letters of an hour there may still be; what was cut off has rows of its own"),
    ("lianyun.event_trace", (DELETED,), "helps to find events by their trace; events from before the table have none"),
    ("lianyun.exporter_cursor", (EVERYTHING,), _METRIC),
    ("lianyun.fence_log", (EVERYTHING,), "what was done about frozen sessions, for operators; forgotten after some days"),
    ("lianyun.financing_asked", ("again",), "when a decision that failed is tried again"),
    ("lianyun.financing_decision", ("xid",), _PLACE),
    ("lianyun.financing_version", ("since",), "when the version was opened: nothing depends on it"),
    ("lianyun.financing_watch", (DELETED, "xid"), "whom a fact concerns at once; the alert itself is derived from the facts"),
    ("lianyun.generation", ("since", "left_xid"), "when a generation was made, and up to where a retired one had followed"),
    ("lianyun.kafka_offset", ("topic_id",), "compared with the broker's by whoever claims the partition"),
    ("lianyun.kafka_offset", ("epoch", "owner", "backend", "backend_start", "claimed"), _LEASE),
    ("lianyun.kafka_offset", ("last_leader_epoch", "stopped", "stopped_detail", "stopped_at"),
     "why a partition stands still, compared with the broker by whoever claims it"),
    ("lianyun.log_hole", ("no", "next", "at", "by"), "where and when offsets were passed; their sum is compared"),
    ("lianyun.object_name", (EVERYTHING,), "by which spelling objects are looked up; what is found is read from the events"),
    ("lianyun.partner_accepted", (EVERYTHING,), _METRIC),
    ("lianyun.quarantine", ("xid",), _PLACE),
    ("lianyun.subscription", ("told", "last_no", "look", "failures"), "what a subscriber was told last, when it is looked at next, and how much mail came back"),
    ("lianyun.subscription_notice", (EVERYTHING,), "what subscribers were told, kept for some weeks; made from the events"),
    ("lianyun.subscription_token", (EVERYTHING,), "digests of random bits that lead to a subscription; who holds them is known to nobody"),
    ("lianyun.redrive_request", (EVERYTHING,), "what people asked to be redriven; an action on a letter by anybody else than who asked for it and might is found"),
    ("lianyun.saved_view", (EVERYTHING,), "addresses that people noted for themselves: they give no rights and decide nothing"),
    ("lianyun.transparency_cursor", ("major", "minor"),
     "up to where a source has joined the log: set back, nothing joins twice; set forward, the next document that was passed over is found"),
    ("lianyun.transparency_entry", ("salt",), "set to null only: as it is once payload and salt were erased; every proof stays valid"),
    ("lianyun.transparency_head", ("at",), "when the head was signed"),
    ("lianyun.transparency_head", ("cosigned",), "set to null only: witnesses hold what they cosigned, and are asked again"),
    ("lianyun.webhook_cursor", (DELETED, "xid", "no"), _PLACE),
    ("lianyun.webhook_salt", (EVERYTHING,), "random bytes in front of what ids of messages are digests of; nothing follows from them"),
    ("lianyun.webhook_subscription", ("failing_since", "last_success"), "how its endpoint is getting on"),
    ("lianyun.worker_slot", (EVERYTHING,), _LEASE),
)  # fmt: skip
"""(table, changes, reason)."""

EMPTY: dict[str, str] = {
    "lianyun.arrival_broken": "a row of it is a finding by itself",
    "lianyun.arrival_habit": "learned from twenty trains on a leg (tests/integration/cases/test_silence_store.py)",
    "lianyun.arrival_judged": "of forecasts that became late (tests/integration/cases/test_arrival_judgments.py)",
    "lianyun.arrival_judgment": "of forecasts that became late (tests/integration/cases/test_arrival_judgments.py)",
    "lianyun.case_touched": "emptied in the transaction that decides on the cases",
    "lianyun.dead_letter_cut": "written in a flood only (tests/integration/deadletters)",
    "lianyun.credit_broken": "a row of it is a finding by itself",
    **dict.fromkeys(
        (f"lianyun.pint_{name}" for name in ("file", "step", "transfer")),
        "documents of other platforms; changed one by one in tests/integration/documents",
    ),
    "lianyun.pint_platform": "entered by a command only; changed column by column in tests/integration/fsck/test_registers.py",
    **dict.fromkeys(
        ("lianyun.annotation_decision", "lianyun.annotation_entry"),
        "changed column by column in tests/integration/financing",
    ),
    **dict.fromkeys(
        (f"lianyun.document_{name}" for name in ("decision", "head", "version")),
        "changed column by column in tests/integration/documents",
    ),
    "lianyun.registry_statement": "where a root is configured only (tests/integration/registry/test_signed_registry.py, tests/integration/fsck/test_registers.py)",
    "lianyun.subscription_touch": "emptied when the subscriptions are looked at, within a second",
    **dict.fromkeys(
        ("lianyun.statistics_figure", "lianyun.statistics_publication"),
        "published by a command only; held against the events by `lianyun statistics recompute` (tests/integration/statistics)",
    ),
    "lianyun.webhook_again": "emptied when the notes before it are settled",
}
"""Tables that have no row in a sound platform, and why."""


def documented() -> str:
    """The rows of the table in docs/reference/fsck.md."""
    return "\n".join(
        f"| `{table}` | {', '.join(what if ' ' in what or what == EVERYTHING else f'`{what}`' for what in changes)} | {reason} |"
        for table, changes, reason in UNCOVERED
    )
