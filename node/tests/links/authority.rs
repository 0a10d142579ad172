//! The development authority's folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Barrier;

use starling_node::server::links::authority;
use starling_node::server::links::tls::Credentials;

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn whoever_makes_it_at_once_ends_with_the_same_authority() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("share/starling/dev-ca");
    let barrier = Barrier::new(8);
    let certificates: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    Credentials::for_development(&dir).unwrap();
                    fs::read(authority::certificate_path(&dir)).unwrap()
                })
            })
            .collect();
        makers.into_iter().map(|maker| maker.join().unwrap()).collect()
    });
    assert!(certificates.iter().all(|c| *c == certificates[0]));
    assert_eq!(mode(&dir), 0o700);
    for file in fs::read_dir(&dir).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
    // Nothing half-made is left beside it.
    assert_eq!(fs::read_dir(dir.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn an_empty_folder_is_replaced_and_a_key_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("dev-ca");
    fs::create_dir(&dir).unwrap();
    Credentials::for_development(&dir).unwrap();
    assert_eq!(mode(&dir), 0o700);
    fs::set_permissions(dir.join("ca.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let error = Credentials::for_development(&dir).err().unwrap();
    assert!(format!("{error:#}").contains("chmod 600"), "{error:#}");
}

#[test]
fn a_folder_with_something_else_in_it_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("photos");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("cat.jpg"), b"cat").unwrap();
    assert!(Credentials::for_development(&dir).is_err());
    assert_eq!(fs::read(dir.join("cat.jpg")).unwrap(), b"cat");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
