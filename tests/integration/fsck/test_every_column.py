import time, os
from pathlib import Path
import pytest, psycopg
from tests.tampering import world, mutations
from services.fsck import check
from services.admission.model import AdmissionSettings
from services.fsck.passes import check_events
from services.fsck.snapshot import Snapshot
pytestmark = pytest.mark.integration

def examine(session):
    settings = AdmissionSettings("demo", frozenset({world.GATEWAY}))
    snapshot = Snapshot(session)
    notebook, evidence, stale = check.examine(snapshot, "demo", check.Told(None),
        lambda history, ranges: check_events("", snapshot, settings, history, ranges, processes=1))
    left = check.look_again(snapshot, evidence, stale, notebook, last=True)
    return notebook.report(0.0, len(left))

def test_x(postgres, tmp_path):
    dsn = postgres.fresh_database("every_column")
    t=time.time()
    world.build(dsn, tmp_path)
    print("built", time.time()-t)
    only = os.environ.get("ONLY")
    out = open("/tmp/mut.txt","w",buffering=1)
    with psycopg.connect(dsn) as s:
        mutations.prepare(s); s.commit()
        base = examine(s); s.rollback()
        for f in base.findings: print(f)
        print(base.waiting, base.counts)
        n=0; t=time.time()
        for table in mutations.tables(s):
            if only and not any(o in table for o in only.split(",")): continue
            for change in list(mutations.changes(s, table)):
                n+=1
                try:
                    if not mutations.make(s, change, "1"):
                        print("IMPOSSIBLE", change, file=out); continue
                    r = examine(s)
                    if r.sound:
                        print("UNDETECTED", change, r.waiting, r.counts.get("credit_behind"), r.counts.get("cases_behind"), file=out)
                except Exception as e:
                    print("RAISED", change, type(e).__name__, str(e)[:200], file=out)
                finally:
                    s.rollback()
        print(n, "in", time.time()-t, file=out)
