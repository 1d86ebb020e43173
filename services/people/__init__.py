"""People: who may sign in to the console, for which party, in which teams, with which permissions and in which interval.

Decides, from what operators recorded, what a person may do at a moment (``domain.person``). A person is a subject of an OpenID
Connect issuer; what it does is recorded under a random pseudonym, so its subject and name can be erased and nothing that
was done loses its author. Stored in lianyun.person and lianyun.person_grant, each change entered in the audit trail;
the addresses of pages that it saved for itself in lianyun.saved_view.
"""
