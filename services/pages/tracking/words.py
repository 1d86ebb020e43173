"""The plain words of the tracking page for the codes of the view; English messages, translated where they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def N_(message: str) -> str:
    """Mark a message for translation where it is shown."""
    return message


MILESTONES: Final[Mapping[str, str]] = {
    "movement.booked": N_("Booked"),
    "movement.booking_confirmed": N_("Booking confirmed"),
    "movement.booking_rejected": N_("Booking refused"),
    "movement.booking_cancelled": N_("Booking cancelled"),
    "movement.empty_released": N_("Empty container released"),
    "movement.stuffed": N_("Packed and sealed"),
    "movement.gated_in": N_("At the origin terminal"),
    "movement.loaded_on_wagon": N_("Loaded on a wagon"),
    "movement.dangerous_goods_rejected": N_("Dangerous goods refused"),
    "movement.dangerous_goods_accepted": N_("Dangerous goods accepted"),
    "movement.train_cancelled": N_("Train cancelled"),
    "movement.slot_rolled": N_("Moved to another train"),
    "movement.departed": N_("Departed"),
    "movement.arrived": N_("Arrived"),
    "movement.handed_over": N_("Handed over between railways"),
    "movement.advance_list_sent": N_("Announced to the next railway"),
    "movement.transshipped": N_("Changed to wagons of the other gauge"),
    "movement.position_reported": N_("Position reported"),
    "movement.loaded_on_vessel": N_("Loaded on a vessel"),
    "movement.discharged_from_vessel": N_("Unloaded from the vessel"),
    "movement.train_held": N_("Train set aside"),
    "movement.train_resumed": N_("Train goes on"),
    "movement.wagon_broken": N_("Wagon out of order"),
    "movement.wagon_restored": N_("Wagon repaired or cargo moved to another"),
    "movement.queued": N_("Waiting for its turn"),
    "movement.queue_left": N_("Had its turn"),
    "movement.pickup_queued": N_("Waiting for a pick-up slot"),
    "movement.pickup_slot_given": N_("Pick-up slot given"),
    "movement.split": N_("Goes on in several parts"),
    "movement.merged": N_("Parts go on together"),
    "movement.reconsigned": N_("Destination or consignee changed"),
    "movement.reconsignment_settled": N_("Change of destination settled"),
    "movement.returned": N_("Being sent back"),
    "movement.resent": N_("Goes forward again"),
    "movement.abandoned": N_("Given up or not claimed"),
    "movement.reclaimed": N_("Claimed after all"),
    "movement.seal_broken": N_("Seal broken or missing"),
    "movement.resealed": N_("New seals put on"),
    "movement.damaged": N_("Damage found"),
    "movement.damage_settled": N_("Damage settled"),
    "movement.lost": N_("Cannot be found"),
    "movement.found": N_("Found again"),
    "movement.temperature_alarm": N_("Temperature out of range"),
    "movement.temperature_normal": N_("Temperature in range again"),
    "movement.arrived_at_destination": N_("Arrived at the destination station"),
    "movement.unloaded": N_("Unloaded from the wagon"),
    "movement.available": N_("Ready for pick-up"),
    "movement.gated_out": N_("Picked up from the terminal"),
    "movement.delivered": N_("Delivered"),
    "movement.empty_returned": N_("Empty container returned"),
    "movement.closed": N_("Closed"),
    "customs.export_lodged": N_("Export declaration lodged"),
    "customs.manifest_accepted": N_("Manifest accepted"),
    "customs.prior_information_lodged": N_("Prior information lodged"),
    "customs.ens_lodged": N_("Entry summary lodged"),
    "customs.import_lodged": N_("Import declaration lodged"),
    "customs.accepted": N_("Declaration accepted"),
    "customs.rejected": N_("Declaration refused"),
    "customs.amended": N_("Declaration amended"),
    "customs.cancelled": N_("Declaration cancelled"),
    "customs.transit_lodged": N_("Transit declaration lodged"),
    "customs.released": N_("Released by customs"),
    "customs.held": N_("Held by customs"),
    "customs.hold_lifted": N_("No longer held by customs"),
    "customs.detained": N_("Detained by customs"),
    "customs.detention_lifted": N_("Detention ended"),
    "customs.exit_cleared": N_("Cleared to leave the country"),
    "customs.transit_opened": N_("Transit procedure opened"),
    "customs.transit_closed": N_("Transit procedure closed"),
    "customs.unloading_permitted": N_("Unloading permitted"),
    "customs.selected_for_inspection": N_("Selected for inspection"),
    "customs.inspection_passed": N_("Inspection passed"),
    "customs.inspection_finding": N_("Inspection found something"),
    "customs.finding_settled": N_("Finding settled"),
    "customs.navigation_seal_applied": N_("Navigation seal put on"),
    "customs.navigation_seal_removed": N_("Navigation seal taken off"),
    "customs.ens_assessed": N_("Entry allowed after risk assessment"),
    "customs.ens_referred": N_("Risk assessment asks for more"),
    "document.note_issued": N_("Consignment note issued"),
    "document.note_reissued": N_("Consignment note exchanged for another"),
    "document.note_amended": N_("Consignment note amended"),
    "document.release_order_issued": N_("Delivery order issued"),
    "document.arrival_notice_issued": N_("Consignee notified of the arrival"),
    "document.document_rejected": N_("Document refused"),
    "document.document_amended": N_("Document amended or supplied"),
    "document.decided": N_("Step of a document decided"),
    "document.invoice_issued": N_("Invoice issued"),
    "document.packing_list_issued": N_("Packing list issued"),
    "document.certificate_of_origin_issued": N_("Certificate of origin issued"),
    "trade.dataset_stated": N_("Trade data stated"),
    "trade.finding_explained": N_("Finding explained"),
    "document.insurance_bound": N_("Insurance bound"),
    "document.insurance_cancelled": N_("Insurance cancelled"),
}
"""By the milestone's name: what stands in a list of events, and in the headline for where the cargo is."""

EXCEPTIONS: Final[Mapping[str, str]] = {
    "DETAINED": N_("Customs has detained the goods"),
    "INSPECTION": N_("Customs is inspecting the goods"),
    "SEAL_BROKEN": N_("A seal is broken or missing"),
    "DAMAGED": N_("Damage was found"),
    "TEMPERATURE": N_("The temperature is out of range"),
    "TRAIN_HELD": N_("The train was set aside on the way"),
    "WAGON_BROKEN": N_("The wagon is out of order"),
    "QUEUED": N_("It is waiting for its turn at a border or junction"),
    "PICKUP_QUEUED": N_("It is waiting for a pick-up slot"),
    "LOST": N_("It cannot be found"),
    "DANGEROUS_GOODS_REJECTED": N_("The dangerous goods were refused"),
    "DOCUMENT_REJECTED": N_("A document was refused"),
    "TRAIN_CANCELLED": N_("The train was cancelled"),
    "BOOKING_REJECTED": N_("The booking was refused"),
    "BOOKING_CANCELLED": N_("The booking was cancelled"),
    "CUSTOMS_HELD": N_("Customs is holding the goods"),
    "ENS_REFERRED": N_("The risk assessment before entry asks for more"),
    "DECLARATION_REJECTED": N_("A declaration was refused"),
    "RETURNED": N_("The cargo is being sent back"),
    "ABANDONED": N_("Nobody claims the cargo"),
    "INSURANCE_CANCELLED": N_("The insurance was cancelled"),
    "RECONSIGNED": N_("A change of destination or consignee is not settled"),
}

OWNERS: Final[Mapping[str, str]] = {
    "operator": N_("the train operator"),
    "railway": N_("the railway"),
    "customs": N_("customs"),
    "terminal": N_("the terminal"),
    "forwarder": N_("the forwarder"),
    "shipper": N_("the shipper"),
    "consignee": N_("the consignee"),
    "bank": N_("the bank"),
    "insurer": N_("the insurer"),
    "container_owner": N_("the owner of the container"),
    "authority": N_("the authority"),
    "platform": N_("the platform"),
}
"""Who has to act, after "To act:"."""

RESTRICTIONS: Final[Mapping[str, str]] = {
    "BORDER_CLOSED": N_("The border is closed"),
    "EMBARGO": N_("Loading towards it is stopped"),
    "ACCEPTANCE_BAN": N_("Some goods are not accepted"),
    "TIGHTENED_CONTROL": N_("Controls are tightened"),
}

ASSURANCES: Final[Mapping[str, str]] = {
    "SIGNED_BY_AUTHORITY": N_("signed by the authority"),
    "RELAYED": N_("relayed from the authority"),
    "ASSERTED": N_("stated by a party"),
}

CLASSIFIERS: Final[Mapping[str, str]] = {
    "ACT": N_("happened"),
    "EST": N_("expected"),
    "PLN": N_("planned"),
}

STANDINGS: Final[Mapping[str, str]] = {
    "COUNTED": N_("counts"),
    "SUPERSEDED": N_("replaced by a newer one"),
    "UNENGAGED": N_("from somebody who is no party here"),
}

NOT_LIVE: Final[Mapping[str, str]] = {
    "EQUIVOCATES": N_("two different messages under one number: neither counts"),
    "IN_CYCLE": N_("corrections that take each other back: none counts"),
    "WITHDRAWN": N_("corrected or taken back"),
}


def milestone(name: str) -> str:
    """The words for a milestone; one that the page has no words for shows its own name."""
    return MILESTONES.get(name) or name.partition(".")[2].replace("_", " ").capitalize()


PHASES: Final[Mapping[int, str]] = {
    0: N_("Not under way yet"),
    1: N_("Booked"),
    2: N_("At the origin"),
    3: N_("On the way"),
    4: N_("At the destination station"),
    5: N_("Picked up"),
    6: N_("Delivered"),
    7: N_("Delivered, container returned"),
    8: N_("Delivered and closed"),
}
"""The headline, by the phase of the journey."""

TONES: Final[Mapping[str, str]] = {
    "good": N_("As planned"),
    "warn": N_("Needs attention"),
    "bad": N_("Trouble"),
    "done": N_("Done"),
}

STEPS: Final[Mapping[str, str]] = {
    "booked": N_("Booked"),
    "origin": N_("At the origin terminal"),
    "departed": N_("Departed by rail"),
    "gauge": N_("Border and change of gauge"),
    "destination": N_("At the destination station"),
    "picked_up": N_("Picked up from the terminal"),
    "delivered": N_("Delivered"),
}
FIELDS: Final[Mapping[str, str]] = {
    "movement": N_("Where it is, milestones, trouble, documents by kind"),
    "ids": N_("Numbers of containers, wagons and trains"),
    "declaration_status": N_("Customs: what was lodged and released, and when"),
    "inspection": N_("Customs inspections"),
    "goods": N_("Goods by their customs codes"),
    "invoice": N_("Invoice and insurance"),
}
"""What a share link may show, by the field of the matrix."""

STATES: Final[Mapping[str, str]] = {
    "done": N_("time not reported"),
    "now": N_("time not reported"),
    "ahead": N_("still to come"),
}


def thing(text: str) -> str:
    """The number of an object as people know it, without its kind."""
    return text.partition(":")[2] or text
