"""Who takes part in the simulated world: parties with their roles, territory, source and topic.

Names and codes follow the declared topics; every one of them is simulated and none speaks for the real company.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from zoneinfo import ZoneInfo

from schemas import railnet

GATEWAY = "cre.gateway.v1"


class Manner(StrEnum):
    """How reliable a party's reports are."""

    HONEST = "honest"
    CARELESS = "careless"
    DISHONEST = "dishonest"


@dataclass(frozen=True, slots=True)
class Party:
    """A simulated party: what it is, where its word is an authority's, and what it publishes under.

    ``clock`` is the zone that it writes times in; ``topic`` is the gateway's where it has no connection of its own.
    """

    code: str
    name: str
    roles: tuple[str, ...]
    topic: str = GATEWAY
    clock: str = "Asia/Shanghai"
    countries: tuple[str, ...] = ()
    managers: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    manner: Manner = Manner.HONEST

    @property
    def source(self) -> str:
        """The CloudEvents source of all that it publishes."""
        return f"urn:lianyun:simulated:{self.code}"

    @property
    def zone(self) -> ZoneInfo:
        return railnet.zone(self.clock)

    @property
    def own_topic(self) -> bool:
        """Whether it writes to a topic that nobody else may write to."""
        return self.topic != GATEWAY


_MOSCOW, _WARSAW, _BERLIN = "Europe/Moscow", "Europe/Warsaw", "Europe/Berlin"
_ALMATY, _ULAANBAATAR = "Asia/Almaty", "Asia/Ulaanbaatar"

_PARTIES = (
    Party("xianport", "Xi'an train operator (simulated)", ("operator",), "cre.operator.xianport.v1"),
    Party("cr", "China State Railway (simulated)", ("railway",), "cre.railway.cr.v1", managers=("cr",)),
    # Kazakh railways say when by their own capital's clock, Russian train working by Moscow's.
    Party(
        "ktz",
        "Kazakhstan Temir Zholy (simulated)",
        ("railway",),
        "cre.railway.ktz.v1",
        _ALMATY,
        managers=("ktz",),
    ),
    Party(
        "rzd", "Russian Railways (simulated)", ("railway",), "cre.railway.rzd.v1", _MOSCOW, managers=("rzd",)
    ),
    Party(
        "bch",
        "Belarusian Railway (simulated)",
        ("railway",),
        "cre.railway.bch.v1",
        _MOSCOW,
        managers=("bch",),
    ),
    Party(
        "pkp",
        "PKP Polish railways (simulated)",
        ("railway", "terminal"),
        "cre.railway.pkp.v1",
        _WARSAW,
        managers=("cargotor", "pkp-cargo", "pkp-plk"),
    ),
    Party(
        "db", "German railways (simulated)", ("railway",), clock=_BERLIN, managers=("db-cargo", "db-infrago")
    ),
    Party("gacc", "Customs of China (simulated)", ("customs",), "cre.customs.gacc.v1", countries=("CN",)),
    Party(
        "eaeu-kz", "Customs of Kazakhstan (simulated)", ("customs",), "cre.customs.eaeu.v1", _ALMATY, ("KZ",)
    ),
    Party("eaeu-ru", "Customs of Russia (simulated)", ("customs",), "cre.customs.eaeu.v1", _MOSCOW, ("RU",)),
    Party("eaeu-by", "Customs of Belarus (simulated)", ("customs",), "cre.customs.eaeu.v1", _MOSCOW, ("BY",)),
    Party("eu-pl", "Customs of Poland (simulated)", ("customs",), "cre.customs.eu.v1", _WARSAW, ("PL",)),
    Party("eu-de", "Customs of Germany (simulated)", ("customs",), "cre.customs.eu.v1", _BERLIN, ("DE",)),
    Party(
        "mn-customs",
        "Customs of Mongolia (simulated)",
        ("customs",),
        clock=_ULAANBAATAR,
        countries=("MN",),
        manner=Manner.CARELESS,
    ),
    Party(
        "ubtz",
        "Ulaanbaatar Railway (simulated)",
        ("railway",),
        clock=_ULAANBAATAR,
        managers=("ubtz",),
        manner=Manner.CARELESS,
    ),
    Party("zzport", "Zhengzhou train operator (simulated)", ("operator",), manner=Manner.DISHONEST),
    Party("suzhouport", "Suzhou train operator (simulated)", ("operator",), manner=Manner.CARELESS),
    Party("xian-terminal", "Xi'an terminal (simulated)", ("terminal",), places=("railnet:xian-intl-port",)),
    Party(
        "zz-terminal",
        "Terminals of Zhengzhou and Hohhot (simulated)",
        ("terminal",),
        places=("railnet:zhengzhou", "railnet:hohhot"),
        manner=Manner.CARELESS,
    ),
    Party("sz-terminal", "Suzhou terminal (simulated)", ("terminal",), places=("railnet:suzhou",)),
    Party(
        "duisport",
        "Duisburg terminal (simulated)",
        ("terminal",),
        clock=_BERLIN,
        places=("railnet:duisburg",),
    ),
    Party(
        "hh-terminal",
        "Hamburg terminal (simulated)",
        ("terminal",),
        clock=_BERLIN,
        places=("railnet:hamburg",),
    ),
    Party(
        "moscow-terminals",
        "Terminals near Moscow (simulated)",
        ("terminal",),
        clock=_MOSCOW,
        places=("railnet:moscow-vorsino", "railnet:moscow-elektrougli"),
        manner=Manner.DISHONEST,
    ),
    Party("sinolink", "Forwarder and consolidator (simulated)", ("forwarder",)),
    Party("jinlu", "A forwarder who moves times (simulated)", ("forwarder",), manner=Manner.DISHONEST),
    Party("hansa", "Forwarder at destination (simulated)", ("forwarder",), clock=_BERLIN),
    Party("neva", "Forwarder in Russia (simulated)", ("forwarder",), clock=_MOSCOW, manner=Manner.CARELESS),
    Party("boxlease", "Container owner (simulated)", ("container_owner",)),
    Party("silkbank", "Bank (simulated)", ("bank",)),
    Party("landbank", "A bank that is slow with its papers (simulated)", ("bank",), manner=Manner.CARELESS),
    Party("ostbank", "A bank that reaches for others' cargo (simulated)", ("bank",), manner=Manner.DISHONEST),
    Party("huaqing", "A shipper who keeps his word (simulated)", ("shipper",)),
    Party("luohe", "A shipper who does not (simulated)", ("shipper",), manner=Manner.DISHONEST),
    Party("xinyuan", "A shipper of whom little is known (simulated)", ("shipper",)),
    Party("qinling", "Shipper and importer (simulated)", ("shipper", "consignee")),
    Party("weihe", "Shipper and importer (simulated)", ("shipper", "consignee"), manner=Manner.CARELESS),
    Party("ruhr", "Consignee and exporter (simulated)", ("consignee", "shipper"), clock=_BERLIN),
    Party(
        "lodz",
        "Consignee and exporter (simulated)",
        ("consignee", "shipper"),
        clock=_WARSAW,
        manner=Manner.DISHONEST,
    ),
    Party("volga", "Consignee and exporter (simulated)", ("consignee", "shipper"), clock=_MOSCOW),
    Party("bashan", "Shipper (simulated)", ("shipper",)),
    Party("jialing", "Shipper (simulated)", ("shipper",)),
    Party("jinghe", "Shipper (simulated)", ("shipper",), manner=Manner.CARELESS),
    Party("hanjiang", "Shipper (simulated)", ("shipper",), manner=Manner.CARELESS),
    Party("neckar", "Exporter (simulated)", ("shipper",), clock=_BERLIN),
    Party("lippe", "Exporter (simulated)", ("shipper",), clock=_BERLIN),
    Party("warta", "Exporter (simulated)", ("shipper",), clock=_WARSAW),
    Party("pilica", "Exporter (simulated)", ("shipper",), clock=_WARSAW),
    Party(
        "mswia",
        "Ministry that closes and opens the border (simulated)",
        ("authority",),
        clock=_WARSAW,
        countries=("PL",),
    ),
    Party(
        "wayside",
        "A railway that speaks of others' tracks (simulated)",
        ("railway",),
        clock=_MOSCOW,
        managers=("uty",),
        manner=Manner.DISHONEST,
    ),
    Party(
        "farpost",
        "A customs post that speaks for its neighbours (simulated)",
        ("customs",),
        clock=_MOSCOW,
        countries=("UZ",),
        manner=Manner.DISHONEST,
    ),
    Party(
        "driftline",
        "A forwarder who has no business here (simulated)",
        ("forwarder",),
        clock=_BERLIN,
        manner=Manner.DISHONEST,
    ),
)

PARTIES: Mapping[str, Party] = MappingProxyType({party.code: party for party in _PARTIES})
"""All simulated parties by code."""


def seed_of(code: str, seed: int) -> bytes:
    """The 32 secret bytes of a simulated party's key in the world of ``seed``; worthless anywhere else."""
    return hashlib.sha256(f"simulated key|{seed}|{code}".encode()).digest()


def salt_secret_of(code: str, seed: int) -> bytes:
    """The secret from which a simulated party derives its salts."""
    return hashlib.sha256(f"simulated salt|{seed}|{code}".encode()).digest()
