//! Settings as names and texts: what `system_views.settings` shows.

use std::fmt::Display;
use std::path::PathBuf;

use super::{ClientEncryptionOptions, CommitlogSync, ServerEncryptionOptions, Settings};
use crate::system::Listing;

fn path(path: &Option<PathBuf>) -> Option<String> {
    path.as_ref().map(|path| path.display().to_string())
}

fn list<T: Display>(items: &[T]) -> String {
    format!("[{}]", items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
}

impl Settings {
    /// All settings as they are in force, by name. Keys and certificates are named by their files alone.
    pub fn listing(&self) -> Listing {
        let mut all = self.plain();
        let ClientEncryptionOptions { enabled, optional, certificate, private_key, authority, require_client_auth } =
            &self.client_encryption_options;
        all.extend([
            ("client_encryption_options.authority", path(authority)),
            ("client_encryption_options.certificate", path(certificate)),
            ("client_encryption_options.enabled", Some(enabled.to_string())),
            ("client_encryption_options.optional", Some(optional.to_string())),
            ("client_encryption_options.private_key", path(private_key)),
            ("client_encryption_options.require_client_auth", Some(require_client_auth.to_string())),
        ]);
        let ServerEncryptionOptions { certificate, private_key, authority } = &self.server_encryption_options;
        all.extend([
            ("server_encryption_options.authority", path(authority)),
            ("server_encryption_options.certificate", path(certificate)),
            ("server_encryption_options.private_key", path(private_key)),
        ]);
        all
    }

    fn plain(&self) -> Listing {
        let folders: Vec<_> = self.data_file_directories.iter().map(|folder| folder.display()).collect();
        let sync = match self.commitlog_sync {
            CommitlogSync::Batch => "batch",
            CommitlogSync::Periodic => "periodic",
        };
        let mut all: Listing =
            vec![("native_transport_port_ssl", self.native_transport_port_ssl.map(|port| port.to_string()))];
        let given: [(&'static str, &dyn Display); 32] = [
            ("admin_address", &self.admin_address()),
            ("admin_port", &self.admin_port),
            ("allow_remote_clients", &self.allow_remote_clients),
            ("batch_size_fail_threshold", &self.batch_size_fail_threshold),
            ("batch_size_warn_threshold", &self.batch_size_warn_threshold),
            ("block_cache_size", &self.block_cache_size),
            ("cluster_name", &self.cluster_name),
            ("commitlog_sync", &sync),
            ("commitlog_sync_period", &self.commitlog_sync_period),
            ("committers", &self.committers),
            ("data_file_directories", &list(&folders)),
            ("datacenter", &self.datacenter),
            ("listen_address", &self.listen_address),
            ("max_clock_skew", &self.max_clock_skew),
            ("max_mutation_size", &self.max_mutation_size),
            ("memtable_size", &self.memtable_size),
            ("min_free_space_per_drive", &self.min_free_space_per_drive),
            ("native_transport_max_concurrent_connections", &self.native_transport_max_concurrent_connections),
            ("native_transport_max_frame_size", &self.native_transport_max_frame_size),
            ("native_transport_max_request_data_in_flight", &self.native_transport_max_request_data_in_flight),
            ("native_transport_port", &self.native_transport_port),
            ("num_tokens", &self.num_tokens),
            ("phi_convict_threshold", &self.phi_convict_threshold),
            ("prepared_statements_cache_size", &self.prepared_statements_cache_size),
            ("purge_interval", &self.purge_interval),
            ("rack", &self.rack),
            ("range_request_timeout", &self.range_request_timeout),
            ("read_request_timeout", &self.read_request_timeout),
            ("rpc_address", &self.rpc_address),
            ("seeds", &list(&self.seeds)),
            ("storage_port", &self.storage_port),
            ("write_request_timeout", &self.write_request_timeout),
        ];
        all.push(("replace_address", self.replace_address.map(|address| address.to_string())));
        all.extend(given.map(|(name, value)| (name, Some(value.to_string()))));
        let partitions = self.unlogged_batch_across_partitions_warn_threshold.to_string();
        all.push(("unlogged_batch_across_partitions_warn_threshold", Some(partitions)));
        all
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_setting_is_listed_once_and_reads_back() {
        let listing = Settings::default().listing();
        let by_name: BTreeMap<_, _> = listing.iter().cloned().collect();
        assert_eq!(by_name.len(), listing.len());
        let shown = format!("{:#?}", Settings::default());
        let fields = shown.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(": "));
        for (field, _) in fields.filter(|(field, _)| !field.starts_with(' ')) {
            let part = format!("{field}.");
            assert!(by_name.keys().any(|name| *name == field || name.starts_with(&part)), "{field}");
        }
        assert_eq!(by_name["read_request_timeout"].as_deref(), Some("5s"));
        assert_eq!(by_name["purge_interval"].as_deref(), Some("1h"));
        assert_eq!(by_name["max_mutation_size"].as_deref(), Some("16MiB"));
        assert_eq!(by_name["data_file_directories"].as_deref(), Some("[data]"));
        assert_eq!(by_name["admin_address"].as_deref(), Some("127.0.0.1"));
        assert_eq!(by_name["native_transport_port_ssl"], None);
        let flat = |name: &&str| !name.contains('.');
        let text: String = by_name
            .iter()
            .filter(|(name, _)| flat(name))
            .filter_map(|(name, value)| Some(format!("{name}: {}\n", value.as_deref()?)))
            .collect();
        let read_back = Settings::from_parts(&text, std::iter::empty()).unwrap();
        assert_eq!(read_back.listing(), listing);
    }
}
