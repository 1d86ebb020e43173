-- Which trace an accepted event belongs to, for events that came with a W3C trace context: what an operator looks up by a trace id.
-- It follows from the event's own headers, decides nothing, and goes when the messages go (services/storage/retention.py).
CREATE TABLE lianyun.event_trace (
    no      bigint  PRIMARY KEY,
    trace   uuid    NOT NULL,   -- the 16 bytes of the trace id
    span    bigint  NOT NULL,   -- the 8 bytes of the id of the span that sent it, as a signed number
    sampled boolean NOT NULL    -- whether its sender asked for the spans to be kept
);
CREATE INDEX event_trace_trace ON lianyun.event_trace (trace, no);

-- A message to a party carries on the trace of the event that it tells of, where there is one: a value of traceparent.
ALTER TABLE lianyun.webhook_message ADD COLUMN traceparent text;
