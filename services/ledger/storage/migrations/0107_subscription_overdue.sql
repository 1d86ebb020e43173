-- Whether what is overdue, and silence, is news for the subscriber. Null, as in older ones: it is not.
ALTER TABLE lianyun.subscription ADD COLUMN overdue boolean;
