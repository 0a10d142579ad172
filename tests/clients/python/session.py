"""Connecting as the script's contract says: one contact point, token-aware, QUORUM, patient."""

import os
import ssl

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import DCAwareRoundRobinPolicy, TokenAwarePolicy

CONTACT_POINTS = os.environ["TEST_CONTACT_POINTS"].split(",")


def connect(contact_points, consistency=ConsistencyLevel.QUORUM, **options):
    """A cluster object of the client with its defaults, but for the level and patient timeouts."""
    profile = ExecutionProfile(
        consistency_level=consistency,
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy()),
        request_timeout=60,
    )
    return Cluster(
        contact_points,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        connect_timeout=30,
        control_connection_timeout=30,
        **options,
    )


def tls():
    """TLS with both sides' certificates, where the environment names them."""
    if "TEST_TLS_AUTHORITY" not in os.environ:
        return None
    context = ssl.create_default_context(cafile=os.environ["TEST_TLS_AUTHORITY"])
    context.load_cert_chain(os.environ["TEST_TLS_CERTIFICATE"], os.environ["TEST_TLS_PRIVATE_KEY"])
    return context


def connect_as_told():
    """The same, with the protocol version, compression and certificates that the environment names."""
    version = int(os.environ["TEST_PROTOCOL_VERSION"])
    compression = os.environ.get("TEST_COMPRESSION", "none")
    cluster = connect(
        CONTACT_POINTS[:1],
        protocol_version=version,
        compression=False if compression == "none" else compression,
        ssl_context=tls(),
    )
    session = cluster.connect(wait_for_all_pools=True)
    control = cluster.control_connection._connection
    if cluster.protocol_version != version:
        raise RuntimeError(f"protocol version {cluster.protocol_version} instead of {version}")
    if (control._compressor is None) != (compression == "none"):
        raise RuntimeError(f"compression {compression} was not taken")
    return cluster, session
