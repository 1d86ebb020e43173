-- What consignments are late for or silent about, one row for each announcement and each silence.
SELECT t.cons, t.kind, t.what, t.since FROM lianyun.case_lateness t
