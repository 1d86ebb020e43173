-- deploy: before, outside a transaction
-- What the exporter counts of the causes of cases: announcements that were not met, and silence. No pledge shows here.
CREATE INDEX CONCURRENTLY IF NOT EXISTS case_cause_lateness ON lianyun.case_cause (cons, kind, what, since)
    WHERE kind IN ('OVERDUE', 'SILENT');

CREATE OR REPLACE VIEW lianyun.case_lateness AS
    SELECT cons, kind, what, since FROM lianyun.case_cause WHERE kind IN ('OVERDUE', 'SILENT');
