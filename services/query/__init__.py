"""Reads of the stored state: from any identifier to the view of the consignments it belongs to, and the border board.

Decides nothing and writes nothing; views are derived on read by ``services.domain`` from the ledger's events.
"""
