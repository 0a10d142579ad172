package main

// The steps about where a partition is.

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"sort"
	"strconv"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
)

const murmur3 = "org.apache.cassandra.dht.Murmur3Partitioner"

// recorder is the driver's token-aware policy; it keeps what it picked for the last statement with a routing key.
type recorder struct {
	gocql.HostSelectionPolicy
	key    []byte
	picked []string
}

func (r *recorder) Pick(statement gocql.ExecutableStatement) gocql.NextHost {
	if key, err := statement.GetRoutingKey(); err == nil && key != nil {
		r.key, r.picked = key, nil
		next := r.HostSelectionPolicy.Pick(statement)
		for host := next(); host != nil; host = next() {
			r.picked = append(r.picked, host.Info().ConnectAddress().String())
		}
	}
	return r.HostSelectionPolicy.Pick(statement)
}

// keyed is a statement of which only the routing key is known.
type keyed []byte

func (k keyed) GetRoutingKey() ([]byte, error) { return k, nil }
func (k keyed) Keyspace() string               { return "" }
func (k keyed) Table() string                  { return "" }
func (k keyed) IsIdempotent() bool             { return false }
func (k keyed) GetHostID() string              { return "" }
func (k keyed) Statement() gocql.Statement     { return nil }

// hasToken tells whether the driver's own token of the key is this one. The driver shows tokens to nobody, so it is
// asked for the owner of the key in a ring of three nodes, with the tokens just below, at and just above.
func hasToken(key []byte, token int64) (bool, error) {
	policy := gocql.TokenAwareHostPolicy(gocql.RoundRobinHostPolicy())
	policy.SetPartitioner(murmur3)
	around := map[string]int64{"10.0.0.2": token}
	if token > math.MinInt64 {
		around["10.0.0.1"] = token - 1
	}
	if token < math.MaxInt64 {
		around["10.0.0.3"] = token + 1
	}
	for address, at := range around {
		host, err := gocql.NewTestHostInfoFromRow(map[string]any{
			"rpc_address": net.ParseIP(address), "host_id": gocql.TimeUUID(), "rack": "r", "data_center": "d",
			"tokens": []string{strconv.FormatInt(at, 10)},
		})
		if err != nil {
			return false, err
		}
		policy.AddHost(host)
	}
	owner := policy.Pick(keyed(key))()
	if owner == nil {
		return false, errors.New("the driver's policy picks nothing")
	}
	return owner.Info().ConnectAddress().String() == "10.0.0.2", nil
}

// ring is the nodes by token, as the driver knows them.
type ring []struct {
	token   int64
	address string
}

func ringOf(session *gocql.Session) (ring, error) {
	var all ring
	for _, host := range session.GetHosts() {
		for _, text := range host.Tokens() {
			token, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return nil, err
			}
			all = append(all, struct {
				token   int64
				address string
			}{token, host.ConnectAddress().String()})
		}
	}
	sort.Slice(all, func(a, b int) bool { return all[a].token < all[b].token })
	return all, nil
}

// replicas walks SimpleStrategy's way: the nodes from the token on, each once.
func (r ring) replicas(token int64, count int) []string {
	start := sort.Search(len(r), func(at int) bool { return r[at].token >= token })
	var found []string
	seen := map[string]bool{}
	for at := 0; at < len(r) && len(found) < count; at++ {
		if address := r[(start+at)%len(r)].address; !seen[address] {
			seen[address] = true
			found = append(found, address)
		}
	}
	return found
}

// known is what the driver made of one key.
type known struct {
	routingKey []byte
	picked     []string
}

func (s *steps) tokens(one step) error {
	if err := s.simple(one, one.Create).Exec(); err != nil {
		return err
	}
	policy := &recorder{HostSelectionPolicy: tokenAware()}
	session, err := connect(policy)
	if err != nil {
		return err
	}
	defer session.Session.Close()
	all := map[string]known{}
	for _, forms := range one.Keys {
		key := make([]any, len(forms))
		for at, form := range forms {
			if key[at], err = bound(one.Types[at], form); err != nil {
				return err
			}
		}
		policy.key = nil
		if err := session.Query(one.Insert, key...).Exec(); err != nil {
			return err
		}
		if policy.key == nil {
			return fmt.Errorf("the driver made no routing key of %v", key)
		}
		all[fmt.Sprint(key)] = known{policy.key, policy.picked}
	}
	nodes, err := ringOf(session.Session)
	if err != nil {
		return err
	}
	return s.checkTokens(one, all, nodes)
}

func (s *steps) checkTokens(one step, all map[string]known, nodes ring) error {
	columns := answer{}
	for _, kind := range append(one.Types, "bigint") {
		columns.columns = append(columns.columns, [2]string{"", kind})
	}
	iter := s.simple(one, one.Select).PageSize(100).Iter()
	rows := 0
	for row := columns.newRow(); iter.Scan(places(row)...); row = columns.newRow() {
		rows++
		found := values(row)
		key, token := fmt.Sprint(found[:len(found)-1]), found[len(found)-1].(int64)
		own, written := all[key]
		if !written {
			return fmt.Errorf("%s was never written", key)
		}
		if same, err := hasToken(own.routingKey, token); err != nil || !same {
			return fmt.Errorf("the server's token %d is not the driver's for %s (%w)", token, key, err)
		}
		wanted := nodes.replicas(token, one.Replicas)
		if len(wanted) != one.Replicas || fmt.Sprint(own.picked[:len(wanted)]) != fmt.Sprint(wanted) {
			return fmt.Errorf("replicas %v instead of %v for %s", own.picked, wanted, key)
		}
	}
	if err := iter.Close(); err != nil {
		return err
	}
	if rows != len(one.Keys) || rows != len(all) {
		return fmt.Errorf("%d keys instead of %d", rows, len(one.Keys))
	}
	return nil
}

func (s *steps) routed(one step) error {
	var rows [][]any
	if err := json.Unmarshal(one.Bind, &rows); err != nil {
		return err
	}
	for _, forms := range rows {
		bindings := make([]any, len(forms))
		for at, form := range forms {
			var err error
			if bindings[at], err = bound(one.Types[at], form); err != nil {
				return err
			}
		}
		if err := s.session.Query(one.CQL, bindings...).Exec(); err != nil {
			return err
		}
	}
	return nil
}
