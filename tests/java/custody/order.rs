//! The commands that both cards get: made for each side of what its own cards said, and spoiled for both in the same way.

use super::side::{Seat, Side};
use cardwright_keys::custody::hash;
use cardwright_proto::custody::certificate::{Certificate, CertificateBody, CertifiedKey, Roles};
use cardwright_proto::custody::manifest::Place;
use cardwright_tests::custody::{FIRST_PIN, rsa};

/// A step of a ceremony, at a card that is known besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    FirstPin,
    Verify,
    State(u8),
    GenerateIdentity,
    GetIdentity(u8),
    PutCaKey,
    Sign(Seat),
    /// P-256, or RSA-2048.
    SignHsm(bool),
    PutCertificate,
    Approve,
    Party(Place),
    Commit,
    MakeOffer,
    /// To the offer of this place.
    Reveal(Place),
    Begin,
    /// 1 approval, 2 commitment, 3 offer.
    Admit(u8, u8),
    TakeContribution(u8),
    DealBox(u8),
    StateDeal,
    TakeStatement,
    StoreBox(u8),
    Confirm(u8),
    ConfirmDrill,
    Forget(u8),
    /// To the offer of this place.
    Release(Place),
    TakeShare(u8),
    Drill(u16),
    Verdict,
    Export,
    ReadResult(u8),
    ReadExport,
    Receipt,
    Wipe(u8),
}

/// Bytes of data that are more than any command has, and that a session of level 33 still carries.
const MOST: usize = 220;

/// A command, before it is cut into blocks where it goes in blocks.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) header: [u8; 4],
    pub(super) data: Vec<u8>,
    /// Bytes before a signature, which has another length on each side; all, where there is none.
    pub(super) fixed: usize,
}

impl Order {
    fn new(ins: u8, p1: u8, p2: u8, fields: &[u8], signature: &[u8]) -> Self {
        let header = [if ins == 0x20 { 0 } else { 0x80 }, ins, p1, p2];
        Self { header, data: [fields, signature].concat(), fixed: fields.len() }
    }

    /// Whether it goes in blocks.
    pub(super) const fn in_blocks(&self) -> bool {
        matches!(self.header[1], 0x42 | 0x58 | 0x5A | 0xAA)
    }
}

impl Step {
    /// By what it is counted.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::FirstPin => "CHANGE PIN, first",
            Self::Verify => "VERIFY",
            Self::State(0) => "GET STATE 00",
            Self::State(_) => "GET STATE 01",
            Self::GenerateIdentity => "GENERATE IDENTITY",
            Self::GetIdentity(0) => "GET IDENTITY 00",
            Self::GetIdentity(_) => "GET IDENTITY 01",
            Self::PutCaKey => "PUT CA KEY",
            Self::Sign(_) => "SIGN CERTIFICATE",
            Self::SignHsm(true) => "SIGN CERTIFICATE, HSM with P-256",
            Self::SignHsm(false) => "SIGN CERTIFICATE, HSM with RSA",
            Self::PutCertificate => "PUT CERTIFICATE",
            Self::Approve => "APPROVE MANIFEST",
            Self::Party(_) => "PUT PARTY",
            Self::Commit => "COMMIT CONTRIBUTION",
            Self::MakeOffer => "MAKE OFFER",
            Self::Reveal(_) => "REVEAL CONTRIBUTION",
            Self::Begin => "BEGIN DEAL",
            Self::Admit(_, 1) => "ADMIT 01",
            Self::Admit(_, 2) => "ADMIT 02",
            Self::Admit(..) => "ADMIT 03",
            Self::TakeContribution(_) => "TAKE CONTRIBUTION",
            Self::DealBox(_) => "DEAL BOX",
            Self::StateDeal => "STATE DEAL",
            Self::TakeStatement => "TAKE STATEMENT",
            Self::StoreBox(_) => "STORE BOX",
            Self::Confirm(_) => "CONFIRM 01",
            Self::ConfirmDrill => "CONFIRM 02",
            Self::Forget(0) => "FORGET 00",
            Self::Forget(_) => "FORGET 01",
            Self::Release(_) => "RELEASE SHARE",
            Self::TakeShare(_) => "TAKE SHARE",
            Self::Drill(_) => "DRILL",
            Self::Verdict => "VERDICT",
            Self::Export => "EXPORT",
            Self::ReadResult(_) => "READ RESULT 00",
            Self::ReadExport => "READ RESULT 01",
            Self::Receipt => "RECEIPT",
            Self::Wipe(0) => "WIPE 00",
            Self::Wipe(1) => "WIPE 01",
            Self::Wipe(_) => "WIPE 02",
        }
    }

    /// The command for one side; `None` where its cards have not said yet what it takes.
    pub(super) fn order(self, side: &Side, seat: Seat) -> Option<Order> {
        let (ceremony, seen) = (&side.ceremony, &side.ceremony.seen);
        let signed = |ins, p1, p2, fields: &[u8], signature: &[u8]| Order::new(ins, p1, p2, fields, signature);
        Some(match self {
            Self::FirstPin => signed(0x24, 1, 0, FIRST_PIN, &[]),
            Self::Verify => signed(0x20, 0, 0, FIRST_PIN, &[]),
            Self::PutCaKey => signed(0x3C, 0, 0, &side.identities.get(&Seat::Ca)?.point, &[]),
            Self::Sign(of) => {
                let possession = side.identities.get(&of)?.possession.to_der();
                signed(0x3E, 0, 0, &side.body(of)?.encode(), &possession)
            }
            Self::SignHsm(p256) => signed(0x3E, 0, 0, &hsm(p256).encode(), &[]),
            Self::PutCertificate => certificate(0x40, 0, &side.certified(seat)?),
            Self::Approve => signed(0x42, 0, 0, &ceremony.manifest.encode(), &[]),
            Self::Party(place) => certificate(0x4C, place.byte(), &side.certificate(place)?),
            Self::Commit => signed(0x44, 0, 0, &[0xD1; 5], &[]),
            Self::Reveal(to) | Self::Release(to) => {
                let offer = seen.offers.get(&to)?;
                let ins = if matches!(self, Self::Reveal(_)) { 0x48 } else { 0xA0 };
                signed(ins, 0, 0, &offer.point, &offer.signature.to_der())
            }
            Self::Admit(x, what) => {
                let place = Place::Custodian(x);
                let (fields, signature) = match what {
                    1 => seen.approvals.get(&place).map(|it| (it.counter.to_be_bytes().to_vec(), it.signature))?,
                    2 => seen.commitments.get(&x).map(|it| (it.commitment.to_vec(), it.signature))?,
                    _ => seen.offers.get(&place).map(|it| (it.point.to_vec(), it.signature))?,
                };
                signed(0x4E, x, what, &fields, &signature.to_der())
            }
            Self::TakeContribution(x) => signed(0x52, x, 0, &seen.contributions.get(&x)?.to_bytes(), &[]),
            Self::TakeStatement => {
                let (statement, signature) = ceremony.statement.as_ref()?;
                signed(0x58, 0, 0, &statement.to_bytes(), &signature.to_der())
            }
            Self::StoreBox(x) => {
                let whole = seen.dealt.len() == usize::from(ceremony.n()) && seen.dealt.contains_key(&x);
                signed(0x5A, 0, 0, &whole.then(|| ceremony.listed_box(x))?, &[])
            }
            Self::Confirm(x) => signed(0x5C, 1, x, &[], &seen.receipts.get(&x)?.signature.to_der()),
            Self::ConfirmDrill => {
                let verdict = side.verdict.as_ref()?;
                signed(0x5C, 2, 0, &verdict.bitmap.0, &verdict.signature.to_der())
            }
            Self::TakeShare(x) => {
                let released = seen.released.get(&x)?;
                signed(0xA2, x, 0, &released.sealed.to_bytes(), &released.signature.to_der())
            }
            Self::Export => match ceremony.hsm?.body.key {
                CertifiedKey::P256(point) => signed(0xAA, 0, 0, &point, &[]),
                _ => signed(0xAA, 0, 0, &rsa::modulus(256), &[]),
            },
            plain => plain.without_data(),
        })
    }

    /// The commands that have none.
    fn without_data(self) -> Order {
        let [ins, p1, p2] = match self {
            Self::State(p1) => [0x36, p1, 0],
            Self::GenerateIdentity => [0x38, 0, 0],
            Self::GetIdentity(p1) => [0x3A, p1, 0],
            Self::MakeOffer => [0x46, 0, 0],
            Self::Begin => [0x4A, 0, 0],
            Self::DealBox(x) => [0x54, x, 0],
            Self::StateDeal => [0x56, 0, 0],
            Self::Forget(p1) => [0x5E, p1, 0],
            Self::Drill(mask) => [0xA6, mask.to_be_bytes()[0], mask.to_be_bytes()[1]],
            Self::Verdict => [0xA8, 0, 0],
            Self::ReadResult(block) => [0xAC, 0, block],
            Self::ReadExport => [0xAC, 1, 0],
            Self::Receipt => [0xAE, 0, 0],
            Self::Wipe(p1) => [0x34, p1, 0],
            other => panic!("{other:?} has data"),
        };
        Order::new(ins, p1, p2, &[], &[])
    }

    /// The same of another custodian or place.
    pub(super) const fn swapped(self) -> Self {
        const fn other(x: u8) -> u8 {
            if x == 1 { 2 } else { 1 }
        }
        match self {
            Self::Party(Place::Custodian(x)) => Self::Party(Place::Custodian(other(x))),
            Self::Party(Place::Dealer) => Self::Party(Place::Combiner),
            Self::Party(_) => Self::Party(Place::Dealer),
            Self::Reveal(_) => Self::Reveal(Place::Custodian(1)),
            Self::Release(_) => Self::Release(Place::Custodian(1)),
            Self::Admit(x, what) => Self::Admit(other(x), what),
            Self::TakeContribution(x) => Self::TakeContribution(other(x)),
            Self::StoreBox(x) => Self::StoreBox(other(x)),
            Self::Confirm(x) => Self::Confirm(other(x)),
            Self::TakeShare(x) => Self::TakeShare(other(x)),
            same => same,
        }
    }
}

fn certificate(ins: u8, p1: u8, certificate: &Certificate) -> Order {
    Order::new(ins, p1, 0, &certificate.body.encode(), &certificate.signature.to_der())
}

/// What the CA certifies of an HSM.
pub(super) fn hsm(p256: bool) -> CertificateBody {
    let key = if p256 {
        CertifiedKey::P256(super::side::hsm_pair().point())
    } else {
        CertifiedKey::Rsa2048(hash::sha256(&[&rsa::modulus(256)]))
    };
    CertificateBody { identity: *b"\0\0\0\0\0HSM", roles: Roles::HSM, applet: [0; 32], key }
}

/// A bit or a length that is wrong, the same on both sides.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spoil {
    Ins(u8),
    P1(u8),
    P2(u8),
    /// One of the bits before the signature.
    Flip(usize, u8),
    /// A bit of the signature: of a byte from its front, below 4, or of the last one.
    FlipSigned(usize, u8),
    /// So much data, beyond what is before the signature, or cut off from that.
    Resize(isize),
    Empty,
    /// The data is another one's.
    Data(Step),
}

impl Spoil {
    /// Does it.
    pub(super) fn on(self, order: &mut Order, side: &Side, seat: Seat) {
        match self {
            Self::Ins(ins) => order.header[1] = ins,
            Self::P1(p1) => order.header[2] = p1,
            Self::P2(p2) => order.header[3] = p2,
            Self::Flip(at, bit) => {
                if let Some(byte) = order.data.get_mut(at % order.fixed.max(1)) {
                    *byte ^= 1 << bit;
                }
            }
            Self::FlipSigned(at, bit) => {
                let last = order.data.len().saturating_sub(1);
                let at = if at < 4 { order.fixed + at } else { last };
                if let Some(byte) = order.data.get_mut(at.min(last)) {
                    *byte ^= 1 << bit;
                }
            }
            Self::Resize(by) => order.data.resize(order.fixed.saturating_add_signed(by), 0),
            Self::Empty => order.data.clear(),
            Self::Data(step) => {
                if let Some(other) = step.order(side, seat) {
                    (order.data, order.fixed) = (other.data, other.fixed);
                }
            }
        }
        if !order.in_blocks() {
            order.data.truncate(MOST);
        }
    }
}
