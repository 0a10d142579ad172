package main

// Connecting as the script's contract says: one contact point, token-aware, QUORUM, patient.

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
	"github.com/apache/cassandra-gocql-driver/v2/lz4"
	"github.com/apache/cassandra-gocql-driver/v2/snappy"
)

var contactPoints = strings.Split(os.Getenv("TEST_CONTACT_POINTS"), ",")

// countingCompressor knows whether it was used: the driver goes without, unasked, where the server does not offer it.
type countingCompressor struct {
	gocql.Compressor
	decompressed *atomic.Int64
}

func (c countingCompressor) AppendDecompressedWithLength(dst, src []byte) ([]byte, error) {
	c.decompressed.Add(1)
	return c.Compressor.AppendDecompressedWithLength(dst, src)
}

func (c countingCompressor) AppendDecompressed(dst, src []byte, decompressedLength uint32) ([]byte, error) {
	c.decompressed.Add(1)
	return c.Compressor.AppendDecompressed(dst, src, decompressedLength)
}

func compressor() (gocql.Compressor, error) {
	switch name := os.Getenv("TEST_COMPRESSION"); name {
	case "", "none":
		return nil, nil
	case "lz4":
		return lz4.LZ4Compressor{}, nil
	case "snappy":
		return snappy.SnappyCompressor{}, nil
	default:
		return nil, fmt.Errorf("no compression %q", name)
	}
}

// connection is a session, and what its compressor counted.
type connection struct {
	*gocql.Session
	compressing  bool
	decompressed atomic.Int64
}

func connect(policy gocql.HostSelectionPolicy) (*connection, error) {
	version, err := strconv.Atoi(os.Getenv("TEST_PROTOCOL_VERSION"))
	if err != nil {
		return nil, err
	}
	codec, err := compressor()
	if err != nil {
		return nil, err
	}
	made := &connection{compressing: codec != nil}
	cluster := gocql.NewCluster(contactPoints[0])
	cluster.ProtoVersion = version
	cluster.Consistency = gocql.Quorum
	cluster.Timeout = 60 * time.Second
	cluster.ConnectTimeout = 30 * time.Second
	cluster.PoolConfig.HostSelectionPolicy = policy
	if codec != nil {
		cluster.Compressor = countingCompressor{codec, &made.decompressed}
	}
	made.Session, err = cluster.CreateSession()
	return made, err
}

func tokenAware() gocql.HostSelectionPolicy {
	return gocql.TokenAwareHostPolicy(gocql.DCAwareRoundRobinPolicy("datacenter1"))
}

// close fails where compression was wanted and nothing came compressed.
func (c *connection) close() error {
	c.Session.Close()
	if c.compressing && c.decompressed.Load() == 0 {
		return fmt.Errorf("compression %s was not taken", os.Getenv("TEST_COMPRESSION"))
	}
	return nil
}
