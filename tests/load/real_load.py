#!/usr/bin/env python3
"""Loads real rows through the unmodified Python driver into three processes, kills one with -9 on the way and
starts it again, then reads every row back at QUORUM and compares totals.

    real_load.py --binary target/release/starling --parquet flights.parquet [--rows N]

The file has the columns date, delay, distance, origin, destination; the row number is part of the key, so that
no row is lost. Needs the packages cassandra-driver and pyarrow.
"""

import argparse
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import pyarrow.parquet as parquet
from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import DCAwareRoundRobinPolicy, RetryPolicy, TokenAwarePolicy
from cassandra.query import tuple_factory

IN_FLIGHT = 256


class Node:
    """One process."""

    def __init__(self, binary, folder, address, seed):
        self.command = [binary, "node", "--data-dir", os.path.join(folder, address), "--listen", address,
                        "--seed", seed, "--cluster-name", "real load"]
        self.environment = dict(os.environ, STARLING_DEV_CA=os.path.join(folder, "ca"), STARLING_LOG="warn")
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, env=self.environment, text=True)

    def wait_ready(self):
        line = self.process.stdout.readline()
        if not line.startswith("ready "):
            raise SystemExit(f"a node did not start: {line!r}")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()


class Load:
    """Inserts in flight up to a bound; what fails is tried again until it is acknowledged."""

    def __init__(self, session, statement, rows):
        self.session, self.statement, self.rows = session, statement, rows
        self.room = threading.Semaphore(IN_FLIGHT)
        self.lock = threading.Lock()
        self.acknowledged = bytearray(len(rows))
        self.count = 0
        self.errors = {}

    def insert(self, number):
        self.room.acquire()
        self.send(number)

    def send(self, number):
        date, delay, distance, origin, destination = self.rows[number]
        values = (origin, destination, date, number, delay, distance)
        future = self.session.execute_async(self.statement, values)
        future.add_callbacks(self.done, self.failed, callback_args=(number,), errback_args=(number,))

    def done(self, _, number):
        with self.lock:
            self.acknowledged[number] = 1
            self.count += 1
        self.room.release()

    def failed(self, error, number):
        with self.lock:
            name = type(error).__name__
            self.errors[name] = self.errors.get(name, 0) + 1
        timer = threading.Timer(0.05, self.send, (number,))
        timer.daemon = True
        timer.start()

    def finish(self):
        for _ in range(IN_FLIGHT):
            self.room.acquire()


def read_rows(path, limit):
    table = parquet.read_table(path, columns=["date", "delay", "distance", "origin", "destination"])
    columns = [table.column(name).to_pylist()[:limit] for name in table.column_names]
    return list(zip(*columns))


def connect(addresses):
    profile = ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy("datacenter1")),
        consistency_level=ConsistencyLevel.QUORUM, retry_policy=RetryPolicy(), request_timeout=30,
        row_factory=tuple_factory)
    cluster = Cluster(addresses, execution_profiles={EXEC_PROFILE_DEFAULT: profile})
    return cluster, cluster.connect()


def run(arguments, folder):
    addresses = [f"{arguments.network}.{n}" for n in (1, 2, 3)]
    rows = read_rows(arguments.parquet, arguments.rows)
    nodes = [Node(arguments.binary, folder, address, addresses[0]) for address in addresses]
    try:
        for node in nodes:
            node.wait_ready()
        cluster, session = connect(addresses)
        session.execute("CREATE KEYSPACE air WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3}")
        session.execute("CREATE TABLE air.flights (origin text, destination text, date text, row int, delay int, "
                        "distance int, PRIMARY KEY ((origin, destination), date, row))")
        insert = session.prepare("INSERT INTO air.flights (origin, destination, date, row, delay, distance) "
                                 "VALUES (?, ?, ?, ?, ?, ?)")
        load(arguments, rows, nodes, session, insert)
        check(rows, session)
        cluster.shutdown()
    finally:
        for node in nodes:
            node.stop()


def load(arguments, rows, nodes, session, insert):
    work = Load(session, insert, rows)
    started = time.monotonic()
    kill_at, restart_at = len(rows) // 3, 2 * len(rows) // 3
    for number in range(len(rows)):
        if number == kill_at:
            nodes[1].kill()
            print(f"killed a node with -9 after {number} rows", flush=True)
        if number == restart_at:
            nodes[1].start()
            threading.Thread(target=nodes[1].wait_ready, daemon=True).start()
            print(f"started it again after {number} rows", flush=True)
        work.insert(number)
        if number % 250_000 == 0 and number:
            print(f"{number} rows, {number / (time.monotonic() - started):.0f}/s", flush=True)
    work.finish()
    seconds = time.monotonic() - started
    assert work.count == len(rows) and all(work.acknowledged)
    print(f"acknowledged {work.count} rows in {seconds:.1f} s ({work.count / seconds:.0f}/s); "
          f"errors on the way, tried again: {work.errors or 'none'}", flush=True)


def check(rows, session):
    started = time.monotonic()
    seen = bytearray(len(rows))
    delay = distance = 0
    origins = {}
    for origin, destination, date, number, row_delay, row_distance in session.execute(
            "SELECT origin, destination, date, row, delay, distance FROM air.flights"):
        assert not seen[number], f"row {number} twice"
        assert rows[number] == (date, row_delay, row_distance, origin, destination), f"row {number} differs"
        seen[number] = 1
        delay += row_delay
        distance += row_distance
        origins[origin] = origins.get(origin, 0) + 1
    print(f"read {sum(seen)} rows at QUORUM in {time.monotonic() - started:.1f} s")
    missing = len(rows) - sum(seen)
    assert missing == 0, f"{missing} acknowledged rows are missing"
    assert delay == sum(r[1] for r in rows) and distance == sum(r[2] for r in rows)
    busiest = sorted(origins.items(), key=lambda o: -o[1])[:3]
    print(f"sum of delay {delay}, sum of distance {distance}, {len(origins)} origins, busiest {busiest}")
    print("every acknowledged row was read back, totals match")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--parquet", required=True)
    parser.add_argument("--rows", type=int, default=None, help="only the first N rows")
    parser.add_argument("--network", default="127.0.9", help="first three bytes of the nodes' addresses")
    arguments = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="starling-load-")
    try:
        run(arguments, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
