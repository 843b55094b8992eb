//! What the applet keeps, each change one transaction of [`Nvm`]: whole or not at all.

use super::coded::Coded;
use super::crypto::BROKEN;
use super::model::{Ceremony, Enrolment};
use crate::virtual_card::layout::{CUSTODIAN, custodian as field};
use crate::virtual_card::nvm::{Entry, Nvm};
use crate::virtual_card::{Stop, Torn};
use cardwright_proto::custody::share::{MAX_LEN, ShareObject};
use cardwright_proto::custody::{MAX_TRIES, Mode, PERSONALIZED, Pin, SELECTABLE};
use std::ops::Range;
use zeroize::Zeroizing;

/// Mode, a zero, length, object: written in one piece.
const SHARE_LEN: usize = 4 + MAX_LEN;

/// Bytes of the PIN's length and of the PIN, and the tries behind them.
const PIN_LEN: usize = 1 + Pin::MAX + 1;

/// Something that is kept, as it is to be from now on.
pub(super) enum Part<'a> {
    /// Or none, with zeros in its place. An object of at most 512 bytes.
    Share(Option<(Mode, &'a [u8])>),
    /// 4 to 12 bytes, or none; with all its tries.
    Pin(&'a [u8]),
    Enrolment(&'a Enrolment),
    Ceremony(&'a Ceremony),
}

/// The applet's place in a new card's image: everything zero but identity and tries.
pub(in crate::virtual_card) fn install(image: &mut [u8], identity: [u8; 8]) {
    image[CUSTODIAN + field::IDENTITY..][..8].copy_from_slice(&identity);
    image[CUSTODIAN + field::TRIES] = MAX_TRIES;
}

/// Whether this is what the applet leaves behind.
pub(in crate::virtual_card) fn sound(nvm: &Nvm) -> bool {
    let share = match byte(nvm, field::SHARE) {
        0 => true,
        _ => share(nvm).is_some_and(|(_, object)| ShareObject::parse(object).is_ok()),
    };
    let pin_or_nothing = if pin(nvm).is_empty() { byte(nvm, field::SHARE) == 0 } else { Pin::new(pin(nvm)).is_ok() };
    share && tries(nvm) <= MAX_TRIES && pin_or_nothing && enrolment(nvm).is_some() && ceremony(nvm).is_some()
}

/// Made when the card was made.
pub(in crate::virtual_card) fn identity(nvm: &Nvm) -> [u8; 8] {
    <[u8; 8]>::try_from(bytes(nvm, field::IDENTITY, 8)).unwrap_or_default()
}

/// 07 without a PIN, 0F with one.
pub(in crate::virtual_card) fn life_cycle(nvm: &Nvm) -> u8 {
    if pin(nvm).is_empty() { SELECTABLE } else { PERSONALIZED }
}

/// The PIN; empty where there is none.
fn pin(nvm: &Nvm) -> &[u8] {
    bytes(nvm, field::PIN + 1, usize::from(byte(nvm, field::PIN)))
}

/// Whether this is the PIN, in the same time whatever differs.
pub(super) fn is_pin(nvm: &Nvm, shown: &[u8]) -> bool {
    matches!((Pin::new(pin(nvm)), Pin::new(shown)), (Ok(kept), Ok(shown)) if kept == shown)
}

/// How many wrong PINs in a row are still taken.
pub(super) fn tries(nvm: &Nvm) -> u8 {
    byte(nvm, field::TRIES)
}

/// The share's mode and its coded object.
pub(super) fn share(nvm: &Nvm) -> Option<(Mode, &[u8])> {
    let mode = Mode::from_byte(byte(nvm, field::SHARE))?;
    let len = bytes(nvm, field::SHARE + 2, 2).iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
    Some((mode, bytes(nvm, field::SHARE + 4, len)))
}

/// Keys and certificates; `None` where that is not what the applet leaves behind.
pub(super) fn enrolment(nvm: &Nvm) -> Option<Enrolment> {
    decoded(nvm, field::ENROLMENT)
}

/// The manifest in hand, and what is under it; `None` as above.
pub(super) fn ceremony(nvm: &Nvm) -> Option<Ceremony> {
    decoded(nvm, field::CEREMONY)
}

pub(super) fn set_tries(nvm: &mut Nvm, tries: u8) -> Result<(), Torn> {
    nvm.commit(&[Entry { at: CUSTODIAN + field::TRIES, bytes: &[tries] }])
}

pub(super) fn give_tries_back(nvm: &mut Nvm) -> Result<(), Torn> {
    set_tries(nvm, MAX_TRIES)
}

/// All parts as they are from now on, in one transaction. 6400, and nothing is written, where one is too long for its place.
pub(super) fn save(nvm: &mut Nvm, parts: &[Part<'_>]) -> Result<(), Stop> {
    let written: Vec<_> = parts.iter().map(Part::written).collect::<Option<_>>().ok_or(BROKEN)?;
    let entries: Vec<_> = written.iter().map(|(at, bytes)| Entry { at: CUSTODIAN + at, bytes }).collect();
    Ok(nvm.commit(&entries)?)
}

/// Where a part stands, and its bytes.
type Written = (usize, Zeroizing<Vec<u8>>);

impl Part<'_> {
    /// `None` where it is too long.
    fn written(&self) -> Option<Written> {
        match self {
            Self::Share(share) => {
                let mut bytes = Zeroizing::new(vec![0; SHARE_LEN]);
                if let Some((mode, object)) = share {
                    let [.., high, low] = object.len().to_be_bytes();
                    bytes[..4].copy_from_slice(&[mode.byte(), 0, high, low]);
                    bytes[4..][..object.len()].copy_from_slice(object);
                }
                Some((field::SHARE, bytes))
            }
            Self::Pin(pin) => {
                let mut bytes = Zeroizing::new(vec![0; PIN_LEN]);
                [.., bytes[0]] = pin.len().to_be_bytes();
                bytes[1..][..pin.len()].copy_from_slice(pin);
                bytes[PIN_LEN - 1] = MAX_TRIES;
                Some((field::PIN, bytes))
            }
            Self::Enrolment(enrolment) => encoded(*enrolment, field::ENROLMENT),
            Self::Ceremony(ceremony) => encoded(*ceremony, field::CEREMONY),
        }
    }
}

fn decoded<T: Coded>(nvm: &Nvm, Range { start, end }: Range<usize>) -> Option<T> {
    T::take(&mut bytes(nvm, start, end - start))
}

/// With zeros behind it: what was there before is overwritten. `None` where it does not fit.
fn encoded<T: Coded>(value: &T, Range { start, end }: Range<usize>) -> Option<Written> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(end - start));
    value.put(&mut bytes);
    if bytes.len() > end - start {
        return None;
    }
    bytes.resize(end - start, 0);
    Some((start, bytes))
}

fn bytes(nvm: &Nvm, field: usize, len: usize) -> &[u8] {
    nvm.read(CUSTODIAN + field..CUSTODIAN + field + len)
}

fn byte(nvm: &Nvm, field: usize) -> u8 {
    bytes(nvm, field, 1).iter().fold(0, |_, byte| *byte)
}

#[cfg(test)]
mod tests {
    use super::super::model::{Admitted, Certified, Contribution, Deal, Dealt, Destroyed, Hand, Offer, Pair, Party};
    use super::*;
    use crate::virtual_card::layout::{JOURNAL, SIZE};
    use cardwright_proto::custody::certificate::{Certificate, CertificateBody, CertifiedKey, Roles};
    use cardwright_proto::custody::get_ceremony::Phase;
    use cardwright_proto::custody::manifest::{Manifest, Operation, Place};
    use cardwright_proto::custody::message::Statement;
    use cardwright_proto::custody::share::{KeyType, Scheme};
    use cardwright_proto::custody::signature::Signature;
    use cardwright_proto::custody::subset::Mask;
    use cardwright_proto::gp::key::Kcv;

    const N: u8 = 10;

    fn pair() -> Pair {
        Pair { secret: Zeroizing::new([7; 32]), point: [8; 65] }
    }

    fn enrolment() -> Enrolment {
        let key = CertifiedKey::P256([4; 65]);
        let body = CertificateBody { identity: [1; 8], roles: Roles::CA, applet: [2; 32], key };
        Enrolment {
            key: Some(pair()),
            ca: Some([4; 65]),
            certificate: Some(Certificate { body, signature: Signature::new([0xFF; 32], [0xFF; 32]) }),
            certified: Certified {
                count: u32::MAX,
                keys: vec![[5; 32]; super::super::model::REMEMBERED],
                last: body.encode(),
            },
            sequence: u32::MAX,
            counter: u32::MAX,
            destroyed: Some(Destroyed { set: [6; 16], generation: 1, x: 1, statement: [7; 32] }),
        }
    }

    /// Everything at its largest, also what no card has at once.
    fn ceremony() -> Ceremony {
        let manifest = Manifest {
            operation: Operation::Deal,
            ceremony: [1; 16],
            set: [2; 16],
            generation: 1,
            scheme: Scheme::Shamir,
            m: 5,
            key_type: KeyType::Aes,
            key_length: 32,
            usage: 0,
            sequence: 1,
            plan: [3; 32],
            head: [4; 32],
            partner: Some([5; 32]),
            combiner: Some([6; 32]),
            custodians: (0..N).map(|x| [0x10 + x; 32]).collect(),
        };
        let admitted =
            Admitted { approved: true, commitment: Some([1; 32]), offer: Some([2; 65]), sealed: Some([3; 32]) };
        let dealt = Dealt { y: Zeroizing::new([1; 32]), salt: Zeroizing::new([2; 16]), commitment: [3; 32] };
        let places = (1..=N).map(Place::Custodian).chain([Place::Combiner, Place::Dealer, Place::Hsm]);
        let party = |place| Party { place, hash: [1; 32], key: CertifiedKey::P256([2; 65]) };
        let (shares, boxes) = (vec![[4; 32]; N.into()], [5; 32]);
        Ceremony {
            hand: Some(Hand { manifest, hash: [1; 32], place: Place::Dealer }),
            parties: places.map(party).collect(),
            contribution: Contribution::Made(Zeroizing::new([1; 32])),
            offer: Offer::There(pair()),
            deal: Deal {
                phase: Phase::Stated,
                next: N + 1,
                receipts: Mask::all(N),
                drill: true,
                admitted: vec![admitted; N.into()],
                chain: Some(Zeroizing::new([1; 32])),
                shares: vec![dealt; N.into()],
                kcv: Kcv([1; 3]),
                stated: Some([2; 32]),
            },
            statement: Some(Statement { manifest: [1; 32], dealer: [2; 32], kcv: Kcv([3; 3]), shares, boxes }),
            result: vec![9; 512],
            ..Ceremony::default()
        }
    }

    fn blank() -> Nvm {
        Nvm::new(Zeroizing::new(vec![0; SIZE]), JOURNAL, None)
    }

    fn coded<T: Coded>(value: &T) -> Vec<u8> {
        let mut bytes = Vec::new();
        value.put(&mut bytes);
        bytes
    }

    #[test]
    fn the_largest_of_all_have_room() {
        let (enrolment, ceremony) = (enrolment(), ceremony());
        let mut nvm = blank();
        let object = [1; MAX_LEN];
        let parts = [
            Part::Share(Some((Mode::Blind, &object))),
            Part::Pin(&[0x31; Pin::MAX]),
            Part::Enrolment(&enrolment),
            Part::Ceremony(&ceremony),
        ];
        assert!(save(&mut nvm, &parts).is_ok());
        let (bytes, room) = (coded(&enrolment), field::ENROLMENT.len());
        println!("enrolment: {} of {room} bytes", bytes.len());
        assert_eq!(coded(&super::enrolment(&nvm).unwrap()), bytes);
        let (bytes, room) = (coded(&ceremony), field::CEREMONY.len());
        println!("ceremony: {} of {room} bytes", bytes.len());
        assert_eq!(coded(&super::ceremony(&nvm).unwrap()), bytes);
    }

    /// Nothing is cut, and nothing written.
    #[test]
    fn what_has_no_room_is_refused() {
        let ceremony = Ceremony { result: vec![9; field::CEREMONY.len()], ..Ceremony::default() };
        let mut nvm = blank();
        let refused = save(&mut nvm, &[Part::Pin(&[0x31; 4]), Part::Ceremony(&ceremony)]);
        assert!(matches!(refused, Err(Stop::Refused(BROKEN))));
        assert_eq!((nvm.points(), pin(&nvm)), (0, &[][..]));
    }
}
