//! What is secret in a simulated card, read from the file that is its memory: as the host's `virtual_card::layout` and the
//! custodian applet's model have it. Only tests look there.

use cardwright_proto::custody::Point;
use cardwright_proto::custody::share::ShareObject;
use std::path::Path;

/// Where the applet's part begins: identity 8, PIN length 1, PIN 12, tries 1, mode 1, zero, length 2, object.
const APPLET: usize = 1920;
const PIN: usize = APPLET + 8;
const SHARE: usize = APPLET + 22;
/// The key pair, behind 01, and more.
const ENROLMENT: usize = 2560;
/// The manifest in hand, and what is under it.
const CEREMONY: usize = 4608;

/// A key pair of P-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The private key.
    pub secret: [u8; 32],
    /// The public one.
    pub point: Point,
}

/// A share that a dealer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dealt {
    /// With zeros behind it.
    pub y: [u8; 32],
    /// Of its commitment.
    pub salt: [u8; 16],
}

/// What a card keeps at one moment, and nobody else may have.
#[derive(Debug, Default)]
pub struct Secrets {
    /// Empty before there is one.
    pub pin: Vec<u8>,
    /// The share.
    pub share: Option<ShareObject>,
    /// The identity key.
    pub identity: Option<Pair>,
    /// r, of a custodian.
    pub contribution: Option<[u8; 32]>,
    /// The one-time key.
    pub offer: Option<Pair>,
    /// How many contributions a dealer has taken, and a(x) of the last.
    pub chain: Option<(u8, [u8; 32])>,
    /// The shares of a dealer, x = 1 first.
    pub dealt: Vec<Dealt>,
}

impl Secrets {
    /// Reads a card's file.
    ///
    /// # Panics
    /// Where there is none, or it is another thing.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let image = std::fs::read(path).expect("a card's file");
        let len = usize::from(u16::from_be_bytes([image[SHARE + 2], image[SHARE + 3]]));
        let share = (image[SHARE] != 0).then(|| ShareObject::parse(&image[SHARE + 4..][..len]).expect("a share"));
        let pin = image[PIN + 1..][..usize::from(image[PIN])].to_vec();
        let identity = Coded(&image[ENROLMENT..]).optional(Coded::pair);
        let secrets = Self { pin, share, identity, ..Self::default() };
        Coded(&image[CEREMONY..]).ceremony(secrets)
    }
}

/// Field after field, nothing between them.
struct Coded<'i>(&'i [u8]);

impl Coded<'_> {
    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let (bytes, rest) = self.0.split_first_chunk().expect("within the image");
        self.0 = rest;
        *bytes
    }

    fn byte(&mut self) -> u8 {
        let [byte] = self.bytes();
        byte
    }

    fn count(&mut self) -> usize {
        u16::from_be_bytes(self.bytes()).into()
    }

    /// 01, and what there is; 00 or 02 where there is nothing, or nothing any more.
    fn optional<T>(&mut self, take: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let there = self.byte();
        assert!(there <= 2, "{there:02X} is not how a field begins");
        (there == 1).then(|| take(self))
    }

    fn list<T>(&mut self, mut take: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.count()).map(|_| take(self)).collect()
    }

    fn pair(&mut self) -> Pair {
        Pair { secret: self.bytes(), point: self.bytes() }
    }

    /// Hand, parties, contribution, offer, deal, and what is public.
    fn ceremony(mut self, secrets: Secrets) -> Secrets {
        // Manifest, M, place.
        self.optional(|coded| (coded.list(Self::byte), coded.bytes::<33>()));
        // Place, certificate hash, algorithm, key.
        self.list(|coded| {
            coded.bytes::<33>();
            if coded.byte() == 1 { coded.bytes::<65>().len() } else { coded.bytes::<32>().len() }
        });
        let contribution = self.optional(Self::bytes);
        let offer = self.optional(Self::pair);
        // Phase, next x, receipts 2, drill.
        let [_, next, ..] = self.bytes::<5>();
        // Of each custodian: approved, commitment, offer, hash of its box.
        self.list(|coded| {
            coded.byte();
            coded.optional(Self::bytes::<32>);
            coded.optional(Self::bytes::<65>);
            coded.optional(Self::bytes::<32>);
        });
        let chain = self.optional(Self::bytes).map(|a| (next - 1, a));
        // With its commitment.
        let dealt = self.list(|coded| (Dealt { y: coded.bytes(), salt: coded.bytes() }, coded.bytes::<32>()).0);
        Secrets { contribution, offer, chain, dealt, ..secrets }
    }
}
