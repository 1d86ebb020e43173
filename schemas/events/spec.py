"""The specification of an event type: number, publishers, authorities and tolerance."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.events.vocabulary import Episode, ObjectKind, Region, Role, Territory

MINUTE, HOUR, DAY = 60, 3_600, 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSpec:
    """The fixed facts of one event type; two versions of a type share a number only if they fold alike.

    ``number`` is a stable smallint; for movement ``number // 100`` is the phase of the journey: 1 booked, 2 origin
    terminal, 3 on the way, 4 at destination, 5 gated out, 6 delivered, 7 empty returned, 8 closed.
    """

    type: str
    number: int
    region: Region
    summary: str  # one English sentence
    publishers: frozenset[Role]  # roles that may say it at all
    objects: frozenset[ObjectKind]  # kinds it may be about
    authority: frozenset[Role] = frozenset()  # roles whose word is an authority's inside the territory
    territory: Territory = Territory.NONE
    corroborators: frozenset[Role] = frozenset()  # roles expected to say the same
    tolerance_seconds: int | None = None  # spread beyond which publishers disagree; None: never compared
    episode: int = 0  # 0 none, +n opens exception n, -n closes it (Episode)
    moves: bool = False  # it advances the position of its objects in the region
    document: str = ""  # the paper that carries the fact
    answers: tuple[str, ...] = ()  # types that this one answers
    owner: Role | None = None  # for an exception: the role that has to act
    due_seconds: int | None = None  # for an exception: within which time
    kind_mask: int = field(init=False, repr=False, compare=False)  # bit k is set where kind k may stand

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind_mask", sum(1 << kind for kind in self.objects))

    @property
    def opens(self) -> Episode | None:
        """The exception that this type opens."""
        return Episode(self.episode) if self.episode > 0 else None

    @property
    def closes(self) -> Episode | None:
        """The exception that this type closes."""
        return Episode(-self.episode) if self.episode < 0 else None

    @property
    def phase(self) -> int:
        """The phase of the journey, 1 to 8, for movement; 0 elsewhere."""
        return self.number // 100 if self.region is Region.MOVEMENT else 0

    @property
    def name(self) -> str:
        """The type without prefix and version, as people read it: ``movement.departed``."""
        return self.type.removeprefix("cre.").rsplit(".", 1)[0]

    @property
    def version(self) -> int:
        """The version in the type's name."""
        return int(self.type.rsplit(".v", 1)[1])
