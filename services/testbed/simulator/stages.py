"""What happens after what on a journey, and what opens and closes trouble: the world's own tables, as a railway expert says."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

STAGE: Mapping[str, int] = MappingProxyType(
    {
        "movement.booked": 1,
        "movement.booking_confirmed": 1,
        "movement.empty_released": 2,
        "movement.stuffed": 2,
        "movement.gated_in": 2,
        "movement.loaded_on_wagon": 2,
        "movement.departed": 3,
        "movement.arrived": 3,
        "movement.handed_over": 3,
        "movement.transshipped": 3,
        "movement.loaded_on_vessel": 3,
        "movement.discharged_from_vessel": 3,
        "movement.position_reported": 3,
        "movement.arrived_at_destination": 4,
        "movement.unloaded": 4,
        "movement.available": 4,
        "movement.gated_out": 5,
        "movement.delivered": 6,
        "movement.empty_returned": 7,
    }
)
"""How far on its way cargo is after each kind of happening; what is not here moves nothing."""

ON_THE_WAY = 3
DELIVERED = 6
ORDER = tuple(STAGE)
AT_A_PLACE = (
    "movement.position_reported",
    "movement.arrived",
    "movement.discharged_from_vessel",
    "movement.handed_over",
    "movement.transshipped",
    "movement.loaded_on_vessel",
    "movement.departed",
)
"""What comes after what where cargo stops."""

OPENED: Mapping[str, str] = MappingProxyType(
    {
        "movement.damaged": "DAMAGED",
        "movement.train_held": "TRAIN_HELD",
        "movement.returned": "RETURNED",
        "movement.queued": "QUEUED",
        "movement.train_cancelled": "TRAIN_CANCELLED",
        "customs.detained": "DETAINED",
        "customs.selected_for_inspection": "INSPECTION",
        "customs.ens_referred": "ENS_REFERRED",
    }
)
CLOSED: Mapping[str, str] = MappingProxyType(
    {
        "movement.train_resumed": "TRAIN_HELD",
        "movement.queue_left": "QUEUED",
        "movement.slot_rolled": "TRAIN_CANCELLED",
        "customs.detention_lifted": "DETAINED",
        "customs.inspection_passed": "INSPECTION",
        "customs.ens_assessed": "ENS_REFERRED",
    }
)
