"""Every native scalar type there and back, as a column and as a key, by literal and by bound value."""

import datetime
import math
import unittest
import uuid
from decimal import Decimal
from ipaddress import ip_address

from cassandra.util import Date, Duration, Time
from cases import ClusterCase

UTC = datetime.timezone.utc

VALUES = {
    "ascii": ["", "plain", "it's \x7f"],
    "bigint": [0, 1, -1, 2**63 - 1, -(2**63)],
    "blob": [b"", b"\x00", bytes(range(256))],
    "boolean": [True, False],
    "date": [Date("1970-01-01"), Date("2024-02-29"), Date("0001-01-01"), Date("9999-12-31")],
    "decimal": [Decimal("0"), Decimal("-1.50"), Decimal("1E-30"), Decimal("12345678901234567890.123456789")],
    "double": [0.0, -1.5, 1e308, 5e-324, math.inf, -math.inf],
    "duration": [Duration(0, 0, 0), Duration(14, 3, 123456789), Duration(-1, -2, -3)],
    "float": [0.0, -1.5, 0.25, math.inf, -math.inf],
    "inet": [ip_address("127.0.0.1"), ip_address("2001:db8::1"), ip_address("::")],
    "int": [0, 1, -1, 2**31 - 1, -(2**31)],
    "smallint": [0, 2**15 - 1, -(2**15)],
    "text": ["", "a", "Grüße, 世界 🐦", "x" * 100_000],
    "time": [Time(0), Time(1), Time(24 * 3600 * 10**9 - 1)],
    "timestamp": [
        datetime.datetime(1970, 1, 1),
        datetime.datetime(2024, 2, 29, 12, 34, 56, 789000),
        datetime.datetime(1904, 1, 1),
    ],
    "timeuuid": [uuid.UUID("50554d6e-29bb-11e5-b345-feff819cdc9f"), uuid.UUID("00000000-0000-1000-8080-808080808080")],
    "tinyint": [0, 127, -128],
    "uuid": [uuid.UUID(int=0), uuid.UUID("123e4567-e89b-42d3-a456-426614174000"), uuid.UUID(int=2**128 - 1)],
    "varchar": ["", "same as text"],
    "varint": [0, -1, 127, 128, -128, -129, 2**200, -(2**200)],
}

LITERALS = {
    "ascii": ("'plain'", "plain"),
    "bigint": ("-9223372036854775808", -(2**63)),
    "blob": ("0xCAFEbabe", b"\xca\xfe\xba\xbe"),
    "boolean": ("TRUE", True),
    "date": ("'2024-02-29'", Date("2024-02-29")),
    "decimal": ("-12.50", Decimal("-12.50")),
    "double": ("1.5e10", 1.5e10),
    "duration": ("1y2mo3d4h5m6s", Duration(14, 3, (4 * 3600 + 5 * 60 + 6) * 10**9)),
    "float": ("0.5", 0.5),
    "inet": ("'2001:db8::1'", "2001:db8::1"),
    "int": ("-1", -1),
    "smallint": ("32767", 32767),
    "text": ("'it''s'", "it's"),
    "time": ("'08:12:54.123456789'", Time("08:12:54.123456789")),
    "timestamp": ("'2011-02-03 04:05:06.789+0100'", datetime.datetime(2011, 2, 3, 3, 5, 6, 789000)),
    "timeuuid": ("50554d6e-29bb-11e5-b345-feff819cdc9f", uuid.UUID("50554d6e-29bb-11e5-b345-feff819cdc9f")),
    "tinyint": ("-128", -128),
    "uuid": ("123e4567-e89b-42d3-a456-426614174000", uuid.UUID("123e4567-e89b-42d3-a456-426614174000")),
    "varchar": ("$$it's$$", "it's"),
    "varint": ("123456789012345678901234567890", 123456789012345678901234567890),
}

# duration has no order, so it cannot be a key; an empty text cannot be a partition key.
KEY_TYPES = sorted(set(VALUES) - {"duration"})


def plain(value):
    """Addresses come back as text."""
    return str(value) if hasattr(value, "packed") else value


class Types(ClusterCase):
    def test_bound_values(self):
        for name, values in VALUES.items():
            with self.subTest(type=name):
                self.session.execute(f"CREATE TABLE v_{name} (k int PRIMARY KEY, v {name})")
                insert = self.session.prepare(f"INSERT INTO v_{name} (k, v) VALUES (?, ?)")
                select = self.session.prepare(f"SELECT v FROM v_{name} WHERE k = ?")
                for key, value in enumerate([*values, None]):
                    self.session.execute(insert, (key, plain(value)))
                    self.assertEqual(self.session.execute(select, (key,)).one().v, plain(value))

    def test_literals(self):
        for name, (literal, value) in LITERALS.items():
            with self.subTest(type=name):
                self.session.execute(f"CREATE TABLE l_{name} (k int PRIMARY KEY, v {name})")
                self.session.execute(f"INSERT INTO l_{name} (k, v) VALUES (0, {literal})")
                self.assertEqual(self.session.execute(f"SELECT v FROM l_{name}").one().v, value)

    def test_not_a_number(self):
        for name in ["float", "double"]:
            self.session.execute(f"CREATE TABLE n_{name} (k int PRIMARY KEY, v {name})")
            self.session.execute(f"INSERT INTO n_{name} (k, v) VALUES (0, NaN)")
            self.assertTrue(math.isnan(self.session.execute(f"SELECT v FROM n_{name}").one().v))

    def test_keys(self):
        for name in KEY_TYPES:
            with self.subTest(type=name):
                self.session.execute(f"CREATE TABLE k_{name} (p {name}, c {name}, PRIMARY KEY (p, c))")
                insert = self.session.prepare(f"INSERT INTO k_{name} (p, c) VALUES (?, ?)")
                values = [plain(v) for v in VALUES[name] if v not in ("", b"") and len(str(v)) < 60_000]
                for value in values:
                    self.session.execute(insert, (values[0], value))
                    self.session.execute(insert, (value, value))
                select = self.session.prepare(f"SELECT p, c FROM k_{name} WHERE p = ? AND c = ?")
                for value in values:
                    self.assertEqual(list(self.session.execute(select, (value, value))), [(value, value)])
                rows = self.session.execute(f"SELECT c FROM k_{name} WHERE p = %s", (values[0],)) \
                    if name in ("int", "bigint") else None
                if rows is not None:
                    self.assertEqual([row.c for row in rows], sorted(values))

    def test_unset_leaves_the_old_value(self):
        self.session.execute("CREATE TABLE unset (k int PRIMARY KEY, a int, b int)")
        insert = self.session.prepare("INSERT INTO unset (k, a, b) VALUES (?, ?, ?)")
        self.session.execute(insert, (1, 2, 3))
        self.session.execute(insert, {"k": 1, "a": 4})
        self.assertEqual(self.session.execute("SELECT a, b FROM unset").one(), (4, 3))

    def test_wrong_values_are_refused(self):
        from cassandra import InvalidRequest

        self.session.execute("CREATE TABLE wrong (k int PRIMARY KEY, t text, b boolean)")
        for statement in [
            "INSERT INTO wrong (k) VALUES ('1')",
            "INSERT INTO wrong (k) VALUES (2147483648)",
            "INSERT INTO wrong (k, t) VALUES (1, 2)",
            "INSERT INTO wrong (k, b) VALUES (1, 'true')",
            "INSERT INTO wrong (k, t) VALUES (1, 0xff)",
        ]:
            with self.subTest(statement), self.assertRaises(InvalidRequest):
                self.session.execute(statement)


if __name__ == "__main__":
    unittest.main()
