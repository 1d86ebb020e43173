"""Credit signals of shippers: a shipper's own conduct in transport and financing as counts, rates and published points.

Decides, from the facts of each consignment and the statements on each financing, the observations of twelve signals, and from
their daily counts and the published table (``domain/data``) a record with score, band and reasons. Reading needs the shipper's
consent; disputed events are set aside. Stored in lianyun.credit_*: observations, counts, consents and disputes by key, issued records.
"""
