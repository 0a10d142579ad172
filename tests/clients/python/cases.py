"""What the tests with unittest share: one cluster object, one keyspace per test class."""

import unittest

from session import CONTACT_POINTS, connect


class ClusterCase(unittest.TestCase):
    """Connects once per class and makes a keyspace named after it."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = connect(CONTACT_POINTS)
        cls.session = cls.cluster.connect()
        cls.keyspace = cls.__name__.lower()
        replicas = min(3, len(CONTACT_POINTS))
        cls.session.execute(
            f"CREATE KEYSPACE {cls.keyspace} WITH replication = "
            f"{{'class': 'SimpleStrategy', 'replication_factor': {replicas}}}"
        )
        cls.session.set_keyspace(cls.keyspace)

    @classmethod
    def tearDownClass(cls):
        cls.session.execute(f"DROP KEYSPACE {cls.keyspace}")
        cls.cluster.shutdown()
