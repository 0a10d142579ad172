//! Bytes from elsewhere: whatever they are, decoding ends with a value or an error, and takes little memory.

use ::bytes::Bytes;
use proptest::prelude::*;
use starling_node::cluster::{LogPosition, Metadata};
use starling_node::message::{
    ClusterMessage, Fence, OperationId, Payload, PeerMessage, ReplicaAnswer, ReplicaRequest, ReplyTo, Stance, wire,
};
use starling_node::paxos::Ballot;
use starling_storage::model::{Mutation, Partition, ReadCommand, ReadResult};

use crate::layout::host;

fn decode_all(bytes: &[u8]) {
    let _ = wire::decode::<PeerMessage>(bytes);
    let _ = wire::decode::<Metadata>(bytes);
    let bytes = Bytes::copy_from_slice(bytes);
    let _ = Mutation::decode(&bytes);
    let _ = Partition::decode(&bytes);
    let _ = ReadCommand::decode(&bytes);
    let _ = ReadResult::decode(&bytes);
}

fn messages() -> Vec<PeerMessage> {
    let reply_to = ReplyTo { operation: OperationId::new(3, 77), leg: 1 };
    let stance = Stance { cluster_id: None, position: LogPosition::FIRST };
    let ballot = Ballot { round: 1 << 60, proposer: host(1), life: 3 };
    let payload = Payload(Bytes::from_static(b"0123456789"));
    let request = |request| PeerMessage::Request { coordinator: host(1), reply_to, fence: Fence::default(), request };
    vec![
        request(ReplicaRequest::Mutate { mutation: payload.clone(), forward_to: vec![host(2), host(3)] }),
        request(ReplicaRequest::Read { command: payload.clone(), digest_only: true }),
        PeerMessage::Answer { reply_to, answer: ReplicaAnswer::Data(payload) },
        PeerMessage::Answer { reply_to, answer: ReplicaAnswer::Digest(u128::MAX / 3) },
        PeerMessage::Cluster(stance, ClusterMessage::Prepare { position: LogPosition::FIRST, ballot }),
        PeerMessage::Cluster(stance, ClusterMessage::AnnounceAnswer { known: true }),
    ]
}

#[test]
fn messages_come_back_as_they_were() {
    for message in messages() {
        let bytes = wire::encode(&message).unwrap();
        assert_eq!(wire::decode::<PeerMessage>(&bytes).unwrap(), message);
        for cut in 0..bytes.len() {
            assert!(wire::decode::<PeerMessage>(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }
}

/// Length fields that claim gigabytes are refused by what is there, not believed.
#[test]
fn huge_lengths_are_refused() {
    for claimed in [u64::MAX, 1 << 40, 1 << 31, 60 << 20] {
        for message in messages() {
            let bytes = wire::encode(&message).unwrap();
            for place in 0..bytes.len() {
                let mut hostile = bytes[..place].to_vec();
                hostile.push(253); // bincode's mark of an eight-byte number
                hostile.extend(claimed.to_le_bytes());
                hostile.extend(&bytes[place..]);
                decode_all(&hostile);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3_000) })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        decode_all(&bytes);
    }

    #[test]
    fn damaged_messages_never_panic(
        which in 0..6usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = wire::encode(&messages()[which]).unwrap();
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        decode_all(&bytes);
    }
}
