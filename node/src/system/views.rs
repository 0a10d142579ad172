//! `system_views`: what this node tells of itself.

use super::ClusterView;
use super::partitions::PartitionsBuilder;
use super::wire::text;

/// `system_views.settings`.
pub fn settings(view: &ClusterView<'_>, builder: &mut PartitionsBuilder<'_>) {
    for (name, value) in view.settings {
        let value = value.as_ref().map(|value| ("value", text(value)));
        builder.row([("name", text(name))].into_iter().chain(value));
    }
}
