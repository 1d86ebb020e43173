-- A step thinks between two statements, and holds nobody off while it does: it is no frozen client.
SET LOCAL idle_in_transaction_session_timeout = '15min'
