//! Reads over partitions in memory: system tables, and the merged answers of replicas.

use bytes::Bytes;

use crate::header::Header;
use crate::model::{Partition, ReadCommand, ReadResult, ReadTarget, Row};

use super::collect::{Collector, Flow, regions};

/// Reads partitions in memory exactly as [`super::Store::read`] reads the engine. They may come in any order, each at
/// most once; their fragments need not be in canonical form.
pub fn read_partitions(command: &ReadCommand, partitions: &[Partition]) -> ReadResult {
    let mut wanted: Vec<&Partition> = partitions.iter().filter(|p| is_target(command, p)).collect();
    wanted.sort_by(|a, b| (a.token, &a.key).cmp(&(b.token, &b.key)));
    let mut collector = Collector::new(command);
    for partition in wanted {
        let regions = regions(command, partition.token, &partition.key);
        if regions.is_empty() {
            continue;
        }
        let header = Header::of(partition).unwrap_or_default();
        collector.begin(partition.token, partition.key.clone(), header);
        let within = |(key, _): &&(Bytes, Row)| regions.iter().any(|region| region.contains(key));
        let rows = partition.rows.iter().filter(within);
        let flow = if command.reversed { walk(&mut collector, rows.rev()) } else { walk(&mut collector, rows) };
        if flow == Flow::Stop {
            break;
        }
    }
    collector.finish()
}

fn walk<'a>(collector: &mut Collector<'_>, rows: impl Iterator<Item = &'a (Bytes, Row)>) -> Flow {
    for (clustering, row) in rows {
        match collector.row(clustering.clone(), row.clone()) {
            Flow::Continue => {}
            flow => return flow,
        }
    }
    collector.end()
}

fn is_target(command: &ReadCommand, partition: &Partition) -> bool {
    match &command.target {
        ReadTarget::Partition { token, key } => partition.token == *token && partition.key == *key,
        ReadTarget::TokenRange { start, end } => {
            (*start < partition.token || *start == starling_ring::Token::MIN) && partition.token <= *end
        }
    }
}
