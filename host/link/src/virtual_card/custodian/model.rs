//! What a ceremony leaves on the card: "What the card keeps" in `docs/protocol/custody.md`, but PIN and share.
//!
//! It is read as a whole with each command, and written as a whole, in one transaction: nothing of it can be old where
//! something else is new. There is no `Debug`: much of it is secret.

use super::coded::{Coded, coded};
use cardwright_proto::custody::certificate::{Certificate, CertifiedKey};
use cardwright_proto::custody::get_ceremony::Phase;
use cardwright_proto::custody::manifest::{Manifest, Operation, Place};
use cardwright_proto::custody::message::Statement;
use cardwright_proto::custody::subset::{Bitmap, Mask};
use cardwright_proto::custody::{Hash, Id, Point};
use cardwright_proto::gp::key::Kcv;
use zeroize::Zeroizing;

/// How many keys a CA remembers to have certified.
pub(super) const REMEMBERED: usize = 32;

/// A key pair of P-256.
#[derive(Clone)]
pub(super) struct Pair {
    pub(super) secret: Zeroizing<[u8; 32]>,
    pub(super) point: Point,
}
coded!(Pair { secret, point });

/// What WIPE of everything alone takes away.
#[derive(Default)]
pub(super) struct Enrolment {
    pub(super) key: Option<Pair>,
    pub(super) ca: Option<Point>,
    pub(super) certificate: Option<Certificate>,
    pub(super) certified: Certified,
    /// The highest sequence approved.
    pub(super) sequence: u32,
    /// How many manifests were approved.
    pub(super) counter: u32,
    pub(super) destroyed: Option<Destroyed>,
}
coded!(Enrolment { key, ca, certificate, certified, sequence, counter, destroyed });

/// What a CA has signed.
#[derive(Default)]
pub(super) struct Certified {
    pub(super) count: u32,
    /// SHA-256 of the last keys, the oldest first, 32 at most.
    pub(super) keys: Vec<Hash>,
    /// The last body; nothing before the first.
    pub(super) last: Vec<u8>,
}
coded!(Certified { count, keys, last });

/// The share that was destroyed last.
#[derive(Clone, Copy)]
pub(super) struct Destroyed {
    pub(super) set: Id,
    pub(super) generation: u32,
    pub(super) x: u8,
    /// Zeros where it had none.
    pub(super) statement: Hash,
}
coded!(Destroyed { set, generation, x, statement });

/// What the next manifest takes away.
#[derive(Default)]
pub(super) struct Ceremony {
    pub(super) hand: Option<Hand>,
    pub(super) parties: Vec<Party>,
    pub(super) contribution: Contribution,
    pub(super) offer: Offer,
    pub(super) deal: Deal,
    pub(super) statement: Option<Statement>,
    pub(super) drilled: Bitmap,
    /// What EXPORT made; empty before.
    pub(super) result: Vec<u8>,
}
coded!(Ceremony { hand, parties, contribution, offer, deal, statement, drilled, result });

/// The manifest in hand.
#[derive(Clone)]
pub(super) struct Hand {
    pub(super) manifest: Manifest,
    /// M.
    pub(super) hash: Hash,
    /// The card's own.
    pub(super) place: Place,
}
coded!(Hand { manifest, hash, place });

impl Hand {
    /// The custodian's x, where this card is one.
    pub(super) const fn x(&self) -> Option<u8> {
        match self.place {
            Place::Custodian(x) => Some(x),
            _ => None,
        }
    }

    pub(super) fn is(&self, operations: &[Operation], place: Place) -> bool {
        self.place == place && operations.contains(&self.manifest.operation)
    }
}

/// Somebody else in the ceremony.
#[derive(Clone, Copy)]
pub(super) struct Party {
    pub(super) place: Place,
    /// Of the certificate.
    pub(super) hash: Hash,
    pub(super) key: CertifiedKey,
}
coded!(Party { place, hash, key });

impl Coded for CertifiedKey {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(self.algorithm().byte());
        out.extend_from_slice(self.bytes());
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        match u8::take(from)? {
            1 => Point::take(from).map(Self::P256),
            2 => Hash::take(from).map(Self::Rsa2048),
            3 => Hash::take(from).map(Self::Rsa3072),
            4 => Hash::take(from).map(Self::Rsa4096),
            _ => None,
        }
    }
}

/// A custodian's contribution to the secret.
#[derive(Default)]
pub(super) enum Contribution {
    #[default]
    None,
    /// r.
    Made(Zeroizing<Hash>),
    Gone,
}

/// A one-time key pair.
#[derive(Default)]
pub(super) enum Offer {
    #[default]
    None,
    There(Pair),
    /// Its private key is destroyed.
    Used,
}

/// 00, or 01 and what there is, or 02.
macro_rules! three_states {
    ($of:ident, $there:ident, $gone:ident) => {
        impl $of {
            /// The byte in GET STATE.
            pub(super) const fn byte(&self) -> u8 {
                match self {
                    Self::None => 0,
                    Self::$there(_) => 1,
                    Self::$gone => 2,
                }
            }
        }

        impl Coded for $of {
            fn put(&self, out: &mut Vec<u8>) {
                out.push(self.byte());
                if let Self::$there(there) = self {
                    there.put(out);
                }
            }

            fn take(from: &mut &[u8]) -> Option<Self> {
                match u8::take(from)? {
                    0 => Some(Self::None),
                    1 => Coded::take(from).map(Self::$there),
                    2 => Some(Self::$gone),
                    _ => None,
                }
            }
        }
    };
}
three_states!(Contribution, Made, Gone);
three_states!(Offer, There, Used);

/// A dealer's deal.
pub(super) struct Deal {
    pub(super) phase: Phase,
    /// The x of the next contribution; 0 before there is a deal, n + 1 from the split on.
    pub(super) next: u8,
    /// Custodians whose receipt is confirmed.
    pub(super) receipts: Mask,
    /// The drill is confirmed.
    pub(super) drill: bool,
    /// From each custodian, x = 1 first; none before there is a deal.
    pub(super) admitted: Vec<Admitted>,
    /// a(x), while contributions are taken.
    pub(super) chain: Option<Zeroizing<Hash>>,
    /// The shares, from the split to the end, x = 1 first.
    pub(super) shares: Vec<Dealt>,
    /// The secret's check value; from the split on.
    pub(super) kcv: Kcv,
    /// Hash of the statement; from phase 3 on.
    pub(super) stated: Option<Hash>,
}
coded!(Deal { phase, next, receipts, drill, admitted, chain, shares, kcv, stated });

impl Deal {
    /// Whether there is something that FORGET takes away.
    pub(super) const fn pending(&self) -> bool {
        matches!(self.phase, Phase::Begun | Phase::Split | Phase::Stated)
    }
}

impl Default for Deal {
    fn default() -> Self {
        Self {
            phase: Phase::None,
            next: 0,
            receipts: Mask::default(),
            drill: false,
            admitted: Vec::new(),
            chain: None,
            shares: Vec::new(),
            kcv: Kcv([0; 3]),
            stated: None,
        }
    }
}

/// What a dealer has admitted from one custodian, and made for it.
#[derive(Clone, Copy, Default)]
pub(super) struct Admitted {
    pub(super) approved: bool,
    pub(super) commitment: Option<Hash>,
    pub(super) offer: Option<Point>,
    /// Hash of its box.
    pub(super) sealed: Option<Hash>,
}
coded!(Admitted { approved, commitment, offer, sealed });

/// One share of a split secret.
#[derive(Clone)]
pub(super) struct Dealt {
    /// y with zeros behind it.
    pub(super) y: Zeroizing<[u8; 32]>,
    pub(super) salt: Zeroizing<[u8; 16]>,
    /// c(x).
    pub(super) commitment: Hash,
}
coded!(Dealt { y, salt, commitment });

impl Ceremony {
    /// The party at a place.
    pub(super) fn party(&self, place: Place) -> Option<&Party> {
        self.parties.iter().find(|party| party.place == place)
    }
}
