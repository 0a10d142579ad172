"""Carries out tests/clients/script.json with this Python's driver; tests/clients/README.md is the contract."""

import json
import os
import sys
import traceback

import cassandra
from steps import Failed, Steps, code_of

INVALID = 0x2200


def listed(table, name):
    """Whether the step or one it belongs to stands in the table."""
    parts = name.split("/")
    return any("/".join(parts[:count]) in table for count in range(1, len(parts) + 1))


class Runner:
    """Reports each step on standard output."""

    def __init__(self, script):
        self.script = script
        self.skipped = script["skipped"][os.environ["TEST_CLIENT"]]
        self.failures = 0
        self.steps = Steps()

    def report(self, name, action):
        try:
            action()
        except Exception as error:
            self.failures += 1
            if not isinstance(error, Failed):
                traceback.print_exc()
            print(f"failed {name}: {type(error).__name__}: {' '.join(str(error).split())}", flush=True)
        else:
            print(f"ok {name}", flush=True)

    def refused(self, step):
        try:
            if step["do"] == "type":
                self.steps.session.execute(step["create"])
            else:
                getattr(self.steps, step["do"])(step)
            problem = "it is not refused"
        except Exception as error:
            if code_of(error) == INVALID:
                print(f"refused {step['id']}", flush=True)
                return
            problem = " ".join(str(error).split())
        self.failures += 1
        print(f"failed {step['id']}: {problem}", flush=True)

    def step(self, step):
        name = step["id"]
        if listed(self.skipped, name):
            print(f"skipped {name}", flush=True)
        elif listed(self.script["refused"], name):
            self.refused(step)
        elif "cases" not in step:
            self.report(name, lambda: getattr(self.steps, step["do"])(step))
        else:
            if step["do"] == "type":
                self.create(step["create"])
            for number, case in enumerate(step["cases"]):
                self.report(f"{name}/{number}", lambda: getattr(self.steps, step["do"])(step, number, case))

    def create(self, cql):
        # Where this fails, each case will, and say so.
        try:
            self.steps.session.execute(cql)
        except Exception:
            traceback.print_exc()

    def run(self):
        only = os.environ.get("TEST_ONLY", "")
        for step in self.script["steps"]:
            if step["id"].startswith(only):
                self.step(step)
        self.steps.close()
        return self.failures


def main():
    with open(os.environ["TEST_SCRIPT"], encoding="utf-8") as file:
        text = file.read()
    print(f"driver {cassandra.__version__}", file=sys.stderr)
    sys.stdout.reconfigure(encoding="utf-8")
    script = json.loads(text.replace("${keyspace}", os.environ["TEST_KEYSPACE"]))
    sys.exit(1 if Runner(script).run() else 0)


if __name__ == "__main__":
    main()
