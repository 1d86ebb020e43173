"""The closed vocabularies of the events: regions, roles, classifiers, object kinds, territories and episodes.

Numbers are stored and never reused; names are what people and the wire use.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Region(IntEnum):
    """Which part of a consignment's state an event speaks about; the parts move on their own."""

    MOVEMENT = 1
    CUSTOMS = 2
    DOCUMENT = 3
    FINANCE = 4
    NETWORK = 5
    LINK = 6
    CORRECTION = 7
    CREDIT = 8
    CASE = 9


class Role(StrEnum):
    """What a registered party does; a party may have several roles."""

    OPERATOR = "operator"
    RAILWAY = "railway"
    CUSTOMS = "customs"
    TERMINAL = "terminal"
    FORWARDER = "forwarder"
    SHIPPER = "shipper"
    CONSIGNEE = "consignee"
    BANK = "bank"
    INSURER = "insurer"
    CONTAINER_OWNER = "container_owner"
    AUTHORITY = "authority"  # of a government, other than customs
    PLATFORM = "platform"


class Classifier(StrEnum):
    """Whether something happened, is expected or is planned (DCSA); the three never replace one another."""

    ACT = "ACT"
    EST = "EST"
    PLN = "PLN"


class ObjectKind(IntEnum):
    """What an event speaks about; on the wire the lower-case name. The shape of each id:

    consignment ``party/reference``; booking ``party/number``; note ``SMGS|CIM|CIMSMGS/country/station/number/year``;
    container ISO 6346; declaration ``jurisdiction/number``; wagon ``CN|1520|UIC/number``;
    train ``company/number/YYYY-MM-DD/origin place`` (one run: the number of the next day is another train; the origin may
    be missing where its sender does not know it); place ``scheme:code``.
    """

    CONSIGNMENT = 1
    BOOKING = 2
    NOTE = 3
    CONTAINER = 4
    DECLARATION = 5
    WAGON = 6
    TRAIN = 7
    PLACE = 8

    @property
    def wire(self) -> str:
        """The name on the wire."""
        return self.name.lower()


class Territory(StrEnum):
    """What a role must cover for its word to be an authority's.

    NONE: the role alone, and it never engages by territory. PLACE: the infrastructure or terminal of ``place``.
    JURISDICTION: the country of ``jurisdiction``.
    """

    NONE = "NONE"
    PLACE = "PLACE"
    JURISDICTION = "JURISDICTION"


class Episode(IntEnum):
    """Exceptions that stay open until something closes them; a type opens (+n) or closes (-n) at most one."""

    DETAINED = 1
    INSPECTION = 2
    SEAL_BROKEN = 3
    DAMAGED = 4
    TEMPERATURE = 5
    TRAIN_HELD = 6
    WAGON_BROKEN = 7
    QUEUED = 8
    PICKUP_QUEUED = 9
    LOST = 10
    DANGEROUS_GOODS_REJECTED = 11
    DOCUMENT_REJECTED = 12
    TRAIN_CANCELLED = 13
    BOOKING_REJECTED = 14
    BOOKING_CANCELLED = 15
    CUSTOMS_HELD = 16
    ENS_REFERRED = 17
    DECLARATION_REJECTED = 18
    RETURNED = 19
    ABANDONED = 20
    INSURANCE_CANCELLED = 21
    RECONSIGNED = 22
