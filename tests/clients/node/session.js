'use strict';
// Connecting as the script's contract says: one contact point, token-aware, QUORUM, patient.

const { Client, policies, types } = require('cassandra-driver');

const { PropertyMap } = require('./values');

const CONTACT_POINTS = process.env.TEST_CONTACT_POINTS.split(',');

// The driver's default policy, which also tells a caller that asks for it the routing key of a request.
class ToldRoutingKey extends policies.loadBalancing.TokenAwarePolicy {
  newQueryPlan(keyspace, options, callback) {
    const asked = options?.getRawQueryOptions?.()?.onRoutingKey;
    if (asked) {
      asked(options.getRoutingKey());
    }
    super.newQueryPlan(keyspace, options, callback);
  }
}

async function connect() {
  const version = Number(process.env.TEST_PROTOCOL_VERSION);
  const compression = process.env.TEST_COMPRESSION ?? 'none';
  if (compression !== 'none') {
    throw new Error('the driver has no compression');
  }
  const client = new Client({
    contactPoints: CONTACT_POINTS.slice(0, 1),
    localDataCenter: 'datacenter1',
    protocolOptions: { maxVersion: version },
    policies: {
      loadBalancing: new ToldRoutingKey(new policies.loadBalancing.DCAwareRoundRobinPolicy('datacenter1')),
    },
    queryOptions: { consistency: types.consistencies.quorum },
    socketOptions: { readTimeout: 60_000, connectTimeout: 30_000 },
    encoding: { map: PropertyMap },
  });
  await client.connect();
  const spoken = client.getState().getConnectedHosts().length && client.controlConnection.protocolVersion;
  if (spoken !== version) {
    throw new Error(`protocol version ${spoken} instead of ${version}`);
  }
  return client;
}

module.exports = { CONTACT_POINTS, connect };
