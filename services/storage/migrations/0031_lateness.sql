-- What the exporter counts of the causes of cases: announcements that were not met, and silence. No pledge shows here.
CREATE INDEX case_cause_lateness ON lianyun.case_cause (cons, kind, what, since) WHERE kind IN ('OVERDUE', 'SILENT');

CREATE VIEW lianyun.case_lateness AS
    SELECT cons, kind, what, since FROM lianyun.case_cause WHERE kind IN ('OVERDUE', 'SILENT');
