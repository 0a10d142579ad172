//! Messages between nodes, and what they carry.

use bytes::Bytes;
use starling_node::cluster::Metadata;
use starling_node::message::{PeerMessage, ReplicaAnswer, ReplicaRequest, Stamped, wire};
use starling_node::server::links::hello::Greeting;
use starling_storage::model::{Mutation, ReadCommand, ReadResult};

pub(crate) fn run(bytes: &[u8]) {
    let _ = wire::decode::<Greeting>(bytes);
    if let Ok(metadata) = wire::decode::<Metadata>(bytes) {
        let again = wire::encode(&metadata).map(|bytes| wire::decode::<Metadata>(&bytes).is_ok());
        assert!(matches!(again, Ok(true)), "metadata of ours is refused");
    }
    let Ok(message) = wire::decode::<Stamped>(bytes) else { return };
    let _ = message.message.lane();
    match &message.message {
        PeerMessage::Request { request: ReplicaRequest::Mutate { mutation, .. }, .. } => {
            let _ = Mutation::decode(&mutation.0);
        }
        PeerMessage::Request { request: ReplicaRequest::Read { command, .. }, .. } => {
            let _ = ReadCommand::decode(&command.0);
        }
        PeerMessage::Answer { answer: ReplicaAnswer::Data(data), .. } => {
            let _ = ReadResult::decode(&data.0);
        }
        _ => {}
    }
    let Ok(again) = wire::encode(&message) else { panic!("a message that was read cannot be written") };
    match wire::decode::<Stamped>(&again) {
        // Floating point numbers that are none differ from themselves.
        Ok(reread) => assert_eq!(wire::encode(&reread).ok(), Some(Bytes::from(again).to_vec())),
        Err(error) => panic!("a message of ours is refused: {error}"),
    }
}
