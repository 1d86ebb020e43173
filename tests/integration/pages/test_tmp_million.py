from __future__ import annotations
import time, pytest
from services.ledger.storage.session import open_session
from services.query.listing import store as listing, statement
from services.query.listing.store import Wanted, Part, Place
from services.ledger.storage.term_numbers import term_number
from tests.support.databases import migrated_database
pytestmark = pytest.mark.integration
def test_it(postgres):
    dsn=migrated_database(postgres,"million")
    with open_session(dsn) as s:
        s.autocommit=True
        t=time.time()
        s.execute("SET statement_timeout = 0")
        s.execute("ALTER TABLE lianyun.consignment_party DROP CONSTRAINT consignment_party_pkey")
        for i in ("list","corridor","under_way","attention"): s.execute(f"DROP INDEX lianyun.consignment_party_{i}")
        # 1,000,000 consignments, six parties each: an operator in half, a big forwarder in 300,000, a shipper in 2,000, others spread
        s.execute("""
        INSERT INTO lianyun.consignment_party
        SELECT p.party, md5(n::text)::uuid, 1700000000000000 + n * 30000000::bigint, CASE WHEN n > 950000 THEN (n %% 6) ELSE 6 + n %% 3 END,
               (ARRAY['alashankou-dostyk','khorgos-altynkol','manzhouli-zabaikalsk','erenhot-zamyn-uud',''])[1 + n %% 5],
               n > 950000 AND n %% 50 = 0, n %% 400 = 0, n %% 1000 = 0, n > 950000 AND n %% 70 = 0
        FROM generate_series(1, 1000000) AS n
        CROSS JOIN LATERAL (VALUES
            (CASE WHEN n %% 2 = 0 THEN %(op)s::bigint ELSE 2::bigint END), (CASE WHEN n %% 10 < 3 THEN %(fw)s::bigint ELSE 1000 + n %% 50 END),
            (CASE WHEN n %% 500 = 0 THEN %(sh)s::bigint ELSE 10000 + n %% 5000 END)) AS p (party)
        """, {"op": term_number("op"), "fw": term_number("fw"), "sh": term_number("sh")})
        s.execute("ALTER TABLE lianyun.consignment_party ADD PRIMARY KEY (cons, party)")
        s.execute("CREATE INDEX consignment_party_list ON lianyun.consignment_party (party, opened, cons)")
        s.execute("CREATE INDEX consignment_party_corridor ON lianyun.consignment_party (party, corridor, opened, cons)")
        s.execute("CREATE INDEX consignment_party_under_way ON lianyun.consignment_party (party, opened, cons) WHERE phase < 6")
        s.execute("CREATE INDEX consignment_party_attention ON lianyun.consignment_party (party, opened, cons) WHERE late OR disputed OR trouble OR silent")
        s.execute("VACUUM ANALYZE lianyun.consignment_party")
        print("filled", round(time.time()-t,1), s.execute("SELECT count(*), pg_size_pretty(pg_total_relation_size('lianyun.consignment_party')) FROM lianyun.consignment_party").fetchone())
        for party in ("sh","fw","op"):
            for name,w in {"all":Wanted(),"under way":Wanted(Part.UNDER_WAY),"moving":Wanted(Part.UNDER_WAY,(3,)),"attention":Wanted(Part.ATTENTION),"late":Wanted(Part.ATTENTION,late=True),
                           "disputed":Wanted(Part.ATTENTION,disputed=True),"corridor":Wanted(corridor="erenhot-zamyn-uud"),"no such corridor":Wanted(corridor="hunchun-makhalino"),"late there":Wanted(Part.ATTENTION,corridor="hunchun-makhalino",late=True), "delivered":Wanted(phases=(6,7,8))}.items():
                best=1e9
                for _ in range(5):
                    t=time.perf_counter(); found=listing.listed(s,party,w,None,26); best=min(best,time.perf_counter()-t)
                mid=Place(1715000000000000,bytes(16)); t=time.perf_counter(); listing.listed(s,party,w,mid,26); deep=time.perf_counter()-t
                print(f"{party:3} {name:18} {len(found):3} rows {best*1000:8.2f} ms, from the middle {deep*1000:8.2f} ms")
        for part in Part:
            q=statement(part.value).decode() if isinstance(statement(part.value),bytes) else statement(part.value)
            from uuid import UUID
            rows=s.execute("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) "+q,{"party":term_number("fw"),"opened":2**62,"cons":UUID(int=0),"phases":None,"corridor":None,"late":False,"disputed":False,"limit":26},prepare=False).fetchall()
            print("\n".join(r[0] for r in rows))
