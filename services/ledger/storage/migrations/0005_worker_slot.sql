-- Which worker process holds which static membership of a consumer group, and until when.

CREATE TABLE lianyun.worker_slot (
    worker_group text        NOT NULL COLLATE "C",
    slot         integer     NOT NULL CHECK (slot >= 0),
    owner        text        NOT NULL,  -- whoever restarts the process: it gets its slot back at once
    holder       uuid        NOT NULL,  -- the process
    leased_until timestamptz NOT NULL,
    PRIMARY KEY (worker_group, slot)
);
