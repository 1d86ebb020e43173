"""Cases: exceptions that a team has to handle, opened by rule from what partners published, owned by one team at a time.

Decides, from the view of each consignment and the alerts of pledges in it, which causes hold (``domain.causes``), and from a
case's steps which step a request or the rule takes (``domain.lifecycle``). Each step is a signed event of the platform.
Stored in lianyun.case_*: causes, steps and heads; ``store`` follows the ledger and evaluates.
"""
