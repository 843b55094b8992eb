use super::*;
use cardwright_keys::ceremony::verify::{Given, verify};
use cardwright_proto::custody::share::Scheme;
use std::collections::BTreeMap;

/// Shares in a drawer.
#[derive(Default)]
struct Drawer {
    shares: BTreeMap<u8, ShareObject>,
    /// This one is read back as another one.
    swapped: Option<u8>,
    /// This one is not destroyed.
    stuck: Option<u8>,
}

impl Keep for Drawer {
    type Error = Error;

    fn keep(&mut self, share: &ShareObject) -> Result<Kept, Error> {
        self.shares.insert(share.info().x, share.clone());
        self.fetch(share.info().x)
    }

    fn fetch(&mut self, x: u8) -> Result<Kept, Error> {
        let at = if self.swapped == Some(x) { 1 } else { x };
        let share = self.shares.get(&at).cloned().ok_or(CeremonyError::NoCustodian(x))?;
        Ok(Kept { share, place: format!("drawer {x}") })
    }

    fn destroy(&mut self, x: u8, set: &[u8; 16]) -> Result<Gone, Error> {
        let place = format!("drawer {x}");
        if self.stuck == Some(x) || self.shares.get(&x).is_some_and(|share| share.info().set != *set) {
            return Err(CeremonyError::OtherSet { place }.into());
        }
        Ok(Gone { place, was_there: self.shares.remove(&x).is_some() })
    }
}

struct Noon;

impl Clock for Noon {
    fn now(&self) -> u64 {
        1_800_000_000
    }
}

struct Counted(u8);

impl Entropy for Counted {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.iter_mut().for_each(|byte| {
            self.0 = self.0.wrapping_mul(5).wrapping_add(1);
            *byte = self.0;
        });
        Ok(())
    }
}

fn plan(scheme: Scheme, m: u8, n: u8) -> Plan {
    let text = Plan::example(scheme, m, n).unwrap().replace("mode = \"blind\" ", "mode = \"host\" ");
    let (people, cards) = text.split_once("# The CA's card").unwrap();
    let custodians = &cards[cards.find("# Custodians' cards").unwrap()..];
    Plan::parse(format!("{people}{custodians}").as_bytes()).unwrap()
}

fn secret() -> SecretKey {
    SecretKey::new(&[0x5C; 32]).unwrap()
}

/// Nothing to say beside it.
fn split() -> Result<(SecretKey, Option<String>), Error> {
    Ok((secret(), None))
}

/// The verdict's first sentence.
fn verdict(dir: &std::path::Path, name: &str) -> String {
    let bytes = std::fs::read(dir.join(name)).unwrap();
    let given = Given { ca: None, plan: None, prev: None, head: None, revoked: &[] };
    verify(&bytes, &given).unwrap().to_string().lines().next().unwrap().to_owned()
}

#[test]
fn dealt_drilled_released_destroyed() {
    for (scheme, m, n, subsets) in [(Scheme::Shamir, 3, 5, 10), (Scheme::Xor, 3, 3, 1), (Scheme::Shamir, 2, 2, 1)] {
        let dir = tempfile::tempdir().unwrap();
        let plan = plan(scheme, m, n);
        let (mut drawer, open) = (Drawer::default(), || Directory::open(dir.path(), Some(&plan)).unwrap());
        let dealt = HostMode::new(&open(), &Noon, &mut drawer).deal(split, &mut Counted(7)).unwrap();
        assert_eq!((dealt.transcript.as_str(), dealt.subsets), ("01-deal.jsonl", subsets));
        let all: Vec<u8> = (1..=n).collect();
        assert_eq!(HostMode::new(&open(), &Noon, &mut drawer).drill(&all).unwrap().subsets, subsets);
        let (mut right, from) = (false, &all[usize::from(n - m)..]);
        let deliver = |key: &SecretKey| {
            right = *key == secret();
            Ok(Some("it is in the drawer".to_owned()))
        };
        HostMode::new(&open(), &Noon, &mut drawer).release(from, deliver).unwrap();
        assert!(right, "the key that was split");
        HostMode::new(&open(), &Noon, &mut drawer).destroy().unwrap();
        assert!(drawer.shares.is_empty());
        for name in ["01-deal.jsonl", "02-drill.jsonl", "03-release.jsonl", "04-destroy.jsonl"] {
            assert!(verdict(dir.path(), name).to_lowercase().contains("host mode"), "{}", verdict(dir.path(), name));
        }
    }
}

#[test]
fn what_goes_wrong_is_named_and_leaves_it_unfinished() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(Scheme::Shamir, 2, 3);
    let open = || Directory::open(dir.path(), Some(&plan)).unwrap();
    let mut drawer = Drawer::default();
    let short = SecretKey::new(&[1; 16]).unwrap();
    let said = |error: Error| error.to_string();
    let short = || Ok((short, None));
    let refused = HostMode::new(&open(), &Noon, &mut drawer).deal(short, &mut Counted(1)).map_err(said);
    assert_eq!(refused, Err("the key has 16 bytes, and the plan says 32".to_owned()));
    assert!(open().past.is_empty(), "nothing was begun");
    drawer.swapped = Some(2);
    let swapped = HostMode::new(&open(), &Noon, &mut drawer).deal(split, &mut Counted(1)).map_err(said);
    assert_eq!(swapped, Err("share 2 does not fit its commitment".to_owned()));
    let again = HostMode::new(&open(), &Noon, &mut drawer).deal(|| panic!("no key is asked for"), &mut Counted(1));
    assert_eq!(
        again.map_err(said),
        Err("01-deal.jsonl was cut off: a deal in host mode cannot be gone on with".to_owned())
    );
    HostMode::<Drawer>::abandon(&open(), &Noon).unwrap();
    let nothing = HostMode::new(&open(), &Noon, &mut drawer).drill(&[1, 2]).map_err(said);
    assert_eq!(nothing, Err("nothing has been dealt here".to_owned()));
    assert!(open().unfinished().is_none(), "nothing was begun");
    // Two shares were kept by then: they make the key, and are destroyed; what stops that is gone on with.
    assert_eq!(drawer.shares.len(), 2);
    drawer.stuck = Some(2);
    let stuck = HostMode::new(&open(), &Noon, &mut drawer).destroy().map_err(said);
    assert_eq!(stuck, Err("drawer 2 has a share of another set".to_owned()));
    drawer.stuck = None;
    HostMode::new(&open(), &Noon, &mut drawer).destroy().unwrap();
    assert!(drawer.shares.is_empty());
    let text = std::fs::read_to_string(dir.path().join("02-destroy.jsonl")).unwrap();
    for said in
        ["share 1, drawer 1, is destroyed", "share 2, drawer 2, is destroyed", "share 3, drawer 3, is not there"]
    {
        assert_eq!(text.matches(said).count(), 1, "{said}: {text}");
    }
    HostMode::new(&open(), &Noon, &mut Drawer::default()).deal(split, &mut Counted(1)).unwrap();
    let twice = HostMode::new(&open(), &Noon, &mut drawer).deal(split, &mut Counted(1)).map_err(said);
    assert_eq!(twice, Err("the key is dealt already".to_owned()));
}

/// Shares of another deal, and a key that comes out as another one.
#[test]
fn other_shares_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(Scheme::Shamir, 2, 2);
    let open = || Directory::open(dir.path(), Some(&plan)).unwrap();
    let (mut first, mut second) = (Drawer::default(), Drawer::default());
    HostMode::new(&open(), &Noon, &mut first).deal(split, &mut Counted(1)).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let there = Directory::open(elsewhere.path(), Some(&plan)).unwrap();
    HostMode::new(&there, &Noon, &mut second).deal(split, &mut Counted(2)).unwrap();
    let foreign = HostMode::new(&open(), &Noon, &mut second).drill(&[1, 2]).map_err(|error| error.to_string());
    assert_eq!(foreign, Err("share 1 does not fit its commitment".to_owned()));
    HostMode::<Drawer>::abandon(&open(), &Noon).unwrap();
    // Nor are they destroyed, in the place of those that were dealt here.
    let kept = HostMode::new(&open(), &Noon, &mut second).destroy().map_err(|error| error.to_string());
    assert_eq!(kept, Err("drawer 1 has a share of another set".to_owned()));
    assert_eq!(second.shares.len(), 2);
}

/// A release whose key has arrived is finished, and nothing is joined a second time.
#[test]
fn a_release_is_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(Scheme::Shamir, 2, 2);
    let open = || Directory::open(dir.path(), Some(&plan)).unwrap();
    let mut drawer = Drawer::default();
    HostMode::new(&open(), &Noon, &mut drawer).deal(split, &mut Counted(1)).unwrap();
    let full = HostMode::new(&open(), &Noon, &mut drawer).release(&[1, 2], |_| Err(CeremonyError::NoHsm.into()));
    full.unwrap_err();
    HostMode::new(&open(), &Noon, &mut drawer).release(&[1, 2], |_| Ok(None)).unwrap();
    assert_eq!(open().past.len(), 2, "in the transcript that was begun");
    // The line that says that it arrived is the last one there is.
    let path = dir.path().join("02-release.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let end = text.trim_end().rfind('\n').unwrap() + 1;
    std::fs::write(&path, &text[..end]).unwrap();
    let given_up = HostMode::<Drawer>::abandon(&open(), &Noon).unwrap_err();
    assert_eq!(given_up.to_string(), "the release is carried out already: only its last line is missing");
    HostMode::new(&open(), &Noon, &mut drawer).release(&[1, 2], |_| panic!("it has arrived")).unwrap();
    assert!(open().unfinished().is_none());
}
