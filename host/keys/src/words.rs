//! Enumerations that people write as words.

/// Shown as its `name`, and read from the name of one of its `ALL`; another word is an
/// [`UnknownWord`](crate::vault::UnknownWord) with this text.
macro_rules! words {
    ($type:ty, $unknown:literal) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::vault::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.into_iter().find(|one| one.name() == text).ok_or($crate::vault::UnknownWord($unknown))
            }
        }
    };
}

pub(crate) use words;
