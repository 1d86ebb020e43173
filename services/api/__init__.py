"""The HTTP API. How a route is written, in one place:

A router is a module ``services/api/routes/NAME.py`` with ``routes = Routes("tag")``; ``app.py`` lists it in ``ROUTERS``.
Every request takes one path, ``pipeline.perform``: token, budget, admission, permission, the answer given earlier or the route's
own, access log, commit. A route is a **synchronous** function in one database transaction; it runs on a worker thread, or on the
event loop (see "prefetch" and "decision")::

    from services.api.calls import Answer, Call
    from services.api.auth.permissions import Needs, Scope
    from services.api.problems import Problem
    from services.api.router import Routes

    routes = Routes("financing")

    @routes.get("/v1/financings/{ref}", Needs(Scope.FINANCING_READ, roles=BANKS, foreign="absent"), answers=Financing)
    def financing(call: Call, ref: str) -> Answer:
        '''First sentence: the summary. The rest: the description.'''
        found = ...(call.session, call.party.code, ref)
        if found is None:
            raise Problem("not-found")
        call.reads("financing", ref, subjects=(found.shipper,))     # the line of the access log
        return Answer({...})

- **Who asks**: ``call.party`` (``services.ledger.registry.party.Party``), ``call.caller`` (client id, scopes, purpose). Already
  proven (token, DPoP or certificate, replay) when the function is entered; scope and role are those that ``Needs`` names.
- **The database**: ``call.session`` is a psycopg connection of the pool inside one transaction (READ COMMITTED, prepared
  statements, 16-byte ids, lock waits of 2 s). ``Answer`` returned: committed, together with the access log's line and the
  stored idempotent answer. ``Problem`` or anything else raised: rolled back. Never commit yourself, never open another.
  ``call.now`` is the database's clock in UTC microseconds, ``call.registry`` the current registry.
- **Prefetch**: a GET that reads by one statement may declare it, ``prefetch=question_of`` on the decorator. It is sent together
  with the admission, ``call.rows(question)`` gives its rows, and the function runs on the event loop without a session: two round
  trips in all. It must take no longer than a thread's turn. Where ``prefetch`` returns None the function runs on a worker thread.
- **Decision**: a POST with ``decision=True`` returns ``PendingDecision``: the ``DecisionRequest``, the consignments that it is about, and the
  function that makes the answer of the decision. It reads nothing itself, so it runs on the event loop too. The decision is
  committed before it is answered, together with those of other requests at that moment; whatever becomes of the answer, the
  same request gets the same decision.
- **Problems**: ``raise Problem("slug", "what happened here", pointer="/amount", **more)``; slugs, status and titles are
  rows of ``problems.toml``; a new one is a new row (``docs/reference/api-problems.md`` is written from it by ``make schemas``). What
  a caller may not see is ``Problem("not-found")`` and nothing else: foreign and absent are one answer. List the slugs that
  a route raises in ``problems=(...)`` of its decorator, for OpenAPI.
- **Permission**: ``Needs(scope, roles, foreign)`` is the second argument of every decorator; a route without one cannot be
  written. Fields inside an answer follow ``services.api.access.matrix.may`` (default deny); what a caller sees of a
  consignment is ``services.api.access.consignment.visible(call, id16)`` (None: absent for it), its relation in ``.relationship``.
- **Answers**: ``Answer(body, status=200, headers=...)``; ``body`` is what orjson writes and is not validated again.
  ``answers=`` is a pydantic model for OpenAPI only. Amounts are integer minor units, times RFC 3339 with offset
  (``schemas.rfc3339.format_micros``). A GET gets a strong ETag of its bytes and answers If-None-Match with 304; a body that
  tells its own moment passes ``Answer(..., etag=over)`` with what identifies its content without that moment.
- **Numbers** that count what others did too (of decisions, of records, reading positions) are answered as ``call.shown(n)``.
- **Pages**: ``after = call.cursor(cursor, "kind")`` reads the opaque, encrypted ``cursor`` parameter (None at the start),
  ``page(call, "kind", items, last)`` writes ``{"items": [...], "next": "..."|null}`` with a ``Link: rel="next"`` header.
- **Unsafe methods** (``routes.post``, ``routes.put``, ``routes.delete``) require ``Idempotency-Key`` unless
  ``idempotent=False``: same key and body gives the stored answer, another body ``idempotency-key-reused`` (422), one in
  flight ``idempotency-in-flight`` (409), all in the route's own transaction. The body is a pydantic parameter as usual in
  FastAPI; ``call.body`` holds its bytes. For raw bytes (CloudEvents) take no body parameter and read ``call.body``.
- **Slow work** outside the database (waiting for a broker) does not belong into the transaction: ``transaction=False`` on the
  decorator gives a ``call`` whose ``session`` is opened by ``with call.transaction() as session`` as often as needed.
- **A new route** joins the matrix of ``tests/integration/api/test_permissions.py``, which fails for a route that it does not
  know: who asks, whose object, and what comes back.
- **Tests** take the fixtures of ``tests/integration/api/conftest.py``: ``api`` is a running app over the run's Postgres,
  ``api.client("code")`` an httpx client that gets its own tokens and signs its own DPoP proofs as that party.
"""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
