//! Tokens against Cassandra's values (from its Python driver), and the arithmetic of the ring.

use proptest::prelude::*;
use starling_ring::{HostId, Token};

/// Keys in hexadecimal and their tokens.
const VECTORS: &[(&str, i64)] = &[
    ("", 0),
    ("61", -8839064797231613815),
    ("616263", -5434086359492102041),
    ("c3a9", 5461403030378599040),
    ("d0bad0bbd18ed187", 1182936647932017555),
    ("e697a5e69cace8aa9ee381aee382ade383bc", -6915128621077656969),
    ("80", -5284281814142962636),
    ("ffffffffffffff", 4860178782003914630),
    ("ffffffffffffffff", 7071048584287372947),
    ("ffffffffffffffffff", 8434364767658694854),
    ("ffffffffffffffffffffffffffffff", -2195530867418009455),
    ("ffffffffffffffffffffffffffffffff", -2824192546314762522),
    ("ffffffffffffffffffffffffffffffffff", -4128212798341382003),
    ("00000001", -4069959284402364209),
    ("00000000000000000000000000000000", 5457549051747178710),
    ("54686520717569636b2062726f776e20666f78206a756d7073206f76657220746865206c617a7920646f67", -2068352364225029268),
    ("81", -1907894690725236177),
    ("81a6", 2652091037716271244),
    ("81a6cb", 6078982843113222732),
    ("81a6cbf0", 3485324308399986675),
    ("81a6cbf015", 2150605809209112649),
    ("81a6cbf0153a", -3139934272318638517),
    ("81a6cbf0153a5f", -5957476691470922412),
    ("81a6cbf0153a5f84", -8233253129773687220),
    ("81a6cbf0153a5f84a9", -770465665000658120),
    ("81a6cbf0153a5f84a9ce", -686028494259142499),
    ("81a6cbf0153a5f84a9cef3", -1733630992863131650),
    ("81a6cbf0153a5f84a9cef318", 6680002044987830539),
    ("81a6cbf0153a5f84a9cef3183d", -519542756082490147),
    ("81a6cbf0153a5f84a9cef3183d62", 2904106339296063354),
    ("81a6cbf0153a5f84a9cef3183d6287", -1401480125821245558),
    ("81a6cbf0153a5f84a9cef3183d6287ac", -3585040135988235548),
    ("81a6cbf0153a5f84a9cef3183d6287acd1", -5250849461725520771),
    ("81a6cbf0153a5f84a9cef3183d6287acd1f6", 8498695918277088941),
    ("81a6cbf0153a5f84a9cef3183d6287acd1f61b", -2858370668248309697),
    ("81a6cbf0153a5f84a9cef3183d6287acd1f61b40", -8192173426935541435),
    ("81a6cbf0153a5f84a9cef3183d6287acd1f61b4065", 3886945014336826663),
    ("81a6cbf0153a5f84a9cef3183d6287acd1f61b40658a", 1639846407489026705),
    ("81a6cbf0153a5f84a9cef3183d6287acd1f61b40658aaf", -4033889145571632820),
    ("81a6cbf0153a5f84a9cef3183d6287acd1f61b40658aafd4", 4862883505013050575),
    ("81a6cbf0153a5f84a9cef3183d6287acd1f61b40658aafd4f9", -8104251975507603525),
    ("81a6cbf0153a5f84a9cef3183d6287acd1f61b40658aafd4f91e", 2595512287013591657),
    ("81a6cbf0153a5f84a9cef3183d6287acd1f61b40658aafd4f91e43", 2904347206001735039),
    ("81a6cbf0153a5f84a9cef3183d6287acd1f61b40658aafd4f91e4368", -9160611727845176723),
    ("81a6cbf0153a5f84a9cef3183d6287acd1f61b40658aafd4f91e43688d", -4732679536178897023),
    ("81a6cbf0153a5f84a9cef3183d6287acd1f61b40658aafd4f91e43688db2", 4701041196025559804),
    ("81a6cbf0153a5f84a9cef3183d6287acd1f61b40658aafd4f91e43688db2d7", -8541381633301323234),
    ("81a6cbf0153a5f84a9cef3183d6287acd1f61b40658aafd4f91e43688db2d7fc", 3448700286507659366),
    ("81a6cbf0153a5f84a9cef3183d6287acd1f61b40658aafd4f91e43688db2d7fc21", -4587562265604736572),
    (
        "81a6cbf0153a5f84a9cef3183d6287acd1f61b40658aafd4f91e43688db2d7fc21466b90b5daff24496e93b8dd0227",
        2479875271786943743,
    ),
    (
        "81a6cbf0153a5f84a9cef3183d6287acd1f61b40658aafd4f91e43688db2d7fc21466b90b5daff24496e93b8dd02274c",
        2830598449500151025,
    ),
    (
        "81a6cbf0153a5f84a9cef3183d6287acd1f61b40658aafd4f91e43688db2d7fc21466b90b5daff24496e93b8dd02274c71",
        -6114921649500869213,
    ),
    (
        "81a6cbf0153a5f84a9cef3183d6287acd1f61b40658aafd4f91e43688db2d7fc21466b90b5daff24496e93b8dd02274c7196bbe0052a4f7499bee3082d5277",
        -6265196930158251642,
    ),
    (
        "81a6cbf0153a5f84a9cef3183d6287acd1f61b40658aafd4f91e43688db2d7fc21466b90b5daff24496e93b8dd02274c7196bbe0052a4f7499bee3082d52779c",
        -7082126400385224645,
    ),
    (
        "81a6cbf0153a5f84a9cef3183d6287acd1f61b40658aafd4f91e43688db2d7fc21466b90b5daff24496e93b8dd02274c7196bbe0052a4f7499bee3082d52779cc1e60b30557a",
        -5356888202073912268,
    ),
];

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).expect("hexadecimal") as u8).collect();
    digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]).collect()
}

#[test]
fn tokens_are_cassandras() {
    for (key, token) in VECTORS {
        assert_eq!(Token::from_key(&from_hex(key)), Token(*token), "key 0x{key}");
    }
}

#[test]
fn ranges_wrap() {
    let (low, mid, high) = (Token(-10), Token(0), Token(10));
    assert!(mid.is_within(low, high));
    assert!(high.is_within(low, high));
    assert!(!low.is_within(low, high));
    assert!(Token::MAX.is_within(high, low));
    assert!(low.is_within(high, low));
    assert!(!mid.is_within(high, low));
    assert!(!high.is_within(high, low));
    assert!(mid.is_within(low, low));
    assert!(low.is_within(low, low));
    assert_eq!(Token::MAX.distance_to(Token::MIN), 1);
    assert_eq!(low.distance_to(low), 0);
}

#[test]
fn host_ids_print_as_they_are_read() {
    let text = "8d5ed9f4-7764-4dbd-bad8-43fddce94b7c";
    assert_eq!(text.parse::<HostId>().map(|host| host.to_string()), Ok(text.to_owned()));
    assert!("8d5ed9f4".parse::<HostId>().is_err());
}

proptest! {
    #[test]
    fn advancing_covers_the_distance(a: i64, b: i64) {
        let (a, b) = (Token(a), Token(b));
        prop_assert_eq!(a.advanced_by(a.distance_to(b)), b);
        prop_assert_eq!(a.to_string().parse::<Token>(), Ok(a));
    }

    #[test]
    fn no_key_has_the_lowest_token(key: Vec<u8>) {
        prop_assert!(Token::from_key(&key) > Token::MIN);
    }
}
