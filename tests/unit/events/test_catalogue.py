"""The catalogue holds every milestone and exception of the trade, and its tables do not contradict themselves."""

from __future__ import annotations

import pytest

from schemas.events import catalogue
from schemas.events.base import CustomsMilestone, EventSpec, Milestone
from schemas.events.declare import RUNNING, event
from schemas.events.vocabulary import Episode, ObjectKind, Region, Role, Territory
from tests.support.invariants import holds_for

SPECS = catalogue.specs()
every = holds_for({spec.type: spec for spec in SPECS})

HAPPENS = {
    "movement": """
        booked booking_confirmed booking_rejected booking_cancelled empty_released stuffed gated_in loaded_on_wagon
        departed arrived handed_over advance_list_sent transshipped position_reported loaded_on_vessel
        discharged_from_vessel arrived_at_destination unloaded available gated_out delivered empty_returned closed
        train_held train_resumed train_cancelled wagon_broken seal_broken resealed damaged lost found returned abandoned
        temperature_alarm temperature_normal dangerous_goods_rejected queued queue_left pickup_queued split merged
        reconsigned""",
    "customs": """
        export_lodged selected_for_inspection inspection_passed inspection_finding released held hold_lifted detained
        detention_lifted manifest_accepted exit_cleared prior_information_lodged transit_opened transit_closed ens_lodged
        ens_assessed ens_referred import_lodged rejected amended cancelled navigation_seal_applied transit_lodged
        unloading_permitted""",
    "document": """
        note_issued note_reissued invoice_issued packing_list_issued insurance_bound insurance_cancelled
        certificate_of_origin_issued release_order_issued document_rejected document_amended""",
    "trade": "dataset_stated finding_explained",
    "network": "restricted restriction_lifted",
    "link": """
        consignment_opened booking_assigned containers_assigned note_covers declaration_covers wagon_loaded
        train_composed consignments_same route_planned""",
    "correction": "corrected retracted",
    "credit": """
        consent_granted consent_revoked dispute_opened dispute_resolved cut_off_set documents_completed
        particulars_declared cause_stated claim_decided freight_invoiced freight_paid freight_disputed
        freight_fell_overdue""",
    "finance": """
        applied application_withdrawn rejected approved pledged drawn repaid released cancelled fell_overdue defaulted
        enforced written_off frozen unfrozen collateral_substituted takeover_consented alert_acknowledged
        control_recorded control_ended registration_made registration_ended release_order_requested
        reconsignment_requested transfer_requested decided""",
    "case": "opened reopened acknowledged assigned snoozed noted closed arrival_judged",
}


def test_everything_that_happens_has_a_type() -> None:
    types = {f"cre.{region}.{name}.v1" for region, names in HAPPENS.items() for name in names.split()}
    assert types - set(catalogue.CATALOGUE) == set()


def test_two_types_never_share_a_number() -> None:
    @event("movement.flown.v1", 300, region=Region.MOVEMENT, by=(Role.RAILWAY,), about=RUNNING)
    class Flown(Milestone):
        """A train flew."""

    with pytest.raises(ValueError, match="share the number 300"):
        catalogue.numbered([*catalogue.CATALOGUE.values(), Flown])


def test_a_newer_version_takes_the_number() -> None:
    @event("movement.departed.v2", 300, region=Region.MOVEMENT, by=(Role.RAILWAY,), about=RUNNING)
    class DepartedAgain(Milestone):
        """A train left."""

    assert catalogue.numbered([DepartedAgain, *catalogue.CATALOGUE.values()])[300] is DepartedAgain.spec


@every
def test_numbers_lie_in_the_range_of_their_region(spec: EventSpec) -> None:
    low, high = {
        Region.MOVEMENT: (100, 899),
        Region.CUSTOMS: (1000, 1999),
        Region.DOCUMENT: (2000, 2999),
        Region.NETWORK: (3000, 3999),
        Region.LINK: (4000, 4999),
        Region.CORRECTION: (5000, 5999),
        Region.CREDIT: (7000, 7999),
        Region.CASE: (8000, 8999),
        Region.FINANCE: (6000, 6999),
    }[spec.region]
    assert low <= spec.number <= high
    assert spec.phase == (spec.number // 100 if spec.region is Region.MOVEMENT else 0)
    assert catalogue.by_number(spec.number) is spec
    assert catalogue.spec(spec.type) is spec


@every
def test_each_type_says_who_may_say_it(spec: EventSpec) -> None:
    assert spec.publishers
    assert spec.authority <= spec.publishers, "whoever is an authority may say it"
    assert spec.summary.endswith(".")
    assert "``" not in spec.summary
    assert spec.objects or spec.region in (Region.CORRECTION, Region.CREDIT)  # consents are about no cargo
    if spec.territory is not Territory.NONE:
        assert spec.authority, "a territory without a role gives nobody authority"


@every
def test_each_exception_has_somebody_who_must_act_and_a_time(spec: EventSpec) -> None:
    assert (spec.opens is not None) == (spec.owner is not None) == (spec.due_seconds is not None)


@pytest.mark.parametrize("episode", list(Episode))
def test_what_opens_can_be_closed(episode: Episode) -> None:
    assert any(spec.opens is episode for spec in SPECS)
    assert any(spec.closes is episode for spec in SPECS)


@every
def test_trouble_on_the_way_does_not_move_the_position(spec: EventSpec) -> None:
    if spec.region is Region.MOVEMENT and spec.opens is not None:
        assert not spec.moves


@every
def test_what_a_type_answers_exists(spec: EventSpec) -> None:
    assert all(answered in catalogue.CATALOGUE for answered in spec.answers)


def test_customs_speaks_with_authority_only_in_its_jurisdiction() -> None:
    for spec in SPECS:
        if spec.region is Region.CUSTOMS:
            assert issubclass(catalogue.CATALOGUE[spec.type], CustomsMilestone)
            assert spec.authority == {Role.CUSTOMS}
            assert spec.territory is Territory.JURISDICTION


def test_a_place_bound_authority_of_a_customs_free_milestone_can_name_a_place() -> None:
    for type_, model in catalogue.CATALOGUE.items():
        if model.spec.territory is Territory.PLACE and issubclass(model, Milestone):
            assert "place" in model.model_fields, type_


def test_stable_numbers_that_are_stored() -> None:
    # A changed number would give stored events another meaning: these must never move.
    stored = {
        name: catalogue.spec(f"cre.{name}.v1").number for name in ("movement.departed", "customs.released")
    }
    assert stored == {"movement.departed": 300, "customs.released": 1200}
    assert [kind.value for kind in ObjectKind] == list(range(1, 9))
    assert [region.value for region in Region] == list(range(1, 10))


def test_unknown_names_are_key_errors() -> None:
    with pytest.raises(KeyError):
        catalogue.spec("cre.movement.teleported.v1")
    with pytest.raises(KeyError):
        catalogue.by_number(299)
