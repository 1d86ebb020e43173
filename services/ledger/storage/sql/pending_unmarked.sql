-- Before this transaction has an id of its own: whatever was committed by then is older than that id.
SELECT id FROM pending WHERE mark IS NULL
