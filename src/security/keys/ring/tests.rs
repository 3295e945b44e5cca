use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use secrecy::ExposeSecret as _;

use super::super::{Proof, Standing, verify};
use super::*;
use crate::names::{Explain as _, Kind, Mode};

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_600_000_000_000 + ms)
}

fn home() -> (tempfile::TempDir, Home) {
    let place = tempfile::tempdir().unwrap();
    let home = Home::at(place.path());
    (place, home)
}

fn agent() -> AgentId {
    AgentId::parse("agent-3").unwrap()
}

fn pair() -> Pair {
    Pair {
        identity: "AGE-SECRET-KEY-1CANARY".into(),
        recipient: "age1agent".into(),
    }
}

fn key(home: &Home) -> Key {
    signing_key(home, &agent()).unwrap().unwrap()
}

/// What the public keys of `home` say of a message that `key` signs at a time.
fn proof(home: &Home, key: &Key, now: Timestamp) -> Proof {
    let (from, to) = (agent(), AgentId::captain());
    let message = Content {
        from: &from,
        to: &to,
        mode: Mode::Normal,
        content: "done",
        reply_to: None,
        thread: None,
        hops: 0,
        origin: None,
        taint: None,
        sealed: None,
        not_before: None,
        expires_at: None,
        attachments: &[],
    };
    let signature = sign(key, &message, now).to_json();
    let keys = public_keys(home, &from).unwrap();
    verify(keys.as_ref(), &message, Some(&signature), now)
}

fn standings(home: &Home) -> Vec<Standing> {
    let keys = public_keys(home, &agent()).unwrap().unwrap();
    keys.keys().iter().map(|key| key.standing).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_key_is_made_once_and_signs() {
    let (_place, home) = home();
    assert!(signing_key(&home, &agent()).unwrap().is_none());
    assert!(list(&home).unwrap().is_empty());
    let id = make(&home, &agent(), Some(&pair()), at(0)).unwrap();
    assert_eq!(key(&home).id(), id);
    assert_eq!(proof(&home, &key(&home), at(1)), Proof::Verified);
    assert_eq!(mode(&home.private_key(&agent())), 0o600);
    assert_eq!(mode(&home.private_keys()), 0o700);
    let opens = identity(&home, &agent()).unwrap().unwrap();
    assert_eq!(opens.expose_secret(), "AGE-SECRET-KEY-1CANARY");
    let public = fs::read_to_string(home.public_key(&agent())).unwrap();
    assert!(public.contains("age1agent") && !public.contains("SECRET"));
    let error = make(&home, &agent(), None, at(1)).unwrap_err();
    assert_eq!(error.kind(), Kind::CannotCreate);
    let listed = list(&home).unwrap();
    assert_eq!((listed.len(), listed[0].is_own), (1, true));
}

#[test]
fn a_rotated_key_counts_for_what_was_signed_before() {
    let (_place, home) = home();
    make(&home, &agent(), Some(&pair()), at(0)).unwrap();
    let old = key(&home);
    let new = rotate(&home, &agent(), None, || at(100)).unwrap();
    assert_eq!(key(&home).id(), new);
    assert_ne!(old.id(), new);
    assert_eq!(proof(&home, &old, at(100)), Proof::Verified);
    assert!(matches!(proof(&home, &old, at(101)), Proof::Forged(_)));
    assert_eq!(proof(&home, &key(&home), at(101)), Proof::Verified);
    let opens = identity(&home, &agent()).unwrap().unwrap();
    assert_eq!(
        opens.expose_secret(),
        "AGE-SECRET-KEY-1CANARY",
        "mail from before"
    );
    let nobody = rotate(&home, &AgentId::captain(), None, || at(0)).unwrap_err();
    assert_eq!(nobody.to_string(), "captain has no key");
}

#[test]
fn a_revoked_key_counts_for_nothing_and_signs_nothing_until_it_is_replaced() {
    let (_place, home) = home();
    let id = make(&home, &agent(), None, at(0)).unwrap();
    let stolen = key(&home);
    revoke(&home, &agent(), id, at(5)).unwrap();
    assert!(matches!(proof(&home, &stolen, at(1)), Proof::Forged(_)));
    let error = signing_key(&home, &agent()).unwrap_err();
    assert!(matches!(error, Error::NotCurrent { .. }), "{error}");
    rotate(&home, &agent(), None, || at(9)).unwrap();
    assert_eq!(
        standings(&home),
        [Standing::Revoked { at: at(5) }, Standing::Current]
    );
    assert_eq!(proof(&home, &key(&home), at(9)), Proof::Verified);
    let unknown = Key::from_seed(agent(), &[9; 32]).id();
    let error = revoke(&home, &agent(), unknown, at(9)).unwrap_err();
    assert_eq!(error.kind(), Kind::Unknown);
}

/// The states between the steps of a rotation, put together from those before and after it.
#[test]
fn whoever_dies_in_a_rotation_leaves_a_key_that_signs_what_is_believed() {
    let (_place, home) = home();
    make(&home, &agent(), None, at(0)).unwrap();
    let private = fs::read(home.private_key(&agent())).unwrap();
    let lost = Key::from_seed(agent(), &[1; 32]);
    let mut keys = public_keys(&home, &agent()).unwrap().unwrap();
    keys.add(&lost, at(10));
    fs::write(home.public_key(&agent()), keys.spell()).unwrap();
    assert_eq!(
        proof(&home, &key(&home), at(11)),
        Proof::Verified,
        "public only"
    );
    let seed = [2; 32];
    let second = Key::from_seed(agent(), &seed);
    keys.add(&second, at(12));
    fs::write(home.public_key(&agent()), keys.spell()).unwrap();
    let mut renewed = Private::parse(&agent(), &private).unwrap();
    renewed.set_seed(&seed, at(12));
    fs::write(home.private_key(&agent()), renewed.spell()).unwrap();
    assert_eq!(
        proof(&home, &key(&home), at(13)),
        Proof::Verified,
        "none retired"
    );
    rotate(&home, &agent(), None, || at(20)).unwrap();
    let retired = Standing::Retired { until: at(20) };
    assert_eq!(
        standings(&home),
        [retired, retired, retired, Standing::Current]
    );
}

#[test]
fn keys_of_another_home_are_taken_and_only_succeeded_by_their_own() {
    let ((_a, there), (_b, here)) = (home(), home());
    let first = make(&there, &agent(), None, at(0)).unwrap();
    let public = || fs::read(there.public_key(&agent())).unwrap();
    import(&here, &public()).unwrap();
    assert_eq!(proof(&here, &key(&there), at(1)), Proof::Verified);
    assert!(signing_key(&here, &agent()).unwrap().is_none());
    assert!(!list(&here).unwrap()[0].is_own);
    revoke(&here, &agent(), first, at(2)).unwrap();
    rotate(&there, &agent(), None, || at(3)).unwrap();
    import(&here, &public()).unwrap();
    assert_eq!(standings(&here)[0], Standing::Revoked { at: at(2) });
    assert_eq!(proof(&here, &key(&there), at(4)), Proof::Verified);
    let (_c, elsewhere) = home();
    make(&elsewhere, &agent(), None, at(5)).unwrap();
    let before = fs::read(here.public_key(&agent())).unwrap();
    let other = fs::read(elsewhere.public_key(&agent())).unwrap();
    let error = import(&here, &other).unwrap_err();
    assert!(matches!(error, Error::OtherKeys { .. }), "{error}");
    let own = import(&there, &other).unwrap_err();
    assert!(matches!(own, Error::HasKey { .. }), "{own}");
    let private = fs::read(there.private_key(&agent())).unwrap();
    assert_eq!(import(&here, &private).unwrap_err().kind(), Kind::Usage);
    assert_eq!(fs::read(here.public_key(&agent())).unwrap(), before);
}

#[test]
fn what_cannot_be_read_is_told_and_never_written_over() {
    let (_place, home) = home();
    make(&home, &agent(), None, at(0)).unwrap();
    let (private, public) = (home.private_key(&agent()), home.public_key(&agent()));
    let whole = fs::read_to_string(&private).unwrap();
    let seed = whole.split('"').max_by_key(|part| part.len()).unwrap();
    fs::set_permissions(&private, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(
        signing_key(&home, &agent()).unwrap_err().kind(),
        Kind::Refused
    );
    fs::set_permissions(&private, fs::Permissions::from_mode(0o600)).unwrap();
    let torn = &whole[..whole.len() - 3];
    fs::write(&private, torn).unwrap();
    for error in [
        signing_key(&home, &agent()).unwrap_err(),
        rotate(&home, &agent(), None, || at(1)).unwrap_err(),
    ] {
        assert_eq!(error.kind(), Kind::Corrupt, "{error}");
        assert!(!format!("{error} {error:?}").contains(seed));
    }
    assert_eq!(fs::read_to_string(&private).unwrap(), torn);
    fs::write(&private, &whole).unwrap();
    fs::write(&public, "{}").unwrap();
    assert!(rotate(&home, &agent(), None, || at(1)).is_err());
    assert_eq!(fs::read_to_string(&public).unwrap(), "{}");
    assert!(list(&home).unwrap()[0].keys.is_err());
}

#[test]
fn rotations_at_once_leave_one_current_key() {
    let (_place, home) = home();
    make(&home, &agent(), None, at(0)).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    rotate(&home, &agent(), None, || at(1)).unwrap();
                }
            });
        }
    });
    let all = standings(&home);
    assert_eq!(all.len(), 21);
    let current = all.iter().filter(|it| **it == Standing::Current).count();
    assert_eq!(current, 1);
    assert_eq!(proof(&home, &key(&home), at(2)), Proof::Verified);
}

#[test]
fn a_rename_that_was_killed_anywhere_is_finished_by_the_next() {
    let (_place, home) = home();
    let new = AgentId::parse("cook").unwrap();
    make(&home, &agent(), Some(&pair()), at(0)).unwrap();
    let before = fs::read(home.private_key(&agent())).unwrap();
    let public = fs::read(home.public_key(&agent())).unwrap();
    let old = key(&home);
    let move_on = |ms| rename(&home, &agent(), &new, || at(ms)).unwrap();
    assert!(move_on(10));
    let first = signing_key(&home, &new).unwrap().unwrap().id();
    // The old private file was not removed yet; it was not retired yet; all was done.
    for (ms, private, changes) in [(20, true, true), (30, false, true), (40, false, false)] {
        if private {
            fs::write(home.private_key(&agent()), &before).unwrap();
            let closed = fs::Permissions::from_mode(0o600);
            fs::set_permissions(home.private_key(&agent()), closed).unwrap();
        }
        if changes {
            fs::write(home.public_key(&agent()), &public).unwrap();
        }
        assert_eq!(move_on(ms), changes, "{ms}");
        assert!(signing_key(&home, &agent()).unwrap().is_none());
        assert_eq!(signing_key(&home, &new).unwrap().unwrap().id(), first);
    }
    assert_eq!(standings(&home), [Standing::Retired { until: at(30) }]);
    assert_eq!(proof(&home, &old, at(30)), Proof::Verified);
    assert_ne!(proof(&home, &old, at(31)), Proof::Verified);
    let opens = identity(&home, &new).unwrap().unwrap();
    assert_eq!(opens.expose_secret(), "AGE-SECRET-KEY-1CANARY");
    let keys = public_keys(&home, &new).unwrap().unwrap();
    assert_eq!(keys.recipient(), Some("age1agent"));
    // Somebody else's key is not given away.
    make(&home, &agent(), None, at(50)).unwrap();
    let other = AgentId::parse("other").unwrap();
    make(&home, &other, None, at(50)).unwrap();
    for error in [
        may_rename(&home, &agent(), &other).unwrap_err(),
        rename(&home, &agent(), &other, || at(60)).unwrap_err(),
    ] {
        assert_eq!(error.kind(), Kind::CannotCreate);
    }
    assert!(signing_key(&home, &agent()).unwrap().is_some());
}
