-- Partitions of the events' bodies are made by whoever owns the table, on behalf of writers who may only write.

CREATE FUNCTION lianyun.make_body_partition(index bigint, first bigint, bound bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := 'body_' || index;
BEGIN
    IF to_regclass('lianyun.' || name) IS NOT NULL THEN
        RETURN;
    END IF;
    -- Made beside the table and attached under a lock that does not stop writers.
    EXECUTE format('CREATE TABLE lianyun.%I (LIKE lianyun.body, CHECK (no >= %s AND no < %s), PRIMARY KEY (no))',
                   name, first, bound);
    EXECUTE format('CREATE INDEX ON lianyun.%I USING brin (appended)', name);
    EXECUTE format('ALTER TABLE lianyun.body ATTACH PARTITION lianyun.%I FOR VALUES FROM (%s) TO (%s)',
                   name, first, bound);
    -- The check spared the attachment a scan; the partition's own bounds say the same.
    EXECUTE format('ALTER TABLE lianyun.%I DROP CONSTRAINT %I', name, name || '_no_check');
END
$$;
