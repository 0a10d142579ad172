//! The engine over RocksDB.
