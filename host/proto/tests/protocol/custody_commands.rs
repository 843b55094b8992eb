//! Commands between cards: bytes written by hand from the lists, and answers of cards that cheat.

use cardwright_proto::apdu::Response;
use cardwright_proto::custody::blocks::{Block, blocks};
use cardwright_proto::custody::certificate::{Certificate, CertificateBody, CertifiedKey, KeyAlgorithm, Roles};
use cardwright_proto::custody::combine::{
    Drill, ExportSecret, GetVerdict, ReadExport, ReadResult, TakeShare, result_len,
};
use cardwright_proto::custody::deal::{
    Admit, Admitted, BeginDeal, Confirm, DealBox, Forget, StateDeal, TakeContribution,
};
use cardwright_proto::custody::enrol::{
    GenerateIdentity, GetCertificate, GetIdentity, Identity, PutCaKey, PutCertificate, SignCertificate,
};
use cardwright_proto::custody::get_ceremony::{
    At, CeremonyState, Contributed, Deal, GetCeremony, Offered, Part, Phase,
};
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::message::{Held, Outcome, Statement};
use cardwright_proto::custody::receive::{
    CommitContribution, Committed, Destroy, GetReceipt, ReleaseShare, Released, RevealContribution, SignedReceipt,
    StoreBox, listed_box,
};
use cardwright_proto::custody::sealed::{BoxKind, SealedBox};
use cardwright_proto::custody::signature::Signature;
use cardwright_proto::custody::subset::{Bitmap, Mask};
use cardwright_proto::custody::take_part::{
    Approval, ApproveManifest, MakeOffer, Offer, PutParty, TakeStatement, signed_statement,
};
use cardwright_proto::gp::key::Kcv;
use cardwright_proto::gp::{Command, GpError};
use cardwright_proto::status::StatusWord;
use proptest::prelude::*;

const POINT: [u8; 65] = [4; 65];
const SIGNATURE: Signature = Signature::new([1; 32], [2; 32]);

/// [`SIGNATURE`]'s 70 bytes.
fn der() -> String {
    format!("30440220{}0220{}", "01".repeat(32), "02".repeat(32))
}

fn coded<C: Command>(command: &C) -> String {
    let (mut data, mut wire) = (Vec::new(), Vec::new());
    command.apdu(&mut data).encode_into(&mut wire).unwrap();
    hex::encode(wire)
}

fn answer<C: Command>(command: &C, data: &[u8]) -> Result<C::Response, GpError> {
    command.response(Response { data, sw: StatusWord::OK })
}

fn sealed(kind: BoxKind) -> SealedBox {
    SealedBox::new(kind, POINT, [0xCC; 48], [0xAA; 16])
}

fn certificate() -> Certificate {
    let key = CertifiedKey::P256(POINT);
    let body = CertificateBody { identity: [1; 8], roles: Roles::COMBINER, applet: [2; 32], key };
    Certificate { body, signature: SIGNATURE }
}

const BLOCK: Block<'static> = Block { number: 2, last: false, bytes: &[0xAA] };
const LAST: Block<'static> = Block { number: 3, last: true, bytes: &[0xAA] };

#[test]
fn bytes_of_enrolment() {
    let body = hex::encode(certificate().body.encode());
    assert_eq!(coded(&GenerateIdentity), "80380000");
    assert_eq!(coded(&GetIdentity), "803a000000");
    assert_eq!(coded(&GetCertificate), "803a010000");
    assert_eq!(coded(&PutCaKey { point: &POINT }), format!("803c000041{}", "04".repeat(65)));
    let sign = SignCertificate { body: &certificate().body, possession: Some(&SIGNATURE) };
    assert_eq!(coded(&sign), format!("803e0000b5{body}{}00", der()));
    let hsm = SignCertificate { body: &certificate().body, possession: None };
    assert_eq!(coded(&hsm), format!("803e00006f{body}00"));
    assert_eq!(coded(&PutCertificate { certificate: &certificate() }), format!("80400000b5{body}{}", der()));
}

#[test]
fn bytes_of_taking_part() {
    assert_eq!(coded(&ApproveManifest { block: BLOCK }), "8042000201aa");
    assert_eq!(coded(&ApproveManifest { block: LAST }), "8042800301aa00");
    let party = PutParty { place: Place::Combiner, certificate: &certificate() };
    assert_eq!(coded(&party), format!("804c0c00b5{}", hex::encode(certificate().encode())));
    assert_eq!(coded(&MakeOffer), "8046000000");
    assert_eq!(coded(&TakeStatement { block: BLOCK }), "8058000201aa");
    assert_eq!(coded(&TakeStatement { block: LAST }), "8058800301aa");
    assert_eq!(coded(&GetCeremony), "8036010000");
}

#[test]
fn bytes_of_a_deal() {
    let approval = Admitted::Approval(Approval { counter: 258, signature: SIGNATURE });
    let commitment = Admitted::Commitment(Committed { commitment: [9; 32], signature: SIGNATURE });
    let offer = Admitted::Offer(Offer { point: POINT, signature: SIGNATURE });
    assert_eq!(coded(&BeginDeal), "804a0000");
    assert_eq!(coded(&Admit { x: 3, what: approval }), format!("804e03014a00000102{}", der()));
    assert_eq!(coded(&Admit { x: 3, what: commitment }), format!("804e030266{}{}", "09".repeat(32), der()));
    assert_eq!(coded(&Admit { x: 3, what: offer }), format!("804e030387{}{}", "04".repeat(65), der()));
    let contribution = sealed(BoxKind::Contribution);
    let taken = coded(&TakeContribution { x: 10, sealed: &contribution });
    assert_eq!(taken, format!("80520a0071{}", hex::encode(contribution.to_bytes())));
    assert_eq!(coded(&DealBox { x: 2 }), "8054020000");
    assert_eq!(coded(&StateDeal), "8056000000");
    assert_eq!(coded(&Confirm::Receipt { x: 2, signature: &SIGNATURE }), format!("805c010246{}", der()));
    let drill = Confirm::Drill { bitmap: &Bitmap([7; 32]), signature: &SIGNATURE };
    assert_eq!(coded(&drill), format!("805c020066{}{}", "07".repeat(32), der()));
    assert_eq!(coded(&Forget { outcome: Outcome::Confirmed }), "805e000000");
    assert_eq!(coded(&Forget { outcome: Outcome::Abandoned }), "805e010000");
}

#[test]
fn bytes_of_custodians_and_combiners() {
    let offer = Offer { point: POINT, signature: SIGNATURE };
    assert_eq!(coded(&CommitContribution { dice: &[] }), "8044000000");
    assert_eq!(coded(&CommitContribution { dice: &[5, 6] }), "8044000002050600");
    let reveal = coded(&RevealContribution { offer: &offer });
    assert_eq!(reveal, format!("8048000087{}{}00", "04".repeat(65), der()));
    assert_eq!(coded(&StoreBox { block: BLOCK }), "805a000201aa");
    assert_eq!(coded(&StoreBox { block: LAST }), "805a800301aa00");
    let release = coded(&ReleaseShare { offer: &offer });
    assert_eq!(release, format!("80a0000087{}{}00", "04".repeat(65), der()));
    assert_eq!(coded(&GetReceipt), "80ae000000");
    assert_eq!(coded(&Destroy), "8034020000");
    let released = Released { sealed: sealed(BoxKind::Release), signature: SIGNATURE };
    let taken = coded(&TakeShare { x: 4, released: &released });
    assert_eq!(taken, format!("80a20400c7{}{}", hex::encode(released.sealed.to_bytes()), der()));
    assert_eq!(coded(&Drill { subset: Mask(0x0203) }), "80a60203");
    assert_eq!(coded(&GetVerdict), "80a8000000");
    assert_eq!(coded(&ExportSecret { block: LAST }), "80aa800301aa");
    assert_eq!(coded(&ReadResult { number: 2 }), "80ac000200");
    assert_eq!(coded(&ReadExport), "80ac010000");
    let algorithms = [KeyAlgorithm::P256, KeyAlgorithm::Rsa2048, KeyAlgorithm::Rsa3072, KeyAlgorithm::Rsa4096];
    assert_eq!(algorithms.map(result_len), [113, 256, 384, 512]);
    assert_eq!(algorithms.map(|algorithm| ReadResult::all(algorithm).count()), [1, 2, 2, 3]);
}

#[test]
fn what_goes_in_blocks() {
    let statement =
        Statement { manifest: [1; 32], dealer: [2; 32], kcv: Kcv([3; 3]), shares: vec![[4; 32]; 10], boxes: [5; 32] };
    let data = signed_statement(&statement, &SIGNATURE);
    assert_eq!(data, [statement.to_bytes(), SIGNATURE.to_der()].concat());
    let listed = listed_box(&[[8; 32]; 10], &sealed(BoxKind::Share));
    assert_eq!((listed.len(), &listed[..320]), (449, &[8; 320][..]));
    for max in [0, 1, 2, 100, 192, 239, 255] {
        let cut: Vec<Block<'_>> = blocks(&data, max).collect();
        assert_eq!(cut.concat_bytes(), data);
        assert!(cut.iter().zip(0..).all(|(block, number)| block.number == number && !block.bytes.is_empty()));
        assert!(cut.iter().all(|block| block.bytes.len() <= usize::from(max.max(2))));
        assert_eq!(cut.iter().position(|block| block.last), Some(cut.len() - 1));
    }
    assert_eq!((blocks(&[0; 512], 0).count(), blocks(&[], 5).count()), (256, 0));
}

trait Concat {
    fn concat_bytes(&self) -> Vec<u8>;
}

impl Concat for Vec<Block<'_>> {
    fn concat_bytes(&self) -> Vec<u8> {
        self.iter().flat_map(|block| block.bytes).copied().collect()
    }
}

#[test]
fn answers() {
    let der = SIGNATURE.to_der();
    let identity = Identity { point: POINT, possession: SIGNATURE };
    assert_eq!(answer(&GetIdentity, &identity.to_bytes()), Ok(identity));
    assert_eq!(answer(&GetCertificate, &certificate().encode()), Ok(certificate()));
    assert_eq!(answer(&SignCertificate { body: &certificate().body, possession: None }, &der), Ok(SIGNATURE));
    let approval = Approval { counter: 7, signature: SIGNATURE };
    assert_eq!(answer(&ApproveManifest { block: LAST }, &approval.to_bytes()), Ok(Some(approval)));
    assert_eq!(answer(&ApproveManifest { block: BLOCK }, &[]), Ok(None));
    let offer = Offer { point: POINT, signature: SIGNATURE };
    assert_eq!(answer(&MakeOffer, &offer.to_bytes()), Ok(offer));
    let committed = Committed { commitment: [9; 32], signature: SIGNATURE };
    assert_eq!(answer(&CommitContribution { dice: &[] }, &committed.to_bytes()), Ok(committed));
    let contribution = sealed(BoxKind::Contribution);
    assert_eq!(answer(&RevealContribution { offer: &offer }, &contribution.to_bytes()), Ok(contribution));
    let dealt = answer(&DealBox { x: 1 }, &[sealed(BoxKind::Share).to_bytes(), vec![9; 32]].concat()).unwrap();
    assert_eq!((dealt.sealed, dealt.commitment), (sealed(BoxKind::Share), [9; 32]));
    let stated = answer(&StateDeal, &[&[1, 2, 3], &der[..]].concat()).unwrap();
    assert_eq!((stated.kcv, stated.signature), (Kcv([1, 2, 3]), SIGNATURE));
    assert_eq!(answer(&Forget { outcome: Outcome::Confirmed }, &der), Ok(SIGNATURE));
    let released = Released { sealed: sealed(BoxKind::Release), signature: SIGNATURE };
    assert_eq!(answer(&ReleaseShare { offer: &offer }, &released.to_bytes()), Ok(released));
    let verdict = answer(&GetVerdict, &[&[7; 32], &der[..]].concat()).unwrap();
    assert_eq!((verdict.bitmap, verdict.signature), (Bitmap([7; 32]), SIGNATURE));
    assert_eq!(answer(&ReadResult { number: 0 }, &[7; 192]), Ok(vec![7; 192]));
    assert!(answer(&ReadResult { number: 0 }, &[7; 193]).is_err() && answer(&ReadResult { number: 0 }, &[]).is_err());
    assert_eq!(answer(&ReadExport, &der), Ok(SIGNATURE));
}

#[test]
fn receipts() {
    let held = SignedReceipt { x: 3, status: Held::Yes, statement: [9; 32], signature: SIGNATURE };
    let none = SignedReceipt { x: 0, status: Held::No, statement: [0; 32], signature: SIGNATURE };
    let kept = SignedReceipt { status: Held::Destroyed, statement: [0; 32], ..held };
    for receipt in [held, none, kept, SignedReceipt { x: 16, ..held }] {
        assert_eq!(answer(&GetReceipt, &receipt.to_bytes()), Ok(receipt));
        assert_eq!(answer(&Destroy, &receipt.to_bytes()), Ok(receipt));
        assert_eq!(answer(&StoreBox { block: LAST }, &receipt.to_bytes()), Ok(Some(receipt)));
        assert!(answer(&StoreBox { block: BLOCK }, &receipt.to_bytes()).is_err(), "before the last block");
    }
    let cheating = [
        SignedReceipt { x: 0, ..held },
        SignedReceipt { x: 0, ..kept },
        SignedReceipt { x: 17, ..held },
        SignedReceipt { x: 3, ..none },
        SignedReceipt { statement: [9; 32], ..none },
    ];
    for receipt in cheating {
        assert!(answer(&GetReceipt, &receipt.to_bytes()).is_err(), "{receipt:?}");
    }
    let mut other = held.to_bytes();
    other[1] = 3;
    assert!(answer(&GetReceipt, &other).is_err());
}

#[test]
fn words_have_meanings() {
    for sw in 0x6601..=0x660E {
        let meaning = StatusWord(sw).meaning().unwrap();
        assert_ne!(meaning, "security-related issue", "{sw:04X}");
        let refused = BeginDeal.response(Response { data: &[], sw: StatusWord(sw) }).unwrap_err();
        assert_eq!(refused.to_string(), format!("BEGIN DEAL refused: {sw:04X} ({meaning})"));
    }
    for sw in [0x6600, 0x660F] {
        assert_eq!(StatusWord(sw).meaning(), Some("security-related issue"));
    }
}

const DEAL: Deal = Deal {
    phase: Phase::Split,
    next: 4,
    approvals: Mask(7),
    commitments: Mask(6),
    offers: Mask(5),
    boxes: Mask(3),
    receipts: Mask(1),
    drill: true,
};

const PART: Part = Part {
    manifest: [0x11; 32],
    operation: Operation::Deal,
    parties: Mask(0x0C07),
    contribution: Contributed::Made,
    offer: Offered::None,
    statement: None,
    place: At::Custodian(3),
};

const STATE: CeremonyState = CeremonyState {
    identity_key: true,
    ca_key: true,
    is_ca: false,
    sequence: 0x0102_0304,
    counter: 5,
    signed: 6,
    certificate: Some([0x22; 32]),
    part: Some(PART),
};

const NEW: CeremonyState = CeremonyState {
    identity_key: false,
    ca_key: false,
    is_ca: false,
    sequence: 0,
    counter: 0,
    signed: 0,
    certificate: None,
    part: None,
};

fn encoded(state: &CeremonyState) -> Vec<u8> {
    let mut bytes = Vec::new();
    state.encode_into(&mut bytes).unwrap();
    bytes
}

fn with(part: Part) -> CeremonyState {
    CeremonyState { part: Some(part), ..STATE }
}

fn combiner(operation: Operation) -> Part {
    let place = At::Combiner { drilled: 10, taken: Mask(0x1F), result: Some(512) };
    Part { operation, place, offer: Offered::There(POINT), statement: Some([0x33; 32]), ..PART }
}

fn dealer() -> Part {
    Part { place: At::Dealer(DEAL), offer: Offered::Used, statement: Some([0x44; 32]), ..PART }
}

#[test]
fn a_ceremony_s_state_as_the_table_has_it() {
    let start = |flags: &str| format!("8001{flags} 8104 01020304 8204 00000005 8304 00000006");
    let hashes = format!("8420{} 8520{}", "22".repeat(32), "11".repeat(32));
    let cases = [
        (NEW, "e215 800100 810400000000 820400000000 830400000000".to_owned()),
        (STATE, format!("e267 {} {hashes} 8602 0103 8702 0c07 880101 890100", start("07"))),
        (
            with(dealer()),
            format!(
                "e2819a {} {hashes} 8602 010d 8702 0c07 880101 890102 8b0a 0204 0007 0006 0005 0003 8c03 000101 8e20{}",
                start("07"),
                "44".repeat(32)
            ),
        ),
        (
            with(combiner(Operation::Release)),
            format!(
                "e281d7 {} {hashes} 8602 030c 8702 0c07 880101 890101 8a41{} 8d010a 8e20{} 8f02001f 90020200",
                start("07"),
                "04".repeat(65),
                "33".repeat(32)
            ),
        ),
    ];
    for (state, coded) in cases {
        let coded = coded.replace(' ', "");
        assert_eq!(hex::encode(encoded(&state)), coded);
        assert_eq!(answer(&GetCeremony, &hex::decode(coded).unwrap()), Ok(state));
    }
    let ca = CeremonyState { is_ca: true, certificate: None, part: None, ..STATE };
    assert_eq!(hex::encode(&encoded(&ca)[2..5]), "80010b");
}

/// A card that contradicts itself is not believed.
#[test]
fn states_that_there_are_not() {
    let refused = |state: CeremonyState| answer(&GetCeremony, &encoded(&state)).is_err();
    assert!(refused(CeremonyState { identity_key: false, ..STATE }));
    assert!(refused(CeremonyState { ca_key: false, ..STATE }));
    assert!(refused(CeremonyState { certificate: None, ..STATE }), "a manifest without a certificate");
    assert!(refused(CeremonyState { is_ca: true, ..NEW }));
    assert!(refused(with(Part { parties: Mask(0x2000), ..PART })));
    assert!(refused(with(Part { place: At::Custodian(0), ..PART })));
    assert!(refused(with(Part { place: At::Custodian(11), ..PART })));
    assert!(refused(with(combiner(Operation::Destroy))));
    for operation in [Operation::Drill, Operation::Release, Operation::Destroy] {
        assert!(refused(with(Part { operation, ..dealer() })));
    }
    let deal = |deal: Deal| with(Part { place: At::Dealer(deal), ..PART });
    assert!(
        !refused(deal(DEAL)) && refused(deal(Deal { next: 12, ..DEAL })) && refused(deal(Deal { next: 0, ..DEAL }))
    );
    assert!(refused(deal(Deal { phase: Phase::None, ..DEAL })));
    assert!(!refused(deal(Deal { phase: Phase::None, next: 0, ..DEAL })));
    for mask in [0x0400, 0x8000, 0xFFFF].map(Mask) {
        let wrong = [
            Deal { approvals: mask, ..DEAL },
            Deal { commitments: mask, ..DEAL },
            Deal { offers: mask, ..DEAL },
            Deal { boxes: mask, ..DEAL },
            Deal { receipts: mask, ..DEAL },
        ];
        assert!(wrong.into_iter().all(|wrong| refused(deal(wrong))));
        let place = At::Combiner { drilled: 0, taken: mask, result: None };
        assert!(refused(with(Part { place, ..PART })));
    }
}

/// Every object left out, twice, in another place, of another length; a byte of each value that there is not.
#[test]
fn states_coded_otherwise() {
    for state in [NEW, STATE, with(dealer()), with(combiner(Operation::Deal))] {
        let coded = encoded(&state);
        let inner = if coded[1] == 0x81 { &coded[3..] } else { &coded[2..] };
        let mut objects = Vec::new();
        let mut rest = inner;
        while let [_, len, ..] = *rest {
            let (object, behind) = rest.split_at(2 + usize::from(len));
            objects.push(object.to_vec());
            rest = behind;
        }
        let parse = |objects: &[Vec<u8>]| {
            let inner = objects.concat();
            let coded = [&[0xE2, 0x82, 1, 0][..], &inner].concat();
            let mut coded = coded;
            coded[2..4].copy_from_slice(&u16::try_from(inner.len()).unwrap().to_be_bytes());
            answer(&GetCeremony, &coded)
        };
        assert_eq!(parse(&objects), Ok(state), "a length in a longer form");
        for at in 0..objects.len() {
            let mut less = objects.clone();
            less.remove(at);
            let optional = matches!(objects[at][0], 0x8E | 0x90);
            assert!(parse(&less).is_ok() == optional, "{:02X} left out", objects[at][0]);
            let mut twice = objects.clone();
            twice.insert(at, objects[at].clone());
            assert!(parse(&twice).is_err());
            let mut longer = objects.clone();
            longer[at].push(0);
            longer[at][1] += 1;
            assert!(parse(&longer).is_err());
            if at > 0 {
                let mut swapped = objects.clone();
                swapped.swap(at, at - 1);
                assert!(parse(&swapped).is_err());
            }
            if matches!(objects[at][0], 0x88 | 0x89) {
                let mut other = objects.clone();
                other[at][2] = 3;
                assert!(parse(&other).is_err());
            }
            if objects[at][0] == 0x80 {
                let mut other = objects.clone();
                other[at][2] |= 0x10;
                assert!(parse(&other).is_err(), "a flag that there is not");
            }
        }
        assert!(parse(&[objects.clone(), vec![vec![0x91, 0]]].concat()).is_err());
        assert!(answer(&GetCeremony, &[&coded[..], &[0]].concat()).is_err());
        assert!((0..coded.len()).all(|len| answer(&GetCeremony, &coded[..len]).is_err()));
    }
}

proptest! {
    #[test]
    fn any_answer(data in prop::collection::vec(any::<u8>(), 0..256), sw in prop_oneof![Just(0x9000), any::<u16>()]) {
        let response = || Response { data: &data, sw: StatusWord(sw) };
        let offer = Offer { point: POINT, signature: SIGNATURE };
        let accepted = [
            GenerateIdentity.response(response()).is_ok(),
            GetIdentity.response(response()).is_ok(),
            GetCertificate.response(response()).is_ok(),
            ApproveManifest { block: LAST }.response(response()).is_ok(),
            MakeOffer.response(response()).is_ok(),
            CommitContribution { dice: &[] }.response(response()).is_ok(),
            RevealContribution { offer: &offer }.response(response()).is_ok(),
            StoreBox { block: LAST }.response(response()).is_ok(),
            GetReceipt.response(response()).is_ok(),
            ReleaseShare { offer: &offer }.response(response()).is_ok(),
            DealBox { x: 1 }.response(response()).is_ok(),
            StateDeal.response(response()).is_ok(),
            GetVerdict.response(response()).is_ok(),
            GetCeremony.response(response()).is_ok(),
        ];
        prop_assert!(sw == 0x9000 || accepted == [false; 14]);
    }

    /// A state with one byte changed is refused, or another state, which is coded so.
    #[test]
    fn a_state_with_one_byte_changed(which in 0_usize..4, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let state = [NEW, STATE, with(dealer()), with(combiner(Operation::Deal))][which];
        let mut coded = encoded(&state);
        let at = at.index(coded.len());
        coded[at] = byte;
        if let Ok(parsed) = answer(&GetCeremony, &coded) {
            prop_assert_eq!(encoded(&parsed), coded);
        }
    }
}
