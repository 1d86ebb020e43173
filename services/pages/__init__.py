"""The pages for people: tracking, share links, console. A process of its own, apart from the API of the banks.

How a page is written, in one place. A group of pages is a module ``routes/NAME.py`` with ``pages = PageRoutes()``; ``app.py``
lists it in ``GROUPS``. Its templates are ``templates/NAME*.html``, its messages ``locales/<language>/NAME.po``::

    from services.pages.errors import PageError
    from services.pages.page import Page, PageRequest
    from services.pages.routing import PageRoutes

    pages = PageRoutes()

    @pages.get("/financings/{reference}", signed_in=True)
    def financing(request: PageRequest) -> Page:
        '''One sentence: what the page shows, and to whom.'''
        found = ...(request.session, request.party.code, request.path["reference"])
        if found is None:
            raise PageError(404)
        request.reads("financing", reference, subjects=(found.shipper,))      # the line of the access log
        return Page("financing.html", {"financing": found})

- **The console** (``/console``): a page begins with ``console.signed_in(request, Permission.X)``, and
  answers with ``console.console_page``. Its entry in the navigation is a row of ``console.SECTIONS``. Signing in is ``auth``.
- **Who looks**: ``request.viewer`` (``viewer.Viewer``, None where nobody signed in): a party, and the fields that a share link is
  limited to. ``signed_in=True`` answers everybody else with the way to sign in. ``PageContext.identify`` finds the viewer of a
  request, in its transaction; whoever brings a way to sign in sets it, and ``PageContext.sign_in`` to its path.
- **What may be shown** comes from ``services.api.access.consignment.visible(request, id16)``: a ``PageRequest`` is a ``Reader``. A page
  shows that and nothing beside it. What is foreign and what is absent are one page: ``PageError(404)``.
- **The database**: ``request.session`` is in one transaction of a worker thread, as in the API. ``Page`` or ``Redirect`` returned:
  committed with the lines of the access log, once rendered; anything raised: rolled back. ``request.now`` is the database's clock.
- **Forms** carry ``<input type="hidden" name="form_token" value="{{ form_token }}">``: what a signed-in person posts without it is refused.
- **Unsafe methods** (``pages.post``) are answered only where the browser says that the form is of this site (Sec-Fetch-Site, or
  Origin). ``request.form`` holds the fields; answer with ``Redirect`` (303). With ``files=True`` a form may hold files (``request.files``).
- **What takes long** is done outside the transaction: return ``Later(work, then)``.
- **Templates** extend ``layout.html`` (blocks ``title``, ``main``, ``scripts``), escape everything and know no undefined name. The policy
  of content forbids inline scripts and styles and other hosts: classes in ``static/site.css``, an ES module in ``static/``, named by
  ``static("name")``. SVG takes its colours by class. A page works without JavaScript; htmx only reads a part of it again.
- **Words**: messages are English in templates (``{% trans %}``, ``_()``) and, for codes, in tables marked ``N_()``. Every message
  has a translation in each language (``tests/unit/pages/test_messages.py``; ``python -m services.pages.messages`` adds what is missing
  to the ``.po`` files, empty). Tags of languages are read by ``languages.language_of`` alone.
- **Values**: ``l10n`` in templates writes numbers, dates, durations, places and countries (``localization.Localization``):
  ``{{ l10n.moment(micros, place) }}`` is local time with its offset and UTC in ``<time>``. Amounts are integer minor units.
- **Tables**: ``Page(..., tables=(table,))`` with ``table.Table``; ``{% from "table.html" import table %}`` and ``{{ table(t) }}`` draw it with
  links to itself as CSV and JSON, ``forms(t)`` the links alone. The frame answers ``?table=NAME&format=csv|json`` from the same page
  function. Keys of columns are published: none is renamed. ``request.table`` names the table that is wanted, for whoever reads more then.
- **Data** for an ES module: ``return Data(body)``, JSON with an ETag.
- **ETag**: of the page as rendered; where a page tells its own moment, ``Page(..., etag=...)`` names what identifies the rest.
- **Tests**: ``tests/support/pages.py`` runs the process over Postgres and lets anybody look as a party (``open_pages``).
"""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
