"""What the tests with the Python client share: one cluster, one keyspace per test class."""

import os
import unittest

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import DCAwareRoundRobinPolicy, TokenAwarePolicy

CONTACT_POINTS = os.environ["TEST_CONTACT_POINTS"].split(",")


def connect(consistency=ConsistencyLevel.QUORUM):
    """A cluster object of the client with its defaults, but for the level and a patient timeout."""
    profile = ExecutionProfile(
        consistency_level=consistency,
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy()),
        request_timeout=60,
    )
    return Cluster(
        CONTACT_POINTS,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        connect_timeout=30,
        control_connection_timeout=30,
    )


class ClusterCase(unittest.TestCase):
    """Connects once per class and makes a keyspace named after it."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = connect()
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
