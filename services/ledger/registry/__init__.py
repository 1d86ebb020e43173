"""The registry decides who may publish what: parties with roles, territory, sources and topics, and their keys with windows.

It is event-sourced: five kinds of events (``events``) are appended by operators (``commands``) and folded (``fold``), which refuses
contradictions. Admission reads an immutable ``Registry`` at one version; a batch holds that version until it commits. A key counts
by the broker's append time only, and a revocation quarantines what the key signed since its compromise. New keys prove possession.
Stored in lianyun.registry_event, from which the tables party, party_earlier, party_source and party_key can be rebuilt.
"""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
