//! Which custodians: masks, and the m-subsets that a drill tries.

use super::manifest::{MAX_CUSTODIANS, Place};
use super::share::{Scheme, ShareError};
use core::fmt;

/// Two bytes, bit x - 1 for custodian x; among the parties that a card has, bit A for the combiner, B for the dealer, C for
/// the HSM.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mask(pub u16);

impl Mask {
    /// Custodians 1 to n.
    #[must_use]
    pub fn all(n: u8) -> Self {
        (1..=n).map(Place::Custodian).collect()
    }

    /// Whether this place is in it.
    #[must_use]
    pub const fn has(self, place: Place) -> bool {
        self.0 & bit(place) != 0
    }

    /// Puts a place into it.
    pub const fn insert(&mut self, place: Place) {
        self.0 |= bit(place);
    }

    /// How many are in it.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// The x of the custodians in it, in ascending order.
    pub fn custodians(self) -> impl Iterator<Item = u8> {
        (1..=MAX_CUSTODIANS).filter(move |x| self.has(Place::Custodian(*x)))
    }
}

/// The bit of a place; none for a custodian that there cannot be.
const fn bit(place: Place) -> u16 {
    match place {
        Place::Custodian(x @ 1..=MAX_CUSTODIANS) => 1 << (x - 1),
        Place::Custodian(_) => 0,
        Place::Combiner => 1 << 0xA,
        Place::Dealer => 1 << 0xB,
        Place::Hsm => 1 << 0xC,
    }
}

impl FromIterator<Place> for Mask {
    fn from_iter<I: IntoIterator<Item = Place>>(places: I) -> Self {
        Self(places.into_iter().fold(0, |mask, place| mask | bit(place)))
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mask({:04X})", self.0)
    }
}

/// The m-subsets of custodians 1 to n, numbered from 0 in ascending order of their masks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subsets {
    m: u8,
    n: u8,
}

impl Subsets {
    /// m of n.
    ///
    /// # Errors
    /// [`ShareError::Value`] unless n is 2 to 10 and m 2 to n.
    pub fn new(m: u8, n: u8) -> Result<Self, ShareError> {
        if n > MAX_CUSTODIANS {
            return Err(ShareError::Value("there are 2 to 10 custodians (n)"));
        }
        Scheme::Shamir.check(m, n).map(|()| Self { m, n })
    }

    /// How many there are: C(n, m), 1 to 252.
    #[must_use]
    pub fn count(self) -> u8 {
        binomial(self.n, self.m)
    }

    /// A subset's number, the sum of C(x(k) - 1, k) over its x(1) < ... < x(m); `None` for a mask that has not exactly m
    /// bits, all of them of custodians 1 to n.
    #[must_use]
    pub fn number(self, subset: Mask) -> Option<u8> {
        let fits = subset.count() == u32::from(self.m) && subset.0 & !Mask::all(self.n).0 == 0;
        fits.then(|| (1..).zip(subset.custodians()).map(|(k, x)| binomial(x - 1, k)).sum())
    }

    /// All of them, number 0 first.
    pub fn iter(self) -> impl Iterator<Item = Mask> {
        (0..=Mask::all(self.n).0).map(Mask).filter(move |mask| mask.count() == u32::from(self.m))
    }

    /// The bitmap with the bits of all, and of nothing else.
    #[must_use]
    pub fn full(self) -> Bitmap {
        let mut bitmap = Bitmap::default();
        (0..self.count()).for_each(|number| bitmap.insert(number));
        bitmap
    }
}

/// C(n, k), n at most 10; 0 where k is above n. Every product of the chain divides without rest.
fn binomial(n: u8, k: u8) -> u8 {
    // C(10, 5) = 252 is the largest, and on the way at most ten times that.
    let chosen = (0..k).fold(1_u16, |chosen, i| chosen * u16::from(n.saturating_sub(i)) / (u16::from(i) + 1));
    u8::try_from(chosen).unwrap_or(u8::MAX)
}

/// Subsets by number: number 0 is bit 80 of the first byte, number 8 bit 80 of the second.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Bitmap(pub [u8; 32]);

impl Bitmap {
    /// Whether the subset with this number is in it.
    #[must_use]
    pub const fn has(&self, number: u8) -> bool {
        self.0[number as usize / 8] & 0x80 >> (number % 8) != 0
    }

    /// Puts the subset with this number into it.
    pub const fn insert(&mut self, number: u8) {
        self.0[number as usize / 8] |= 0x80 >> (number % 8);
    }

    /// How many are in it.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.0.iter().map(|byte| byte.count_ones()).sum()
    }

    /// Whether all of these are in the other, too.
    #[must_use]
    pub fn within(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).all(|(own, other)| own & !other == 0)
    }
}

impl fmt::Debug for Bitmap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bitmap({} subsets)", self.count())
    }
}
