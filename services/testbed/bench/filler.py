"""What brings a payload to its size: the remark of a railway clerk, and the authority's message that is relayed with it."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from math import log
from random import Random
from typing import Final

MEDIAN_BYTES: Final = 800
_SPREAD: Final = 0.22
_LEAST, _MOST = 420, 2_400
_LONGEST_REMARK: Final = 200
_TEXTS = {
    "zh": "集装箱外观完好，铅封完整，车号与货票核对一致，已按运行图正点到达，换装作业按计划进行，无异常情况。",
    "ru": "Контейнер осмотрен, пломбы исправны, номер вагона соответствует накладной, погрузка выполнена по плану. ",
    "pl": "Kontener sprawdzony, plomby nienaruszone, numer wagonu zgodny z listem przewozowym, przeładunek w planie. ",
    "de": "Behälter geprüft, Siegel unversehrt, Wagennummer stimmt mit dem Frachtbrief überein, Umschlag nach Plan. ",
    "en": "Container inspected, seals intact, wagon number agrees with the consignment note, handling as planned. ",
}
_REMARKS = {language: (text * 5)[:_LONGEST_REMARK] for language, text in _TEXTS.items()}
_WIDTH = {language: len(text.encode()) / len(text) for language, text in _REMARKS.items()}
LANGUAGE = {
    "cr": "zh", "xianport": "zh", "gacc": "zh", "xian-terminal": "zh", "sinolink": "zh", "qinling": "zh",
    "ktz": "ru", "rzd": "ru", "bch": "ru", "eaeu-kz": "ru", "eaeu-ru": "ru", "eaeu-by": "ru",
    "pkp": "pl", "eu-pl": "pl", "duisport": "de", "eu-de": "de",
}  # fmt: skip
"""In which language a party remarks; the others write English."""


def _relay(blocks: int, variant: int) -> str:
    """A relayed message of 3 * ``blocks`` bytes, one of several."""
    message = (f"TLGM{variant:04d} " + "RPS 7001 CNT 45G1 SL OK ; " * 100)[: 3 * blocks].encode()
    digest, carried = hashlib.sha256(message).hexdigest(), b64encode(message).decode()
    return f'"relay":{{"authority":"cr","message_sha256":"{digest}","message_b64":"{carried}"}}'


_VARIANTS = 4
_SMALLEST = 8
_RELAYS = [[_relay(blocks, variant) for variant in range(_VARIANTS)] for blocks in range(_SMALLEST, 480)]
_RELAY_BYTES = len(_RELAYS[0][0]) + 1


def fill(random: Random, party: str, size: int, relayed: bool) -> str:
    """Members of a JSON object, with a leading comma, that bring a payload of ``size`` bytes to a drawn length.

    The median of the drawn lengths is MEDIAN_BYTES. Only a milestone may be ``relayed``.
    """
    wanted = random.lognormvariate(log(MEDIAN_BYTES), _SPREAD)
    missing = int(min(max(wanted, _LEAST), _MOST)) - size + 6
    language = LANGUAGE.get(party, "en")
    width = _WIDTH[language]
    if missing <= 0:
        return ""
    if missing <= width * _LONGEST_REMARK or not relayed:
        return f',"remark":"{_REMARKS[language][: int(missing / width)]}"' if missing >= width else ""
    blocks = (missing - _RELAY_BYTES) // 4
    if blocks < 0:
        return f',"remark":"{_REMARKS[language]}"'
    # The message takes what it can, the remark the rest.
    relay = _RELAYS[min(blocks, len(_RELAYS) - 1)][random.randrange(_VARIANTS)]
    return f",{relay}"
