'use strict';
// Carries out tests/clients/script.json with the Node.js driver; tests/clients/README.md is the contract.

const fs = require('node:fs');
const { version } = require('cassandra-driver');
const { Failed, Steps, codeOf } = require('./steps');

const INVALID = 0x2200;

// Whether the step or one it belongs to stands in the table.
function listed(table, name) {
  return Object.keys(table).some(entry => name === entry || name.startsWith(`${entry}/`));
}

const oneLine = error => `${error.name}: ${error.message}`.replace(/\s+/g, ' ');

class Runner {
  constructor(script, steps) {
    this.script = script;
    this.skipped = script.skipped[process.env.TEST_CLIENT];
    this.steps = steps;
    this.failures = 0;
  }

  failed(name, why) {
    this.failures++;
    console.log(`failed ${name}: ${why}`);
  }

  async report(name, action) {
    try {
      await action();
    } catch (error) {
      if (!(error instanceof Failed)) {
        console.error(error);
      }
      this.failed(name, oneLine(error));
      return;
    }
    console.log(`ok ${name}`);
  }

  async refused(step) {
    try {
      await (step.do === 'type' ? this.steps.simple(step, step.create) : this.steps[step.do](step));
    } catch (error) {
      if (codeOf(error) === INVALID) {
        console.log(`refused ${step.id}`);
      } else {
        this.failed(step.id, oneLine(error));
      }
      return;
    }
    this.failed(step.id, 'it is not refused');
  }

  async cases(step) {
    if (step.do === 'type') {
      // Where this fails, each case will, and say so.
      await this.steps.simple(step, step.create).catch(error => console.error(error));
    }
    for (const [number, one] of step.cases.entries()) {
      await this.report(`${step.id}/${number}`, () => this.steps[step.do](step, number, one));
    }
  }

  async run() {
    for (const step of this.script.steps) {
      if (!step.id.startsWith(process.env.TEST_ONLY ?? '')) {
        continue;
      }
      if (listed(this.skipped, step.id)) {
        console.log(`skipped ${step.id}`);
      } else if (listed(this.script.refused, step.id)) {
        await this.refused(step);
      } else if (step.cases) {
        await this.cases(step);
      } else {
        await this.report(step.id, () => this.steps[step.do](step));
      }
    }
  }
}

async function main() {
  console.error(`driver ${version}`);
  const text = fs.readFileSync(process.env.TEST_SCRIPT, 'utf8');
  const script = JSON.parse(text.replaceAll('${keyspace}', process.env.TEST_KEYSPACE));
  const steps = await Steps.connect();
  const runner = new Runner(script, steps);
  try {
    await runner.run();
  } finally {
    await steps.close();
  }
  process.exitCode = runner.failures > 0 ? 1 : 0;
}

main().catch(error => {
  console.error(error);
  process.exitCode = 1;
});
