-- Annotations: when the database was brought to a new release, and when a rebuilt state took over.
SELECT d.at AS time, d.what AS text FROM dashboard.deployment d
WHERE $__timeFilter(d.at)
ORDER BY d.at
