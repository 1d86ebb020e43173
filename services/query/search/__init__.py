"""Search by any identifier: what somebody typed or pasted, and the objects that it may name.

``parser`` reads the text (pure); ``names`` keeps the names of objects in the order of their spelling, so that a beginning finds them;
``finder`` reads what stands behind the candidates. Who may see a hit is decided by whoever asks.
"""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
