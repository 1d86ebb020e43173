"""Transport documents over consignments (联盟一单), each with exactly one original and one holder.

Decides who may sign a version, whether signed events support what it says, what its legal basis lets it be, and who holds it: each
action on it is an instruction signed by the acting party, decided once under the lock of the document and recorded as a decision signed
by the platform, effective once a checkpoint that witnesses cosigned covers it (``domain``). Stored in lianyun.document_*
(``store``).
"""
