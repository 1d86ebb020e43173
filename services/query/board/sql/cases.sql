-- Open cases about trains and places, those first in which somebody has to act first.
SELECT case_id, kind, what, about_kind, about, occurrence, crossing, due, owner_party, owner_desk, snoozed_until
FROM lianyun.case_open WHERE about_kind IN (4, 7, 8) ORDER BY due, case_id
