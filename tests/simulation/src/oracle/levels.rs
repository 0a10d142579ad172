//! An acknowledged write lies on as many replicas as its level says: looked up on their disks, not asked of anybody.

use bytes::Bytes;
use starling_ring::{ConsistencyLevel, Token};
use starling_storage::model::{Deletion, Partition, ReadCommand, ReadTarget};

use crate::machine::Machine;
use crate::shape::Shape;

/// Whether every datacentre, or all of them together, holds enough; machines that are off, or have lost their disk, may hold it. `holds` says of a
/// machine that is on.
pub fn problem(
    shape: &Shape,
    machines: &[Machine],
    replicas: &[usize],
    level: ConsistencyLevel,
    holds: impl Fn(&Machine) -> bool,
) -> Option<String> {
    let may_hold = |node: usize| machines[node].life.is_none() || holds(&machines[node]);
    let count = |datacenter: Option<usize>| {
        let of = |node: &&usize| datacenter.is_none_or(|wanted| **node % shape.datacenters == wanted);
        let total = replicas.iter().filter(of).count();
        (replicas.iter().filter(of).filter(|node| may_hold(**node)).count(), total)
    };
    let quorum = |total: usize| total / 2 + 1;
    let lacks = |(held, total): (usize, usize), required: usize| {
        (held < required).then(|| format!("{held} of {total} replicas hold what was acknowledged at {level:?}"))
    };
    match level {
        ConsistencyLevel::All => lacks(count(None), replicas.len()),
        ConsistencyLevel::Quorum => lacks(count(None), quorum(replicas.len())),
        ConsistencyLevel::One => lacks(count(None), 1),
        ConsistencyLevel::EachQuorum => (0..shape.datacenters).find_map(|datacenter| {
            let (held, total) = count(Some(datacenter));
            lacks((held, total), quorum(total))
        }),
        _ => None,
    }
}

/// The machines that are replicas of a key.
pub fn replicas(machines: &[Machine], keyspace: &str, key: &[u8]) -> Option<Vec<usize>> {
    let view = machines.iter().find_map(|machine| machine.life.as_ref()?.node.view())?;
    let placement = view.placement(keyspace)?;
    let hosts = placement.replicas(Token::from_key(key)).iter().filter_map(|index| view.topology().member(*index));
    hosts.map(|member| machines.iter().position(|machine| machine.address.ip() == member.listen_address)).collect()
}

/// Whether a machine that is on holds something of this timestamp or a later one under a key of a table. One that cannot
/// read it may.
pub fn holds(machine: &Machine, keyspace: &str, table: &str, key: &[u8], timestamp_us: i64) -> bool {
    let Some(log) = machine.life.as_ref().and_then(|life| life.node.log()) else { return true };
    let table = log.metadata.schema.keyspaces.get(keyspace).and_then(|keyspace| keyspace.tables.get(table));
    let Some(table) = table.map(|table| table.table) else { return true };
    let command = ReadCommand {
        table,
        has_clustering: false,
        gc_grace_s: u32::MAX,
        target: ReadTarget::Partition { token: Token::from_key(key), key: Bytes::copy_from_slice(key) },
        slices: Vec::new(),
        reversed: false,
        row_limit: u32::MAX,
        per_partition_limit: u32::MAX,
        size_limit_bytes: u32::MAX,
        now_s: 0,
        resume: None,
    };
    match machine.read(&command) {
        Some(Ok(result)) => result.partitions.iter().map(newest_us).max() >= Some(timestamp_us),
        _ => true,
    }
}

fn newest_us(partition: &Partition) -> i64 {
    let deletion = |deletion: &Option<Deletion>| deletion.map(|deletion| deletion.timestamp_us);
    let rows = partition.rows.iter().map(|(_, row)| {
        let cells = row.columns.iter().flat_map(|column| &column.cells).map(|cell| cell.timestamp_us).max();
        let marker = row.marker.map(|marker| marker.timestamp_us);
        cells.max(marker).max(deletion(&row.deletion))
    });
    rows.max().flatten().max(deletion(&partition.deletion)).unwrap_or(i64::MIN)
}
