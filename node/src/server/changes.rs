//! Changes of the log and of the members that whoever runs the node asks for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::{Value, json};
use starling_ring::HostId;
use tokio::sync::oneshot;

use crate::assembly::Node;
use crate::cluster::{ChangeError, ChangeRequest, Metadata, RecoverError, Standing};

/// Longest wait for the outcome of a change: longer than the log itself tries, and waits for all to adopt it.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest wait for a member that is leaving to have left.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Between two looks at whether it has.
const LEAVE_POLL: Duration = Duration::from_millis(50);

/// What may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminChange {
    /// Go on with the log after its majority was lost for good.
    Recover,
    /// Let a member back in that was given up when the log was recovered.
    Readmit(HostId),
    /// Take a member out.
    Remove(HostId),
}

/// Why it was not done, or is not known to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// As HTTP puts it.
    pub status: StatusCode,
    /// What happened, and what to do.
    pub error: String,
}

impl Refused {
    /// A refusal with this status.
    pub fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Refused { status, error: error.into() }
    }
}

type Outcome = Result<Value, Refused>;

/// Does what was asked for; answers when it is done.
///
/// # Errors
/// If it was not done, or is not known to be.
pub async fn carry_out(node: Arc<Node>, change: AdminChange) -> Outcome {
    match change {
        AdminChange::Recover => recover(node).await,
        AdminChange::Readmit(host) => readmit(&node, host).await,
        AdminChange::Remove(host) => remove(&node, host).await,
    }
}

async fn recover(node: Arc<Node>) -> Outcome {
    // It waits for the disk.
    let recovered = tokio::task::spawn_blocking({
        let node = node.clone();
        move || node.recover_log()
    });
    let recovered =
        recovered.await.map_err(|error| Refused::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let position = recovered.map_err(|error| not_recovered(&error))?;
    let log = node.log();
    let lost = log.iter().flat_map(|log| &log.metadata.lost).map(ToString::to_string).collect::<Vec<_>>();
    Ok(json!({ "position": position.to_string(), "generation": position.generation.number(), "lost": lost }))
}

async fn readmit(node: &Arc<Node>, host: HostId) -> Outcome {
    match standing(node, host)? {
        Standing::Lost => {}
        Standing::Normal | Standing::Leaving | Standing::Joining => {
            let error = format!("{host} takes part in the cluster: nothing has to be readmitted");
            return Err(Refused::new(StatusCode::CONFLICT, error));
        }
        other => return Err(no_member(host, other)),
    }
    let metadata = change(node, ChangeRequest::readmit(host)).await?;
    Ok(json!({ "position": metadata.position.to_string(), "host_id": host.to_string(), "state": "normal" }))
}

async fn remove(node: &Arc<Node>, host: HostId) -> Outcome {
    match standing(node, host)? {
        Standing::Normal | Standing::Leaving | Standing::Lost => {}
        Standing::Joining => {
            let error = format!("{host} is still joining: wait until it is a member, or stop it: it is then forgotten");
            return Err(Refused::new(StatusCode::CONFLICT, error));
        }
        other => return Err(no_member(host, other)),
    }
    if host == node.host_id() {
        let error = "a node that has left ends: ask another member to remove this one";
        return Err(Refused::new(StatusCode::CONFLICT, error));
    }
    change(node, ChangeRequest::begin_leave(host)).await?;
    let until = Instant::now() + LEAVE_TIMEOUT;
    loop {
        if standing(node, host)? == Standing::Left {
            let position = node.log().map(|log| log.metadata.position.to_string());
            return Ok(json!({ "position": position, "host_id": host.to_string(), "state": "left" }));
        }
        if Instant::now() >= until {
            let error = format!(
                "{host} is leaving, and has not left yet: the log goes on with it by itself as soon as a majority of \
                 the nodes that decide is alive; look at `starling admin log`"
            );
            return Err(Refused::new(StatusCode::GATEWAY_TIMEOUT, error));
        }
        tokio::time::sleep(LEAVE_POLL).await;
    }
}

fn standing(node: &Node, host: HostId) -> Result<Standing, Refused> {
    let log = node.log().ok_or_else(|| Refused::new(StatusCode::CONFLICT, RecoverError::NoMember.to_string()))?;
    Ok(log.metadata.standing(host))
}

fn no_member(host: HostId, standing: Standing) -> Refused {
    let error = match standing {
        Standing::Left | Standing::Replaced => format!("{host} is no member any more: it is {}", standing.name()),
        _ => format!("{host} is no member of this cluster: `starling admin log` shows the members with their host ids"),
    };
    Refused::new(StatusCode::NOT_FOUND, error)
}

async fn change(node: &Arc<Node>, request: ChangeRequest) -> Result<Arc<Metadata>, Refused> {
    let (tell, told) = oneshot::channel();
    // It may wait for the disk.
    let asking = node.clone();
    let asked = tokio::task::spawn_blocking(move || {
        let listener = move |outcome| _ = tell.send(outcome);
        asking.change_members(request, Box::new(listener));
    });
    asked.await.map_err(|error| Refused::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    match tokio::time::timeout(CHANGE_TIMEOUT, told).await {
        Ok(Ok(outcome)) => outcome.map_err(|error| not_made(&error)),
        Ok(Err(_)) | Err(_) => Err(not_made(&ChangeError::Unknown { required: 1 })),
    }
}

fn not_made(error: &ChangeError) -> Refused {
    match error {
        ChangeError::Invalid(error) => Refused::new(StatusCode::CONFLICT, error.to_string()),
        ChangeError::NotAll { required, alive, away } => Refused::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!(
                "all {required} members are needed, and only {alive} can be reached ({away} cannot); nothing was changed"
            ),
        ),
        ChangeError::Unconfirmed { away } => {
            Refused::new(StatusCode::GATEWAY_TIMEOUT, format!("it is made, but {away} did not confirm it in time"))
        }
        ChangeError::NoMajority { required, alive, away } => Refused::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!(
                "{required} of the nodes that decide have to agree, and only {alive} can be reached ({away} cannot); \
                 nothing was changed: start them again, or, if they are lost for good, run `starling admin log recover`"
            ),
        ),
        ChangeError::Later(reason) => {
            Refused::new(StatusCode::SERVICE_UNAVAILABLE, format!("not now: {reason}; nothing was changed, try again"))
        }
        ChangeError::Conflict => Refused::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "other changes of schema or membership kept coming in between; nothing was changed, try again",
        ),
        ChangeError::Overloaded => Refused::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many changes wait at this node already; nothing was changed, try again",
        ),
        ChangeError::Unknown { .. } => Refused::new(
            StatusCode::GATEWAY_TIMEOUT,
            "it may have been made or not: its fate was not learnt in time; look at `starling admin log` before trying \
             again",
        ),
    }
}

fn not_recovered(error: &RecoverError) -> Refused {
    let status = match error {
        RecoverError::NoMember | RecoverError::MajorityAlive { .. } | RecoverError::OtherKnowsMore { .. } => {
            StatusCode::CONFLICT
        }
        RecoverError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Refused::new(status, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_not_called_refused() {
        let unknown = not_made(&ChangeError::Unknown { required: 1 });
        assert_eq!(unknown.status, StatusCode::GATEWAY_TIMEOUT);
        assert!(unknown.error.contains("may have been made or not"), "{unknown:?}");
        let away = ChangeError::NoMajority { required: 2, alive: 1, away: "10.0.0.2, 10.0.0.3".into() };
        for refused in [&away, &ChangeError::Conflict, &ChangeError::Later("later".into()), &ChangeError::Overloaded] {
            let answer = not_made(refused);
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
            assert!(answer.error.contains("nothing was changed"), "{answer:?}");
        }
        assert!(not_made(&away).error.contains("10.0.0.2, 10.0.0.3 cannot"));
    }
}
