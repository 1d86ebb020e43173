"""Trade data behind declarations: what the papers of one shipment state, and where they contradict one another.

Decides, from papers as they are read (``formats``: invoice, packing list, rail note, Chinese and EAEU declarations, WCO DEC), 32 checks
(``domain/checks``), each with both values as written, their places, the tolerance with its source, and the arithmetic. Tolerances
and texts are dated tables (``domain/data``). Drafts from a dataset the declarations of each side (``domain/drafting``), and writes papers as
it reads them (``formats``). Decides too, from versions of a dataset, declarations and their amendments, whether the declarations of a
trade are in step (``domain/in_step``): a status for each pair and element; and of an offshore deal its class and what confirms it (``domain/offshore``). Nothing is corrected and nothing is sent anywhere. The
commands run on files, without a database. Versions of a trade's data and filings are signed events (``schemas/events/trade.py``,
``customs_filing.py``); ``store`` reads them back from the claims that they make about their trade and declarations, without a table of its own.
"""
