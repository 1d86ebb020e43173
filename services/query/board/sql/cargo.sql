-- What each train carries at a moment: boxes and consignments (as their groups are called), and the events that load the boxes.
SELECT c.train, c.box, c.loading, c.consignments
FROM lianyun.train_cargo(%(trains)s::uuid[], %(moments)s::bigint[]) AS c
