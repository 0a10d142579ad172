package main

// The steps about what the driver knows of the cluster: nodes, schema, events.

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
)

// typeNames has what the script's tables use.
var typeNames = map[gocql.Type]string{
	gocql.TypeBlob: "blob", gocql.TypeBoolean: "boolean", gocql.TypeDecimal: "decimal", gocql.TypeInt: "int",
	gocql.TypeText: "text", gocql.TypeTimeUUID: "timeuuid", gocql.TypeVarchar: "text",
}

// until asks again until there is no error.
func until(ask func() error) error {
	giveUp := time.Now().Add(hangGuard)
	for {
		err := ask()
		if err == nil || time.Now().After(giveUp) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (s *steps) nodes() error {
	var addresses []string
	for _, host := range s.session.GetHosts() {
		addresses = append(addresses, host.ConnectAddress().String())
		if !host.IsUp() || host.DataCenter() == "" {
			return fmt.Errorf("%s is down or has no data centre", host)
		}
	}
	sort.Strings(addresses)
	if wanted := slices.Sorted(slices.Values(contactPoints)); !reflect.DeepEqual(addresses, wanted) {
		return fmt.Errorf("nodes %v", addresses)
	}
	return nil
}

// keyspaceSeen waits: the driver hears of its own changes like of others', by event, and reads a second later.
func (s *steps) keyspaceSeen(name string) (seen *gocql.KeyspaceMetadata, err error) {
	err = until(func() error {
		seen, err = s.session.KeyspaceMetadata(name)
		return err
	})
	return seen, err
}

func (s *steps) keyspace(one step) error {
	seen, err := s.keyspaceSeen(one.Keyspace)
	if err != nil {
		return err
	}
	class := seen.StrategyClass[strings.LastIndex(seen.StrategyClass, ".")+1:]
	if class != one.ReplicationClass {
		return fmt.Errorf("class %s", class)
	}
	if factor := fmt.Sprint(seen.StrategyOptions["replication_factor"]); factor != one.ReplicationFactor {
		return fmt.Errorf("replication factor %s", factor)
	}
	return nil
}

func (s *steps) table(one step) error {
	var table *gocql.TableMetadata
	err := until(func() error {
		keyspace, err := s.session.KeyspaceMetadata(one.Keyspace)
		if err != nil {
			return err
		}
		if table = keyspace.Tables[one.Table]; table == nil {
			return errors.New("no such table")
		}
		return nil
	})
	if err != nil {
		return err
	}
	wanted := map[string]string{}
	if err := json.Unmarshal(one.Columns, &wanted); err != nil {
		return err
	}
	partitionKey, static := []string{}, []string{}
	clusteringKey := [][2]string{}
	columns := map[string]string{}
	for _, column := range table.PartitionKey {
		partitionKey = append(partitionKey, column.Name)
	}
	for _, column := range table.ClusteringColumns {
		order := "ASC"
		if column.Order == gocql.DESC {
			order = "DESC"
		}
		clusteringKey = append(clusteringKey, [2]string{column.Name, order})
	}
	for _, column := range table.Columns {
		columns[column.Name] = typeNames[column.Type.Type()]
		if column.Kind == gocql.ColumnStatic {
			static = append(static, column.Name)
		}
	}
	seen := []any{partitionKey, clusteringKey, static, columns}
	if !reflect.DeepEqual(seen, []any{one.PartitionKey, one.ClusteringKey, one.Static, wanted}) {
		return fmt.Errorf("it shows %v", seen)
	}
	return nil
}

func (s *steps) event(one step) error {
	if s.observer == nil {
		observer, err := connect(tokenAware())
		if err != nil {
			return err
		}
		s.observer = observer
	}
	if err := s.simple(one, one.CQL).Exec(); err != nil {
		return err
	}
	return until(func() error {
		seen, err := s.isSeen(one)
		if err == nil && seen != one.Present {
			err = errors.New("the other client has not heard of it")
		}
		return err
	})
}

func (s *steps) isSeen(one step) (bool, error) {
	keyspace, err := s.observer.KeyspaceMetadata(one.Keyspace)
	if errors.Is(err, gocql.ErrKeyspaceDoesNotExist) {
		return false, nil
	}
	if err != nil || one.Table == "" {
		return err == nil, err
	}
	table, found := keyspace.Tables[one.Table]
	if found && one.Column != "" {
		_, found = table.Columns[one.Column]
	}
	return found, nil
}
