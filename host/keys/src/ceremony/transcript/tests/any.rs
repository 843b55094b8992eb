//! Records of every kind, as far as they are well-formed.

use crate::ceremony::plan::Revoked;
use crate::ceremony::transcript::{End, Record};
use cardwright_proto::custody::certificate::{Certificate, CertificateBody, CertifiedKey, Roles};
use cardwright_proto::custody::combine::Verdict;
use cardwright_proto::custody::deal::Dealt;
use cardwright_proto::custody::manifest::{MAX_CUSTODIANS, Manifest, Operation, Place};
use cardwright_proto::custody::message::{Held, Outcome, Statement};
use cardwright_proto::custody::receive::{Committed, Released, SignedReceipt};
use cardwright_proto::custody::sealed::{BoxKind, SealedBox};
use cardwright_proto::custody::share::{KeyType, Scheme};
use cardwright_proto::custody::signature::Signature;
use cardwright_proto::custody::subset::Bitmap;
use cardwright_proto::custody::take_part::{Approval, Offer};
use cardwright_proto::custody::{Hash, Point};
use cardwright_proto::gp::key::Kcv;
use cardwright_proto::status::StatusWord;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, any, prop_oneof};
use proptest::strategy::Strategy;

fn hash() -> impl Strategy<Value = Hash> {
    any::<Hash>()
}

fn point() -> impl Strategy<Value = Point> {
    any::<[u8; 65]>()
}

fn kcv() -> impl Strategy<Value = Kcv> {
    any::<[u8; 3]>().prop_map(Kcv)
}

fn signature() -> impl Strategy<Value = Signature> {
    // Short numbers, too, but no zeros.
    let number = || {
        (any::<[u8; 32]>(), 0..32_usize).prop_map(|(mut number, zeros)| {
            number[..zeros].fill(0);
            number[31] |= 1;
            number
        })
    };
    (number(), number()).prop_map(|(r, s)| Signature::new(r, s))
}

fn sealed(kind: BoxKind) -> impl Strategy<Value = SealedBox> {
    vec(any::<u8>(), kind.box_len()).prop_map(move |bytes| SealedBox::parse(kind, &bytes).unwrap())
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![x().prop_map(Place::Custodian), Just(Place::Combiner), Just(Place::Dealer), Just(Place::Hsm)]
}

fn x() -> impl Strategy<Value = u8> {
    1..=MAX_CUSTODIANS
}

fn text() -> impl Strategy<Value = String> {
    "[^\\p{Cc}]{0,40}"
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![Just(Operation::Deal), Just(Operation::Drill), Just(Operation::Release), Just(Operation::Destroy)]
}

fn certificate() -> impl Strategy<Value = Certificate> {
    let key = prop_oneof![
        point().prop_map(CertifiedKey::P256),
        hash().prop_map(CertifiedKey::Rsa2048),
        hash().prop_map(CertifiedKey::Rsa3072),
        hash().prop_map(CertifiedKey::Rsa4096)
    ];
    (any::<[u8; 8]>(), any::<u8>(), hash(), key, signature()).prop_map(|(identity, roles, applet, key, signature)| {
        let roles = match key {
            CertifiedKey::P256(_) => Roles::from_byte(roles).unwrap_or(Roles::CUSTODIAN),
            _ => Roles::HSM,
        };
        Certificate { body: CertificateBody { identity, roles, applet, key }, signature }
    })
}

fn manifest() -> impl Strategy<Value = Manifest> {
    let bytes = (any::<[u8; 16]>(), any::<[u8; 16]>(), hash(), hash(), hash(), hash());
    let numbers = (1..=u32::MAX, 2..=MAX_CUSTODIANS, any::<u8>(), any::<u32>(), any::<u8>(), any::<bool>());
    (operation(), bytes, numbers).prop_map(|(operation, bytes, numbers)| {
        let (ceremony, set, plan, head, partner, combiner) = bytes;
        let (generation, n, m, sequence, usage, xor) = numbers;
        let (scheme, m) = if xor { (Scheme::Xor, n) } else { (Scheme::Shamir, 2 + m % (n - 1)) };
        let custodians = (1..=n).map(|x| [x; 32]).collect();
        let partner = matches!(operation, Operation::Deal | Operation::Release).then_some(partner);
        let combiner = (operation != Operation::Destroy).then_some(combiner);
        let generation = if operation == Operation::Deal { 1 } else { generation };
        let (key_type, key_length) = if usage & 1 == 1 { (KeyType::TripleDes, 24) } else { (KeyType::Aes, 32) };
        Manifest {
            operation,
            ceremony,
            set,
            generation,
            scheme,
            m,
            key_type,
            key_length,
            usage,
            sequence,
            plan,
            head,
            partner,
            combiner,
            custodians,
        }
    })
}

fn statement() -> impl Strategy<Value = Statement> {
    (hash(), hash(), kcv(), vec(hash(), 2..=10), hash()).prop_map(|(manifest, dealer, kcv, shares, boxes)| Statement {
        manifest,
        dealer,
        kcv,
        shares,
        boxes,
    })
}

fn receipt() -> impl Strategy<Value = SignedReceipt> {
    let status = prop_oneof![Just(Held::No), Just(Held::Yes), Just(Held::Destroyed)];
    (any::<u8>(), status, hash(), signature()).prop_map(|(x, status, statement, signature)| SignedReceipt {
        x,
        status,
        statement,
        signature,
    })
}

/// Before the manifest, and what nobody signs.
fn hosts() -> BoxedStrategy<Record> {
    let start = (any::<bool>(), operation(), vec(any::<u8>(), 0..300));
    let shared = (1..=16_u8, any::<u8>(), any::<u8>(), kcv(), hash(), text());
    prop_oneof![
        start.prop_map(|(test_ca, operation, plan)| Record::Start { test_ca, operation, plan }),
        point().prop_map(|key| Record::Ca { key }),
        (certificate(), option::of(signature()))
            .prop_map(|(certificate, possession)| Record::Enrol { certificate, possession }),
        (hash(), text()).prop_map(|(certificate, reason)| Record::Revoked(Revoked { certificate, reason })),
        manifest().prop_map(Record::Manifest),
        (x(), any::<u16>()).prop_map(|(x, word)| Record::Refused { x, word: StatusWord(word) }),
        kcv().prop_map(|kcv| Record::Imported { kcv }),
        shared.prop_map(|(x, m, count, kcv, share, place)| Record::Shared { x, m, count, kcv, share, place }),
        text().prop_map(|text| Record::Note { text }),
        prop_oneof![Just(End::Done), Just(End::Abandoned)].prop_map(|outcome| Record::End { outcome }),
    ]
    .boxed()
}

/// What cards answer.
fn cards() -> BoxedStrategy<Record> {
    let outcome = prop_oneof![Just(Outcome::Confirmed), Just(Outcome::Abandoned)];
    prop_oneof![
        (place(), any::<u32>(), signature()).prop_map(|(place, counter, signature)| Record::Approval {
            place,
            approval: Approval { counter, signature }
        }),
        (x(), hash(), signature()).prop_map(|(x, commitment, signature)| Record::Commitment {
            x,
            committed: Committed { commitment, signature }
        }),
        (place(), point(), signature())
            .prop_map(|(place, point, signature)| Record::Offer { place, offer: Offer { point, signature } }),
        (x(), sealed(BoxKind::Contribution)).prop_map(|(x, sealed)| Record::Contribution { x, sealed }),
        (x(), sealed(BoxKind::Share), hash())
            .prop_map(|(x, sealed, commitment)| Record::Box { x, dealt: Dealt { sealed, commitment } }),
        (manifest(), statement(), signature()).prop_map(|(manifest, statement, signature)| Record::Statement {
            manifest,
            statement,
            signature
        }),
        (x(), receipt()).prop_map(|(x, receipt)| Record::Receipt { x, receipt }),
        (x(), sealed(BoxKind::Release), signature())
            .prop_map(|(x, sealed, signature)| Record::Release { x, released: Released { sealed, signature } }),
        (any::<[u8; 32]>(), signature())
            .prop_map(|(bitmap, signature)| Record::Verdict(Verdict { bitmap: Bitmap(bitmap), signature })),
        (outcome, hash(), signature()).prop_map(|(outcome, statement, signature)| Record::Forget {
            outcome,
            statement,
            signature
        }),
        (vec(any::<u8>(), 0..600), signature()).prop_map(|(result, signature)| Record::Export { result, signature }),
    ]
    .boxed()
}

/// Any of the 21 kinds.
pub(super) fn record() -> impl Strategy<Value = Record> {
    prop_oneof![hosts(), cards()]
}
