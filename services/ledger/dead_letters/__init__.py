"""Dead letters: refused messages, stored with their raw bytes, listed, redriven unchanged, replaced or discarded.

A batch stores what it refused in its own transaction (``batch``), so no offset passes an unrecorded message; a letter is identified
by the digest of its bytes and counts its copies. ``service`` decides what an operator's action does to a letter: a redrive repeats
admission with the original append time and applies the event on the path of a batch. Beyond a bound per publisher and hour no letter
is made, only a count with a digest (lianyun.dead_letter_cut), which ``recovery`` evaluates again from the log. What people of a publisher ask to be redriven is recorded and done by a worker
(``requests``). Stored in lianyun.dead_letter, dead_letter_hour, dead_letter_cut, dead_letter_outcome and redrive_request.
"""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
