"""The steps of the script, by what they do (tests/clients/README.md, "Steps")."""

import time

import cassandra
from cassandra import ConsistencyLevel
from cassandra.concurrent import execute_concurrent_with_args
from cassandra.protocol import ErrorMessage
from cassandra.query import BatchStatement, BatchType, SimpleStatement
from session import CONTACT_POINTS, connect_as_told
from values import equal, make

# The driver gives some errors a class of their own, which does not carry the code.
CODES = {
    cassandra.Unavailable: 0x1000,
    cassandra.WriteTimeout: 0x1100,
    cassandra.ReadTimeout: 0x1200,
    cassandra.Unauthorized: 0x2100,
    cassandra.InvalidRequest: 0x2200,
    cassandra.AlreadyExists: 0x2400,
}
HANG_GUARD_S = 60


class Failed(Exception):
    """A step did not do what the script says."""


def need(holds, what):
    if not holds:
        raise Failed(what)


def code_of(error):
    """The code of the server's error, None if the error is not the server's."""
    if isinstance(error, ErrorMessage):
        return error.code
    return CODES.get(type(error))


def check_rows(step, result):
    """The answer has the columns and rows of the step."""
    if "columns" not in step:
        return
    names = [name for name, _ in step["columns"]]
    need(result.column_names == names, f"columns {result.column_names} instead of {names}")
    compare(step, list(result))


def compare(step, rows):
    types = [kind for _, kind in step["columns"]]
    wanted = step["rows"]
    same = len(rows) == len(wanted) and all(all(map(equal, types, want, row)) for want, row in zip(wanted, rows))
    need(same, f"rows {rows} instead of {wanted}")


class Steps:
    """What the steps keep from one to the next."""

    def __init__(self):
        self.cluster, self.session = connect_as_told()
        self.prepared = {}
        self.filled = set()
        self.observer = None

    def close(self):
        if self.observer:
            self.observer.shutdown()
        self.cluster.shutdown()

    def simple(self, step, cql=None, **options):
        if "consistency" in step:
            options["consistency_level"] = getattr(ConsistencyLevel, step["consistency"])
        return SimpleStatement(cql or step["cql"], **options)

    def attempt(self, step, action):
        """Runs `action` and checks its error, if the step wants one, or else its rows."""
        try:
            result = action()
        except Exception as error:
            code = code_of(error)
            if "error" not in step or code is None:
                raise
            need(code == int(step["error"], 16), f"error {code:#06x} instead of {step['error']}: {error}")
            return None
        need("error" not in step, f"no error instead of {step.get('error')}")
        return result

    def execute(self, step):
        result = self.attempt(step, lambda: self.session.execute(self.simple(step)))
        if result is not None:
            check_rows(step, result)

    def prepare(self, step):
        self.prepared[step["name"]] = self.attempt(step, lambda: self.session.prepare(step["cql"]))

    def run(self, step):
        bound = self.prepared[step["name"]].bind([make(kind, form) for kind, form in step["bind"]])
        result = self.attempt(step, lambda: self.session.execute(bound))
        if result is not None:
            check_rows(step, result)

    def nodes(self, step):
        hosts = self.cluster.metadata.all_hosts()
        addresses = sorted(host.address for host in hosts)
        need(addresses == sorted(CONTACT_POINTS), f"nodes {addresses}")
        need(all(host.is_up and host.datacenter for host in hosts), "a node is down or has no data centre")

    def keyspace(self, step):
        strategy = self.cluster.metadata.keyspaces[step["keyspace"]].replication_strategy
        need(strategy.name == step["replication_class"], f"class {strategy.name}")
        factor = str(strategy.replication_factor)
        need(factor == step["replication_factor"], f"replication factor {factor}")

    def table(self, step):
        table = self.cluster.metadata.keyspaces[step["keyspace"]].tables[step["table"]]
        seen = {
            "partition_key": [column.name for column in table.partition_key],
            "clustering_key": [
                [column.name, "DESC" if column.is_reversed else "ASC"] for column in table.clustering_key
            ],
            "static": [column.name for column in table.columns.values() if column.is_static],
            "columns": {column.name: column.cql_type for column in table.columns.values()},
        }
        for part, value in seen.items():
            need(value == step[part], f"{part}: {value}")

    def type(self, step, number, case):
        table, kind = step["table"], step["type"]
        if number == 0:
            self.prepared[table] = [
                self.session.prepare(f"INSERT INTO {table} (k, v) VALUES (?, ?)"),
                self.session.prepare(f"SELECT v FROM {table} WHERE k = ?"),
            ]
        insert, select = self.prepared[table]
        self.session.execute(SimpleStatement(f"INSERT INTO {table} (k, v) VALUES ({number}, {case['literal']})"))
        self.session.execute(insert, (1000 + number, make(kind, case["value"])))
        for way, key in [("literal", number), ("bound", 1000 + number)]:
            value = self.session.execute(select, (key,)).one().v
            need(equal(kind, case["value"], value), f"{way}: {value!r} instead of {case['value']}")
            if "as_blob" in step:
                blob = self.session.execute(f"SELECT {step['as_blob']}(v) AS b FROM {table} WHERE k = {key}").one().b
                hexed = None if blob is None else blob.hex()
                need(hexed == case["hex"], f"{way}: bytes {hexed} instead of {case['hex']}")
            if step.get("filter") and case["value"] is not None:
                where = f"k = {key} AND v = {case['literal']} ALLOW FILTERING"
                found = list(self.session.execute(SimpleStatement(f"SELECT k FROM {table} WHERE {where}")))
                need(len(found) == 1, f"{way}: not found by {where}")

    def keys(self, step):
        self.session.execute(step["create"])
        insert = self.session.prepare(f"INSERT INTO {step['table']} (p, c) VALUES (?, ?)")
        select = self.session.prepare(f"SELECT p, c FROM {step['table']} WHERE p = ? AND c = ?")
        values = [make(step["type"], form) for form in step["values"]]
        for value in values:
            self.session.execute(insert, (values[0], value))
            self.session.execute(insert, (value, value))
        for form, value in zip(step["values"], values):
            rows = list(self.session.execute(select, (value, value)))
            need(len(rows) == 1, f"{len(rows)} rows for {form}")
            need(all(equal(step["type"], form, key) for key in rows[0]), f"{rows[0]} instead of {form}")

    def large(self, step, number, case):
        table = step["table"]
        if number == 0:
            self.session.execute(step["create"])
        value = bytes(i * 31 % 251 for i in range(251)) * (case["size_bytes"] // 251 + 1)
        value = value[: case["size_bytes"]]
        insert = self.session.prepare(f"INSERT INTO {table} (k, v) VALUES (?, ?)")
        self.session.execute(insert, (number, value))
        select = self.session.prepare(f"SELECT v FROM {table} WHERE k = ?")
        need(self.session.execute(select, (number,)).one().v == value, "another value came back")

    def fill(self, step):
        insert = self.session.prepare(step["cql"])
        rows = [(p, c, f"{p}-{c}") for p in range(step["partitions"]) for c in range(step["rows"])]
        for success, error in execute_concurrent_with_args(self.session, insert, rows, concurrency=64):
            need(success, error)

    def page(self, step):
        rows, pages, state = [], 0, None
        while True:
            if step.get("prepared"):
                statement = self.session.prepare(step["cql"]).bind(())
                statement.fetch_size = step["page_size"]
            else:
                statement = self.simple(step, fetch_size=step["page_size"])
            result = self.session.execute(statement, paging_state=state)
            while True:
                rows += result.current_rows
                pages += bool(result.current_rows)
                if step.get("resume") or not result.has_more_pages:
                    break
                result.fetch_next_page()
            state = result.paging_state
            if not step.get("resume") or state is None:
                break
        need(pages >= step["pages_min"], f"{pages} pages")
        if "filled" not in step:
            return compare(step, rows)
        filled = step["filled"]
        wanted = [(p, c, f"{p}-{c}") for p in range(filled["partitions"]) for c in range(filled["rows"])]
        # A stable sort by partition: within each, the rows have to be in order already.
        rows = sorted(map(tuple, rows), key=lambda row: row[0])
        need(rows == wanted, f"{len(rows)} rows, or others than were written")

    def batch(self, step):
        batch = BatchStatement(batch_type=getattr(BatchType, step["kind"].upper()))
        for statement in step["statements"]:
            if "bind" in statement:
                values = [make(kind, form) for kind, form in statement["bind"]]
                batch.add(self.session.prepare(statement["cql"]), values)
            else:
                batch.add(SimpleStatement(statement["cql"]))
        usual = self.cluster.timestamp_generator
        if "timestamp" in step:
            # The driver has no timestamp per batch; it asks its generator.
            self.cluster.timestamp_generator = lambda: int(step["timestamp"])
        try:
            self.session.execute(batch)
        finally:
            self.cluster.timestamp_generator = usual

    def event(self, step):
        if self.observer is None:
            self.observer, _ = connect_as_told()
        self.session.execute(step["cql"])
        give_up = time.monotonic() + HANG_GUARD_S
        while self.is_seen(step) != step["present"]:
            need(time.monotonic() < give_up, "the other client has not heard of it")
            time.sleep(0.02)

    def is_seen(self, step):
        keyspace = self.observer.metadata.keyspaces.get(step["keyspace"])
        if keyspace is None or "table" not in step:
            return keyspace is not None
        table = keyspace.tables.get(step["table"])
        return table is not None and ("column" not in step or step["column"] in table.columns)

    def tokens(self, step):
        self.session.execute(step["create"])
        keys = [tuple(map(make, step["types"], key)) for key in step["keys"]]
        insert = self.session.prepare(step["insert"])
        for success, error in execute_concurrent_with_args(self.session, insert, keys, concurrency=64):
            need(success, error)
        token_class = self.cluster.metadata.token_map.token_class
        seen = set()
        for row in self.session.execute(self.simple(step, step["select"], fetch_size=100)):
            key, token = tuple(row[:-1]), row.t
            seen.add(key)
            routing_key = insert.bind(key).routing_key
            own = token_class.from_key(routing_key).value
            need(own == token, f"token {own} instead of the server's {token} for {key}")
            replicas = {host.address for host in self.cluster.metadata.get_replicas(step["keyspace"], routing_key)}
            need(len(replicas) == step["replicas"], f"replicas {replicas} for {key}")
        need(seen == set(keys), f"{len(seen)} keys instead of {len(keys)}")

    def routed(self, step):
        statement = self.session.prepare(step["cql"])
        for values in step["bind"]:
            self.session.execute(statement, tuple(map(make, step["types"], values)))
