-- Batches that fold these consignments end before, or begin after: what they bring is seen whole or not at all.
SELECT cons FROM lianyun.head WHERE cons = ANY (%(ids)s::uuid[]) ORDER BY cons FOR SHARE
