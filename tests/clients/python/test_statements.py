"""Statements: prepared, in batches, in pages, with time to live and timestamps, and the errors they give."""

import unittest

from cassandra import AlreadyExists, ConsistencyLevel, InvalidRequest
from cassandra.concurrent import execute_concurrent_with_args
from cassandra.protocol import ConfigurationException, SyntaxException
from cassandra.query import BatchStatement, BatchType, SimpleStatement
from cases import ClusterCase


class Statements(ClusterCase):
    def test_a_prepared_statement_knows_its_partition_key(self):
        self.session.execute("CREATE TABLE routed (a int, b text, c int, d int, PRIMARY KEY ((a, b), c))")
        insert = self.session.prepare("INSERT INTO routed (c, b, d, a) VALUES (?, ?, ?, ?)")
        self.assertEqual(insert.routing_key_indexes, [3, 1])
        bound = insert.bind((1, "x", 2, 7))
        self.assertEqual(bound.routing_key, b"\x00\x04\x00\x00\x00\x07\x00\x00\x01x\x00")
        self.session.execute(bound)
        self.assertEqual(self.session.execute("SELECT * FROM routed").one(), (7, "x", 1, 2))

    def test_named_values(self):
        self.session.execute("CREATE TABLE named (k int PRIMARY KEY, v text)")
        insert = self.session.prepare("INSERT INTO named (k, v) VALUES (:key, :value)")
        self.session.execute(insert, {"key": 1, "value": "one"})
        self.assertEqual(self.session.execute("SELECT v FROM named WHERE k = %(k)s", {"k": 1}).one().v, "one")

    def test_pages(self):
        self.session.execute("CREATE TABLE paged (p int, c int, v text, PRIMARY KEY (p, c))")
        insert = self.session.prepare("INSERT INTO paged (p, c, v) VALUES (?, ?, ?)")
        wanted = [(p, c, f"{p}-{c}") for p in range(10) for c in range(50)]
        for success, _ in execute_concurrent_with_args(self.session, insert, wanted, concurrency=50):
            self.assertTrue(success)
        for size in [1, 7, 50, 499, 500, 501, 5000]:
            with self.subTest(size=size):
                statement = SimpleStatement("SELECT * FROM paged", fetch_size=size)
                self.assertEqual(sorted(map(tuple, self.session.execute(statement))), wanted)
        one = SimpleStatement("SELECT c FROM paged WHERE p = 3 ORDER BY c DESC LIMIT 30", fetch_size=7)
        self.assertEqual([row.c for row in self.session.execute(one)], list(range(49, 19, -1)))

    def test_a_page_is_resumed_by_its_state(self):
        self.session.execute("CREATE TABLE resumed (p int, c int, PRIMARY KEY (p, c))")
        insert = self.session.prepare("INSERT INTO resumed (p, c) VALUES (?, ?)")
        for c in range(25):
            self.session.execute(insert, (0, c))
        statement = SimpleStatement("SELECT c FROM resumed WHERE p = 0", fetch_size=10)
        seen, state = [], None
        while True:
            result = self.session.execute(statement, paging_state=state)
            seen += [row.c for row in result.current_rows]
            state = result.paging_state
            if state is None:
                break
        self.assertEqual(seen, list(range(25)))

    def test_batches(self):
        self.session.execute("CREATE TABLE batched (p int, c int, v text, PRIMARY KEY (p, c))")
        insert = self.session.prepare("INSERT INTO batched (p, c, v) VALUES (?, ?, ?)")
        for kind, partitions in [(BatchType.UNLOGGED, [1, 2, 3]), (BatchType.LOGGED, [4])]:
            batch = BatchStatement(batch_type=kind)
            for p in partitions:
                batch.add(insert, (p, 1, "prepared"))
                batch.add(SimpleStatement("INSERT INTO batched (p, c, v) VALUES (%s, 2, 'simple')"), (p,))
                batch.add("DELETE FROM batched WHERE p = %s AND c = 3", (p,))
            self.session.execute(batch)
            for p in partitions:
                rows = self.session.execute("SELECT c, v FROM batched WHERE p = %s", (p,))
                self.assertEqual(list(rows), [(1, "prepared"), (2, "simple")])
        self.session.execute("BEGIN BATCH APPLY BATCH")
        self.session.execute(BatchStatement())
        self.session.execute(
            "BEGIN UNLOGGED BATCH USING TIMESTAMP 5 INSERT INTO batched (p, c) VALUES (9, 1); "
            "INSERT INTO batched (p, c) VALUES (9, 2); APPLY BATCH"
        )
        self.assertEqual(len(list(self.session.execute("SELECT * FROM batched WHERE p = 9"))), 2)

    def test_time_to_live_and_timestamps(self):
        self.session.execute("CREATE TABLE timed (k int PRIMARY KEY, v int)")
        self.session.execute("INSERT INTO timed (k, v) VALUES (1, 1) USING TIMESTAMP 1000 AND TTL 3600")
        row = self.session.execute("SELECT writetime(v), ttl(v) FROM timed WHERE k = 1").one()
        self.assertEqual(row[0], 1000)
        self.assertTrue(0 < row[1] <= 3600)
        self.session.execute("INSERT INTO timed (k, v) VALUES (1, 2) USING TIMESTAMP 999")
        self.assertEqual(self.session.execute("SELECT v FROM timed WHERE k = 1").one().v, 1)
        self.session.execute("DELETE FROM timed USING TIMESTAMP 1001 WHERE k = 1")
        self.assertIsNone(self.session.execute("SELECT v FROM timed WHERE k = 1").one())

    def test_clustering(self):
        self.session.execute(
            "CREATE TABLE clustered (p int, a int, b int, v int, s text static, PRIMARY KEY (p, a, b)) "
            "WITH CLUSTERING ORDER BY (a DESC, b ASC)"
        )
        for a in range(4):
            for b in range(4):
                self.session.execute("INSERT INTO clustered (p, a, b, v) VALUES (1, %s, %s, %s)", (a, b, a * b))
        self.session.execute("UPDATE clustered SET s = 'static' WHERE p = 1")

        def keys(where):
            return [(row.a, row.b) for row in self.session.execute(f"SELECT a, b FROM clustered WHERE p = 1 {where}")]

        everything = [(a, b) for a in (3, 2, 1, 0) for b in range(4)]
        self.assertEqual(keys(""), everything)
        self.assertEqual(keys("ORDER BY a ASC, b DESC"), everything[::-1])
        self.assertEqual(keys("AND a = 2 AND b > 1"), [(2, 2), (2, 3)])
        self.assertEqual(keys("AND a > 1 AND a <= 3"), [key for key in everything if 1 < key[0] <= 3])
        self.assertEqual(keys("AND a IN (0, 3) AND b = 1"), [(3, 1), (0, 1)])
        self.assertEqual(keys("LIMIT 3"), everything[:3])
        self.assertEqual(self.session.execute("SELECT DISTINCT p, s FROM clustered").one(), (1, "static"))
        self.assertEqual(self.session.execute("SELECT count(*) FROM clustered").one()[0], 16)
        self.session.execute("DELETE FROM clustered WHERE p = 1 AND a = 2")
        self.session.execute("DELETE FROM clustered WHERE p = 1 AND a = 3 AND b >= 1")
        self.assertEqual(keys("AND a >= 2"), [(3, 0)])
        self.session.execute("DELETE v FROM clustered WHERE p = 1 AND a = 3 AND b = 0")
        self.assertIsNone(self.session.execute("SELECT v FROM clustered WHERE p = 1 AND a = 3 AND b = 0").one().v)

    def test_truncate(self):
        self.session.execute("CREATE TABLE truncated (k int PRIMARY KEY)")
        self.session.execute("INSERT INTO truncated (k) VALUES (1)")
        self.session.execute("TRUNCATE truncated")
        self.assertEqual(list(self.session.execute("SELECT * FROM truncated")), [])

    def test_levels(self):
        self.session.execute("CREATE TABLE levels (k int PRIMARY KEY, v int)")
        for name in ["ONE", "QUORUM", "ALL", "LOCAL_ONE", "LOCAL_QUORUM"]:
            level = getattr(ConsistencyLevel, name)
            write = SimpleStatement("INSERT INTO levels (k, v) VALUES (1, %s)", consistency_level=level)
            read = SimpleStatement("SELECT v FROM levels WHERE k = 1", consistency_level=level)
            self.session.execute(write, (level,))
            if name in ("QUORUM", "ALL", "LOCAL_QUORUM"):
                self.assertEqual(self.session.execute(read).one().v, level)
            else:
                self.session.execute(read)

    def test_errors(self):
        self.session.execute("CREATE TABLE errors (p int, c int, v int, PRIMARY KEY (p, c))")
        for kind, statement in [
            (SyntaxException, "SELEKT * FROM errors"),
            (SyntaxException, "SELECT * FROM errors WHERE"),
            (InvalidRequest, "SELECT * FROM nowhere"),
            (InvalidRequest, "SELECT nothing FROM errors"),
            (InvalidRequest, "SELECT * FROM nokeyspace.errors"),
            (InvalidRequest, "SELECT * FROM errors WHERE v = 1"),
            (InvalidRequest, "SELECT * FROM errors WHERE c = 1"),
            (InvalidRequest, "INSERT INTO errors (p, v) VALUES (1, 1)"),
            (InvalidRequest, "UPDATE errors SET c = 1 WHERE p = 1"),
            (InvalidRequest, "INSERT INTO errors (p, c) VALUES (null, 1)"),
            (InvalidRequest, "INSERT INTO errors (p, c, v) VALUES (1, 1, 1) USING TTL 630720001"),
            (InvalidRequest, "CREATE TABLE nokey (a int)"),
            (AlreadyExists, "CREATE TABLE errors (a int PRIMARY KEY)"),
            (AlreadyExists, f"CREATE KEYSPACE {self.keyspace} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"),
            (ConfigurationException, "CREATE KEYSPACE k2 WITH replication = {'class': 'NoSuchStrategy'}"),
            (ConfigurationException, "DROP KEYSPACE nokeyspace"),
        ]:
            with self.subTest(statement):
                expected = (kind, InvalidRequest) if kind is ConfigurationException else kind
                with self.assertRaises(expected):
                    self.session.execute(statement)
        with self.assertRaises(InvalidRequest):
            self.session.prepare("SELECT * FROM nowhere")
        self.assertEqual(list(self.session.execute("SELECT * FROM errors")), [])

    def test_a_prepared_statement_outlives_a_change_of_its_table(self):
        self.session.execute("CREATE TABLE changed (k int PRIMARY KEY, a int)")
        select = self.session.prepare("SELECT * FROM changed WHERE k = ?")
        self.session.execute("INSERT INTO changed (k, a) VALUES (1, 2)")
        self.session.execute("ALTER TABLE changed ADD b int")
        row = self.session.execute(select, (1,)).one()
        self.assertEqual((row.k, row.a), (1, 2))


if __name__ == "__main__":
    unittest.main()
