"""The dashboards' uids, and the links between them that several panels use."""

from __future__ import annotations

from services.monitoring.dashboards.definitions import PREFIX, Link

TOWER = PREFIX + "control-tower"
BORDER = PREFIX + "border-board"
PIPELINE = PREFIX + "pipeline-health"
PARTNERS = PREFIX + "partner-quality"
MONEY = PREFIX + "financing"
PROMISES = PREFIX + "promises"

TO_BORDER = Link("Border board", BORDER)
TO_CROSSING = Link("Trains at this crossing", BORDER, {"crossing": "${__field.labels.crossing}"})
TO_CORRIDOR = Link("Trains at this corridor's crossing", BORDER, {"crossing": "${__field.labels.corridor}"})
TO_PIPELINE = Link("Pipeline health", PIPELINE)
TO_PARTNERS = Link("Partners and dead letters", PARTNERS)
TO_PARTNER = Link("This partner", PARTNERS, {"partner": "${__field.labels.partner}"})
TO_MONEY = Link("Financing and bank API", MONEY)
TO_PROMISES = Link("Promises and error budgets", PROMISES)
