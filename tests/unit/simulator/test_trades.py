"""Trades of a simulated world: both declarations are made from the data that the shipper stated, and the one that did not follow is known."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime

from schemas.events.catalogue import spec
from schemas.events.customs_filing import ExportFiled, ImportFiled
from schemas.events.trade import DatasetStated
from schemas.events.vocabulary import ObjectKind
from services.ledger.admission.evaluation import admit
from services.ledger.admission.model import AdmissionSettings, Admitted, Record
from services.testbed.simulator.signed_messages import profiles, sign_all
from services.testbed.simulator.trades import Trades
from services.testbed.simulator.world import World
from services.trade.domain.dataset import Dataset
from services.trade.domain.in_step import in_step
from services.trade.domain.in_step_pair import Status
from services.trade.domain.in_step_rules import step_rules
from services.trade.formats.dataset import stated
from services.trade.formats.declared import Statement, filings_of
from tests.unit.simulator.conftest import registry_of
from tests.unit.simulator.corridor_worlds import small

MODELS: dict[str, type[DatasetStated | ExportFiled | ImportFiled]] = {
    "cre.trade.dataset_stated.v1": DatasetStated, "cre.customs.export_lodged.v2": ExportFiled, "cre.customs.import_lodged.v2": ImportFiled,
}  # fmt: skip


def judged_by(seed: int) -> dict[bool, int]:
    """How many trades of a world were judged, by whether its truth has one side behind; fails where a judgement is not the truth."""
    played = small("ordinary-week", seed)
    versions: dict[str, dict[str, Dataset]] = defaultdict(dict)
    filed: dict[str, list[Statement]] = defaultdict(list)
    keys: dict[str, str] = {}
    for message in played.messages():
        model = MODELS.get(message.record["type"])
        if model is None or message.refused_as:
            continue
        payload = model.model_validate({"salt": "00" * 16, **message.record["data"]})
        payload.check()
        if isinstance(payload, DatasetStated):
            dataset = stated(payload.data)
            trade = f"{message.party}/{dataset.reference}"
            versions[trade][dataset.digest] = dataset
            keys[trade] = next(each.id for each in payload.objects if each.kind is ObjectKind.CONSIGNMENT)
        else:
            assert payload.dataset is not None
            trade = f"{payload.dataset.owner}/{payload.dataset.reference}"
            filed[trade].append(Statement(message.record["id"], payload.objects[0].id, payload))
    truth = Trades(World(played.seed, 0))
    judged = {True: 0, False: 0}
    for name, statements in filed.items():
        destination = next(
            (each.payload.jurisdiction for each in statements if isinstance(each.payload, ImportFiled)), ""
        )
        known = truth.of(keys[name], destination) if destination and name in keys else None
        if known is None or set(versions[name]) != set(known.digests):
            continue
        filings, corrections = filings_of(statements)
        day = datetime.fromtimestamp(played.ends / 1e6, UTC).date()
        found = in_step(tuple(versions[name].values()), filings, corrections, step_rules(day))
        wrong = [each for each in found if each.status not in (Status.SAME, Status.ALLOWED)]
        assert bool(wrong) is known.behind, [
            (each.element, each.line, each.status, each.reason) for each in wrong
        ]
        judged[known.behind] += 1
    return judged


def test_declarations_are_in_step_but_for_those_whose_trade_was_amended_after_the_export() -> None:
    judged = [judged_by(seed) for seed in (1, 2, 3)]
    assert sum(each[True] for each in judged) > 0
    assert sum(each[False] for each in judged) > 0


def test_the_platform_accepts_them_from_those_who_send_them() -> None:
    played = small("ordinary-week")
    messages = [each for each in played.messages() if each.record["type"] in MODELS and not each.refused_as]
    signed = sign_all(messages, profiles(played.seed))
    settings = AdmissionSettings("demo", frozenset({"cre.gateway.v1"}))
    for number, each in enumerate(signed):
        sent = each.message
        answer = admit(
            Record(sent.topic, 0, number, played.ends // 1_000, list(sent.headers), sent.value),
            registry_of(played.seed),
            settings,
        )
        assert isinstance(answer, Admitted), answer
    assert len({each.record["type"] for each in messages}) == len(MODELS)


def test_their_types_are_those_of_the_catalogue() -> None:
    for type_ in (
        "cre.trade.dataset_stated.v1",
        "cre.customs.export_lodged.v2",
        "cre.customs.import_lodged.v2",
    ):
        assert spec(type_).type == type_
