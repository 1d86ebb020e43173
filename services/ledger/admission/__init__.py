"""Admission decides whether a record of the log is an event of this network.

The decision is a pure function of the record's bytes, its append time and one version of the registry, so redrive, fsck and
replay repeat it exactly. ``verification`` proves the publisher without parsing the payload; ``evaluation`` decodes the payload,
checks the publisher's role and derives the facts. The outcome is ``Admitted`` or ``Refused`` (a stable reason, a pointer, a remedy).
Stored are the registry version and the rules of the admission beside each event (lianyun.body), and each refusal as a dead letter.
"""
