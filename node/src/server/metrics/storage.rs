//! The store: commits, folding, purging, and the engine below.

use std::fmt;
use std::sync::atomic::Ordering;

use starling_storage::engine::EngineFigures;
use starling_storage::store::Store;

use super::page::Page;
use crate::assembly::Depth;
use crate::server::world::World;

pub(super) fn write(page: &mut Page<'_>, world: &World) -> fmt::Result {
    let commits = world.commit_figures();
    page.bounded(
        "commit_queue_mutations",
        "Mutations queued or being committed.",
        Depth::new(commits.queued, commits.queued_limit),
    )?;
    page.bounded(
        "commit_queue_bytes",
        "Bytes of mutations queued or being committed.",
        Depth::new(commits.queued_bytes, commits.queued_limit_bytes),
    )?;
    page.counter("commit_batches", "Batches committed.", commits.batches)?;
    page.counter("committed_mutations", "Mutations in them.", commits.mutations)?;
    page.counter("commits_refused", "Mutations that found the queue full.", commits.refused)?;
    write_upkeep(page, &world.store)?;
    page.gauge("disk_free_bytes", "Free on the disk of the data.", world.disk.free_bytes())?;
    page.gauge(
        "disk_low",
        "1 while writes are refused because the disk is nearly full.",
        u64::from(world.disk.is_low()),
    )?;
    page.counter("disk_low_writes_refused", "Writes refused for that.", world.disk.refused())?;
    match world.store.engine().figures() {
        Some(figures) => write_engine(page, &figures),
        None => Ok(()),
    }
}

fn write_upkeep(page: &mut Page<'_>, store: &Store) -> fmt::Result {
    let (waiting, limit) = store.fold_queue();
    page.bounded("fold_queue", "Keys with many fragments that wait to be folded.", Depth::new(waiting, limit))?;
    let figures = store.figures();
    let counters = [
        ("folded_keys", "Keys whose fragments were written back as one value.", &figures.folded),
        ("folds_forgotten", "Keys that found the queue full; they are noticed again.", &figures.folds_forgotten),
        ("purge_visited_partitions", "Partitions visited by purges.", &figures.purge_visited),
        ("purged_keys", "Keys that purges removed or rewrote.", &figures.purge_keys),
        ("purge_postponed_partitions", "Partitions that were written meanwhile.", &figures.purge_postponed),
        ("purge_damaged_partitions", "Partitions with values that do not decode.", &figures.purge_damaged),
        ("dropped_tables", "Tables, or lives of truncated ones, whose data was removed.", &figures.tables_dropped),
    ];
    for (name, help, value) in counters {
        page.counter(name, help, value.load(Ordering::Relaxed))?;
    }
    Ok(())
}

fn write_engine(page: &mut Page<'_>, figures: &EngineFigures) -> fmt::Result {
    let gauges = [
        ("engine_memtable_bytes", "Memtables.", figures.memtable_bytes),
        ("engine_memtables_waiting", "Memtables that wait to be flushed.", figures.memtables_waiting),
        ("engine_flushes_running", "Flushes that run.", figures.flushes_running),
        ("engine_compactions_running", "Compactions that run.", figures.compactions_running),
        ("engine_compaction_pending_bytes", "What compactions are behind by.", figures.compaction_pending_bytes),
        ("engine_write_stopped", "1 while writes wait for flushes or compactions.", figures.is_write_stopped.into()),
        ("engine_delayed_write_bytes_per_second", "Rate to which writes are slowed.", figures.delayed_write_rate_bytes),
        ("engine_background_errors", "Background errors.", figures.background_errors),
        ("engine_block_cache_pinned_bytes", "Blocks in use.", figures.block_cache_pinned_bytes),
        ("engine_table_reader_bytes", "Readers of open files.", figures.table_reader_bytes),
        ("engine_sst_bytes", "Sorted files on disk.", figures.sst_bytes),
        ("engine_wal_bytes", "The log on disk.", figures.wal_bytes),
        ("engine_snapshots", "Snapshots that are held.", figures.snapshots),
    ];
    for (name, help, value) in gauges {
        page.gauge(name, help, value)?;
    }
    let cache = Depth { now: figures.block_cache_bytes, limit: figures.block_cache_limit_bytes };
    page.bounded("engine_block_cache_bytes", "Blocks in the cache.", cache)?;
    let levels = figures.level_files.iter().enumerate().map(|(level, files)| ([("level", level.to_string())], *files));
    page.gauges("engine_files", "Sorted files by level.", levels)?;
    let counters = [
        ("engine_block_cache_hits", "Lookups that found a block in the cache.", figures.block_cache_hits),
        ("engine_block_cache_misses", "Lookups that read a block from a file.", figures.block_cache_misses),
        ("engine_wal_written_bytes", "Written to the log.", figures.wal_written_bytes),
        ("engine_flush_written_bytes", "Written by flushes.", figures.flush_written_bytes),
        ("engine_compaction_read_bytes", "Read by compactions.", figures.compaction_read_bytes),
        ("engine_compaction_written_bytes", "Written by compactions.", figures.compaction_written_bytes),
    ];
    for (name, help, value) in counters {
        page.counter(name, help, value)?;
    }
    let stalled_s = figures.stalled_us as f64 / 1e6;
    page.counter("engine_stalled_seconds", "Time that writes were held up by flushes and compactions.", stalled_s)
}
