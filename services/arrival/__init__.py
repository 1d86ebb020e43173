"""Arrival times: when a consignment reaches its destination, as an interval that says how sure it is.

Learned from the platform's own history: how long each leg took (``domain/legs``), as counts by leg, service and week
(``domain/history``), with closed borders as queues (``domain/border``); combined leg by leg (``domain/forecast``) on a grid of hours.
What is arguable is in the published table ``domain/data``. Stored in lianyun.arrival_*: legs by consignment, and their counts.
"""
