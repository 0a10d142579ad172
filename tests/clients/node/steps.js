'use strict';
// The steps of the script, by what they do (tests/clients/README.md, "Steps").

const { concurrent, errors, types } = require('cassandra-driver');
const PrepareHandler = require('cassandra-driver/lib/prepare-handler');
const { CONTACT_POINTS, connect } = require('./session');
const { equal, make } = require('./values');

const HANG_GUARD_MS = 60_000;
const CONCURRENCY = 64;

// A step did not do what the script says.
class Failed extends Error {
  get name() {
    return 'Failed';
  }
}

function need(holds, what) {
  if (!holds) {
    throw new Failed(what);
  }
}

const shown = value => JSON.stringify(value);

// The code of the server's error, undefined if the error is not the server's.
function codeOf(error) {
  return error instanceof errors.ResponseError ? error.code : undefined;
}

// `LOCAL_QUORUM` is `localQuorum` to the driver.
function levelOf(name) {
  return types.consistencies[name.toLowerCase().replace(/_(.)/g, (_, letter) => letter.toUpperCase())];
}

function compare(step, rows) {
  const kinds = step.columns.map(([, kind]) => kind);
  const same = rows.length === step.rows.length
    && rows.every((row, at) => row.values().every((value, n) => equal(kinds[n], step.rows[at][n], value)));
  need(same, `rows ${shown(rows)} instead of ${shown(step.rows)}`);
}

function checkAnswer(step, result) {
  if (!step.columns) {
    return;
  }
  const names = result.columns.map(column => column.name);
  const wanted = step.columns.map(([name]) => name);
  need(shown(names) === shown(wanted), `columns ${shown(names)} instead of ${shown(wanted)}`);
  compare(step, result.rows);
}

async function until(holds, what) {
  const giveUp = Date.now() + HANG_GUARD_MS;
  for (;;) {
    const problem = await holds();
    if (!problem) {
      return;
    }
    need(Date.now() < giveUp, `${what}: ${problem}`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

class Steps {
  static async connect() {
    return new Steps(await connect());
  }

  constructor(client) {
    this.client = client;
    this.prepared = {};
    this.observer = null;
  }

  async close() {
    await this.observer?.shutdown();
    await this.client.shutdown();
  }

  simple(step, cql = step.cql, options = {}) {
    return this.client.execute(cql, [], this.with(step, options));
  }

  // The driver prepares a text once, at its first execution, and keeps it.
  bound(cql, values, options = {}) {
    return this.client.execute(cql, values, { ...options, prepare: true });
  }

  with(step, options) {
    return step.consistency ? { ...options, consistency: levelOf(step.consistency) } : options;
  }

  // Runs `action` and checks its error, if the step wants one; gives its result otherwise.
  async attempt(step, action) {
    let result;
    try {
      result = await action();
    } catch (error) {
      const code = codeOf(error);
      if (!step.error || code === undefined) {
        throw error;
      }
      need(code === Number(step.error), `error 0x${code.toString(16)} instead of ${step.error}: ${error.message}`);
      return null;
    }
    need(!step.error, `no error instead of ${step.error}`);
    return result;
  }

  async execute(step) {
    const result = await this.attempt(step, () => this.simple(step));
    if (result) {
      checkAnswer(step, result);
    }
  }

  // The driver has no statement to hold in the hand: it prepares what is executed with `prepare`. Its own handler
  // of that is called here, so that the step prepares now and not at the first `run`.
  async prepare(step) {
    const policy = this.client.options.policies.loadBalancing;
    await this.attempt(step, () => PrepareHandler.getPrepared(this.client, policy, step.cql, this.client.keyspace));
    this.prepared[step.name] = step.cql;
  }

  async run(step) {
    const values = step.bind.map(([kind, form]) => make(kind, form));
    const cql = this.prepared[step.name];
    const result = await this.attempt(step, () => this.bound(cql, values, this.with(step, {})));
    if (result) {
      checkAnswer(step, result);
    }
  }

  async nodes() {
    const hosts = this.client.hosts.values();
    const addresses = hosts.map(host => host.address.split(':')[0]).sort();
    need(shown(addresses) === shown([...CONTACT_POINTS].sort()), `nodes ${shown(addresses)}`);
    need(hosts.every(host => host.isUp() && host.datacenter), 'a node is down or has no data centre');
  }

  // The driver hears of its own changes like of others', by event, and reads a second later.
  async keyspace(step) {
    await until(() => !this.client.metadata.keyspaces[step.keyspace] && 'not there', 'metadata');
    const { strategy, strategyOptions } = this.client.metadata.keyspaces[step.keyspace];
    need(strategy.split('.').pop() === step.replication_class, `class ${strategy}`);
    const factor = strategyOptions.replication_factor;
    need(factor === step.replication_factor, `replication factor ${factor}`);
  }

  async table(step) {
    await until(() => !this.client.metadata.keyspaces[step.keyspace] && 'not there', 'metadata');
    const table = await this.client.metadata.getTable(step.keyspace, step.table);
    need(table, 'no such table');
    const typeOf = column => types.getDataTypeNameByCode(column.type).replace(/^varchar$/, 'text');
    const seen = {
      partition_key: table.partitionKeys.map(column => column.name),
      clustering_key: table.clusteringKeys.map((column, at) => [column.name, table.clusteringOrder[at]]),
      static: table.columns.filter(column => column.isStatic).map(column => column.name),
      columns: Object.fromEntries(table.columns.map(column => [column.name, typeOf(column)])),
    };
    for (const part of ['partition_key', 'clustering_key', 'static']) {
      need(shown(seen[part]) === shown(step[part]), `${part}: ${shown(seen[part])}`);
    }
    const sorted = columns => shown(Object.entries(columns).sort());
    need(sorted(seen.columns) === sorted(step.columns), `columns: ${shown(seen.columns)}`);
  }

  async type(step, number, one) {
    const { table, type } = step;
    await this.simple(step, `INSERT INTO ${table} (k, v) VALUES (${number}, ${one.literal})`);
    await this.bound(`INSERT INTO ${table} (k, v) VALUES (?, ?)`, [1000 + number, make(type, one.value)]);
    for (const [way, key] of [['literal', number], ['bound', 1000 + number]]) {
      const { v } = (await this.bound(`SELECT v FROM ${table} WHERE k = ?`, [key])).first();
      if (!equal(type, one.value, v)) {
        // Only now: a tuple with a null in it has no string.
        need(false, `${way}: ${v} instead of ${shown(one.value)}`);
      }
      if (step.as_blob) {
        const { b } = (await this.bound(`SELECT ${step.as_blob}(v) AS b FROM ${table} WHERE k = ?`, [key])).first();
        const hex = b && b.toString('hex');
        need(hex === one.hex, `${way}: bytes ${hex} instead of ${one.hex}`);
      }
      if (step.filter && one.value !== null) {
        const where = `k = ${key} AND v = ${one.literal} ALLOW FILTERING`;
        const found = await this.simple(step, `SELECT k FROM ${table} WHERE ${where}`);
        need(found.rowLength === 1, `${way}: not found by ${where}`);
      }
    }
  }

  async keys(step) {
    await this.simple(step, step.create);
    const insert = `INSERT INTO ${step.table} (p, c) VALUES (?, ?)`;
    const values = step.values.map(form => make(step.type, form));
    for (const value of values) {
      await this.bound(insert, [values[0], value]);
      await this.bound(insert, [value, value]);
    }
    for (const [at, form] of step.values.entries()) {
      const found = await this.bound(`SELECT p, c FROM ${step.table} WHERE p = ? AND c = ?`, [values[at], values[at]]);
      need(found.rowLength === 1, `${found.rowLength} rows for ${form}`);
      const row = found.first();
      need([row.p, row.c].every(key => equal(step.type, form, key)), `${row.p}, ${row.c} instead of ${form}`);
    }
  }

  async large(step, number, one) {
    if (number === 0) {
      await this.simple(step, step.create);
    }
    const value = Buffer.alloc(one.size_bytes);
    for (let i = 0; i < value.length; i++) {
      value[i] = (i * 31) % 251;
    }
    await this.bound(`INSERT INTO ${step.table} (k, v) VALUES (?, ?)`, [number, value]);
    const found = await this.bound(`SELECT v FROM ${step.table} WHERE k = ?`, [number]);
    need(found.first().v.equals(value), 'another value came back');
  }

  async concurrently(cql, all) {
    await concurrent.executeConcurrent(this.client, cql, all, {
      concurrencyLevel: CONCURRENCY,
      raiseOnFirstError: true,
    });
  }

  async fill(step) {
    const all = [];
    for (let p = 0; p < step.partitions; p++) {
      for (let c = 0; c < step.rows; c++) {
        all.push([p, c, `${p}-${c}`]);
      }
    }
    await this.concurrently(step.cql, all);
  }

  // Each page is the driver's own next one, or, with `resume`, a new request with the state of the last. `onPage` must
  // not throw: the driver calls it from its own depths.
  async pagesOf(step, onPage) {
    const options = this.with(step, { prepare: step.prepared === true, fetchSize: step.page_size });
    if (!step.resume) {
      return this.readOn(step.cql, options, onPage);
    }
    let pageState;
    do {
      const result = await this.client.execute(step.cql, [], { ...options, pageState });
      onPage(result.rows);
      pageState = result.pageState;
    } while (pageState);
  }

  readOn(cql, options, onPage) {
    let rows = [];
    return new Promise((resolve, reject) => {
      this.client.eachRow(cql, [], options, (_, row) => rows.push(row), (error, result) => {
        if (error) {
          return reject(error);
        }
        onPage(rows);
        rows = [];
        return result.nextPage ? result.nextPage() : resolve();
      });
    });
  }

  async page(step) {
    const rows = [];
    let pages = 0;
    await this.pagesOf(step, page => {
      rows.push(...page);
      pages += page.length > 0 ? 1 : 0;
    });
    need(pages >= step.pages_min, `${pages} pages`);
    if (!step.filled) {
      return compare(step, rows);
    }
    const wanted = [];
    for (let p = 0; p < step.filled.partitions; p++) {
      for (let c = 0; c < step.filled.rows; c++) {
        wanted.push([p, c, `${p}-${c}`]);
      }
    }
    // A stable sort by partition: within each, the rows have to be in order already.
    const found = rows.map(row => row.values()).sort((a, b) => a[0] - b[0]);
    return need(shown(found) === shown(wanted), `${rows.length} rows, or others than were written`);
  }

  // A batch of this driver is prepared as a whole or not at all.
  async batch(step) {
    const statements = step.statements.map(({ cql, bind }) =>
      ({ query: cql, params: (bind ?? []).map(([kind, form]) => make(kind, form)) }));
    const prepare = step.statements.some(({ bind }) => bind);
    const options = this.with(step, { logged: step.kind === 'logged', prepare });
    if (step.timestamp) {
      options.timestamp = types.Long.fromString(step.timestamp);
    }
    await this.attempt(step, () => this.client.batch(statements, options));
  }

  async event(step) {
    this.observer ??= await connect();
    await this.simple(step);
    await until(async () => (await this.isSeen(step)) !== step.present && 'not yet', 'the other client has not heard');
  }

  async isSeen(step) {
    const { metadata } = this.observer;
    if (!metadata.keyspaces[step.keyspace] || !step.table) {
      return metadata.keyspaces[step.keyspace] !== undefined;
    }
    const table = await metadata.getTable(step.keyspace, step.table);
    return Boolean(table && (!step.column || table.columnsByName[step.column]));
  }

  // The driver's own token of a key, and the nodes that it would ask, as of the moment it routes the insert.
  async tokens(step) {
    await this.simple(step, step.create);
    const known = new Map();
    for (const forms of step.keys) {
      const key = forms.map((form, at) => make(step.types[at], form));
      await this.bound(step.insert, key, {
        onRoutingKey: routingKey => {
          if (routingKey) {
            known.set(shown(key), routingKey);
          }
        },
      });
    }
    await until(() => !this.client.metadata.keyspaces[step.keyspace] && 'not there', 'metadata');
    const seen = new Set();
    const rows = [];
    await this.pagesOf({ cql: step.select, page_size: 100 }, page => rows.push(...page));
    for (const row of rows) {
      const key = shown(row.values().slice(0, -1));
      seen.add(key);
      this.checkToken(step, key, known.get(key), row.t);
    }
    need(seen.size === step.keys.length, `${seen.size} keys instead of ${step.keys.length}`);
  }

  checkToken(step, key, routingKey, wanted) {
    need(routingKey, `the driver made no routing key of ${key}`);
    const own = this.client.metadata.newToken(routingKey).toString();
    need(own === wanted.toString(), `token ${own} instead of the server's ${wanted} for ${key}`);
    const replicas = new Set(this.client.getReplicas(step.keyspace, routingKey).map(host => host.address));
    need(replicas.size === step.replicas, `replicas ${[...replicas]} for ${key}`);
  }

  async routed(step) {
    for (const values of step.bind) {
      await this.bound(step.cql, values.map((form, at) => make(step.types[at], form)));
    }
  }
}

module.exports = { Failed, Steps, codeOf };
