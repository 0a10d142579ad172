//! Waiting until a change of the schema is known everywhere.

use std::time::Duration;

use crate::Session;
use crate::ask::Asked;
use crate::control::query;

/// How long all nodes are given to have the same schema after a change of it.
const AGREEMENT_TRIES: u32 = 100;
const AGREEMENT_PAUSE: Duration = Duration::from_millis(50);

impl Session {
    /// Waits until the nodes that answer have the same schema: the next statement may go to any of them. Bounded, and
    /// no error if it does not come to that: the change itself is made.
    pub(crate) async fn await_agreement(&self, asked: &Asked) {
        for _ in 0..AGREEMENT_TRIES {
            let mut agree = true;
            let local = "SELECT schema_version FROM system.local WHERE key = 'local'";
            let Ok(wanted) = query(&asked.connection, local).await else {
                return;
            };
            let wanted = wanted.first().and_then(|row| row.value("schema_version").cloned());
            for host in self.inner.picture().hosts().filter(|host| host.address != asked.host && !host.is_suspect()) {
                // One that cannot be reached is suspect from then on, and not waited for.
                let Ok(connection) = host.connection().await else {
                    continue;
                };
                let answer = tokio::time::timeout(self.inner.opening.timeout, query(&connection, local)).await;
                match answer {
                    Ok(Ok(rows)) => {
                        agree &= rows.first().and_then(|row| row.value("schema_version").cloned()) == wanted
                    }
                    Ok(Err(_)) => {}
                    Err(_) => connection.note_silence(),
                }
            }
            if agree {
                return;
            }
            tokio::time::sleep(AGREEMENT_PAUSE).await;
        }
    }
}
