"""Prints what the server says of its nodes, by events alone: `DOWN 127.1.1.3`. Runs until it is killed."""

import threading

from session import CONTACT_POINTS, connect


def main():
    cluster = connect(CONTACT_POINTS[:1])
    session = cluster.connect()
    # The driver's own view would not do: it also sees its connections break.
    connection = cluster.control_connection._connection
    connection.register_watcher(
        "STATUS_CHANGE",
        lambda event: print(event["change_type"], event["address"][0], flush=True),
        register_timeout=30,
    )
    assert session.execute("SELECT key FROM system.local").one().key == "local"
    print("watching", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
