"""The sandbox tenant: documented ids force every outcome and every kind of problem, so that a developer can meet each.

The tenant is the party ``sandbox``, in the networks ``demo`` and ``sandbox`` only; in any other network the ids are ids like
others. What is forced is not decided, forwarded or stored; without such an id the tenant is a party like others. What there
is to force is one table, ``table.toml``; ``docs/reference/sandbox.md`` is written from it by ``make schemas``.
"""
