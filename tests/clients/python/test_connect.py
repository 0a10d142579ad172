"""Connecting, and what the client learns of the cluster and its schema."""

import time
import unittest

from cases import ClusterCase
from session import CONTACT_POINTS, connect


class Connecting(ClusterCase):
    def test_the_client_finds_every_node(self):
        hosts = self.cluster.metadata.all_hosts()
        self.assertEqual({host.address for host in hosts}, set(CONTACT_POINTS))
        for host in hosts:
            self.assertTrue(host.is_up)
            self.assertTrue(host.datacenter and host.rack and host.host_id)
            self.assertTrue(host.release_version.startswith("5.0"))

    def test_the_client_has_a_token_map(self):
        metadata = self.cluster.metadata
        self.assertEqual(metadata.partitioner, "org.apache.cassandra.dht.Murmur3Partitioner")
        replicas = metadata.get_replicas(self.keyspace, b"some key")
        self.assertEqual(len(replicas), min(3, len(CONTACT_POINTS)))
        self.assertGreaterEqual(len(metadata.token_map.ring), len(CONTACT_POINTS))

    def test_all_nodes_agree_about_the_schema(self):
        self.session.execute("CREATE TABLE agreed (k int PRIMARY KEY)")
        self.assertTrue(self.cluster.control_connection.wait_for_schema_agreement())

    def test_tables_are_described(self):
        self.session.execute(
            "CREATE TABLE described (a int, b text, c timeuuid, d text, e blob, s boolean static, "
            "PRIMARY KEY ((a, b), c, d)) WITH CLUSTERING ORDER BY (c DESC, d ASC) "
            "AND comment = 'a table' AND default_time_to_live = 3600 AND gc_grace_seconds = 7200"
        )
        self.cluster.refresh_table_metadata(self.keyspace, "described")
        table = self.cluster.metadata.keyspaces[self.keyspace].tables["described"]
        self.assertEqual([column.name for column in table.partition_key], ["a", "b"])
        self.assertEqual([column.name for column in table.clustering_key], ["c", "d"])
        self.assertTrue(table.columns["c"].is_reversed)
        self.assertFalse(table.columns["d"].is_reversed)
        self.assertTrue(table.columns["s"].is_static)
        self.assertEqual(table.columns["e"].cql_type, "blob")
        self.assertEqual(table.options["comment"], "a table")
        self.assertEqual(table.options["default_time_to_live"], 3600)
        self.assertEqual(table.options["gc_grace_seconds"], 7200)

    def test_a_described_table_can_be_made_again(self):
        self.session.execute(
            'CREATE TABLE "Again" (a int, "B b" text, c int, PRIMARY KEY (a, "B b")) '
            'WITH CLUSTERING ORDER BY ("B b" DESC)'
        )
        self.cluster.refresh_table_metadata(self.keyspace, "Again")
        text = self.cluster.metadata.keyspaces[self.keyspace].tables["Again"].as_cql_query()
        self.session.execute('DROP TABLE "Again"')
        self.session.execute(text)
        self.session.execute('INSERT INTO "Again" (a, "B b", c) VALUES (1, %s, 2)', ("x",))
        self.assertEqual(list(self.session.execute('SELECT c FROM "Again"')), [(2,)])

    def test_another_client_hears_of_a_new_table(self):
        with connect(CONTACT_POINTS) as other:
            other.connect(self.keyspace)
            self.session.execute("CREATE TABLE announced (k int PRIMARY KEY)")
            # The server pushes an event; the client then reads the table after a random delay of some seconds.
            give_up = time.monotonic() + 60
            while "announced" not in other.metadata.keyspaces[self.keyspace].tables:
                self.assertLess(time.monotonic(), give_up, "the client has not heard of the table")
                time.sleep(0.05)

    def test_a_table_is_altered(self):
        self.session.execute("CREATE TABLE altered (k int PRIMARY KEY, a int)")
        self.session.execute("INSERT INTO altered (k, a) VALUES (1, 2)")
        self.session.execute("ALTER TABLE altered ADD b text")
        self.assertEqual(list(self.session.execute("SELECT a, b FROM altered")), [(2, None)])
        self.session.execute("ALTER TABLE altered DROP a")
        self.session.execute("INSERT INTO altered (k, b) VALUES (2, 'x')")
        row = self.session.execute("SELECT * FROM altered WHERE k = 2").one()
        self.assertEqual(row._asdict(), {"k": 2, "b": "x"})


if __name__ == "__main__":
    unittest.main()
