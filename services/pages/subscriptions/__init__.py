"""Subscriptions: whoever may see a consignment is notified of what changes, by mail or by a feed (calendar, Atom, server-sent events).

``changes`` is the rule, pure: what to tell between two states. ``viewing`` finds what a subscriber may see at a moment: as its party, or by
a share link in its fields and lifetime; nothing is told that it does not allow then, and what ended ends the subscription. ``store`` holds
subscriptions, notices and tokens; ``follower`` makes notices of what accepted events touched (``lianyun webhooks run`` follows them) and
looks once an hour at what only the clock moves; ``wording`` writes a change in the language of the subscriber; ``mail`` writes
and ``delivery`` sends messages, and ``bounces`` counts those that come back; ``calendar``, ``atom`` and ``stream`` write feeds. ``process``
is ``lianyun notifications run``.

- A notice is made in the transaction that moves what is told: nothing is lost or told under two numbers, whatever is killed.
- Mail is sent at least once, each notice under one Message-ID; a feed keeps its ids and numbers, and is read from any of them on.
- An address gets one message before somebody confirms it by a form, and none after the end, which needs no sign-in.
"""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
