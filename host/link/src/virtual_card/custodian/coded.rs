//! How what the applet keeps is coded in memory: field after field, nothing between them.

use cardwright_proto::custody::certificate::Certificate;
use cardwright_proto::custody::get_ceremony::Phase;
use cardwright_proto::custody::manifest::{Manifest, Place};
use cardwright_proto::custody::message::Statement;
use cardwright_proto::custody::subset::{Bitmap, Mask};
use cardwright_proto::gp::key::Kcv;
use zeroize::Zeroizing;

/// A value that has a coding.
pub(super) trait Coded: Sized {
    /// Appends it.
    fn put(&self, out: &mut Vec<u8>);

    /// Takes it off the front; `None` where that is none.
    fn take(from: &mut &[u8]) -> Option<Self>;
}

/// A struct is coded as its fields are, in this order.
macro_rules! coded {
    ($of:ident { $($field:ident),* $(,)? }) => {
        impl $crate::virtual_card::custodian::coded::Coded for $of {
            fn put(&self, out: &mut Vec<u8>) {
                $($crate::virtual_card::custodian::coded::Coded::put(&self.$field, out);)*
            }

            fn take(from: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: $crate::virtual_card::custodian::coded::Coded::take(from)?),* })
            }
        }
    };
}
pub(super) use coded;

impl<const N: usize> Coded for [u8; N] {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let (bytes, rest) = from.split_first_chunk()?;
        *from = rest;
        Some(*bytes)
    }
}

impl<const N: usize> Coded for Zeroizing<[u8; N]> {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&**self);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let (bytes, rest) = from.split_first_chunk::<N>()?;
        *from = rest;
        let mut own = Self::new([0; N]);
        own.copy_from_slice(bytes);
        Some(own)
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl Coded for $number {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }

            fn take(from: &mut &[u8]) -> Option<Self> {
                Coded::take(from).map(Self::from_be_bytes)
            }
        })*
    };
}
numbers!(u8, u16, u32);

/// 00, or 01 and the value.
impl<T: Coded> Coded for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.is_some()));
        self.iter().for_each(|value| value.put(out));
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        match u8::take(from)? {
            0 => Some(None),
            1 => T::take(from).map(Some),
            _ => None,
        }
    }
}

/// Their number in 2 bytes, then they.
impl<T: Coded> Coded for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        // What is kept are at most the 512 bytes of a result.
        u16::try_from(self.len()).unwrap_or(u16::MAX).put(out);
        self.iter().for_each(|value| value.put(out));
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        // All the room at once: a list that grows leaves copies.
        let count = u16::take(from)?;
        let mut list = Self::with_capacity(count.into());
        for _ in 0..count {
            list.push(T::take(from)?);
        }
        Some(list)
    }
}

impl Coded for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        <Option<[u8; 0]> as Coded>::take(from).map(|set| set.is_some())
    }
}

impl Coded for Mask {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Coded::take(from).map(Self)
    }
}

impl Coded for Bitmap {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Coded::take(from).map(Self)
    }
}

impl Coded for Kcv {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Coded::take(from).map(Self)
    }
}

impl Coded for Phase {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(self.byte());
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        u8::take(from).and_then(Self::from_byte)
    }
}

impl Coded for Place {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(self.byte());
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        u8::take(from).and_then(Self::from_byte)
    }
}

/// Values that have a coding of their own, with its length before it.
macro_rules! objects {
    ($($object:ty: $encode:ident),*) => {
        $(impl Coded for $object {
            fn put(&self, out: &mut Vec<u8>) {
                self.$encode().put(out);
            }

            fn take(from: &mut &[u8]) -> Option<Self> {
                Self::parse(&Vec::take(from)?).ok()
            }
        })*
    };
}
objects!(Certificate: encode, Manifest: encode, Statement: to_bytes);
