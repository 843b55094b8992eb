//! Cryptoperiods: how long a key makes new things, and how long those are read (SP 800-57 Part 1 Rev. 5, 5.3.6, table 1).

use crate::vault::Purpose;

/// Days in the table's years.
const YEAR: u64 = 365;

/// Seconds in a day.
const DAY: u64 = 86_400;

/// How long a key of a kind serves, in days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cryptoperiod {
    /// The kind of key, as the table names it.
    pub kind: &'static str,
    /// Originator usage: from activation on, so long.
    pub originator: u64,
    /// Recipient usage goes on so long after originator usage. The table gives a master key none; the cards that have its
    /// keys are reached with it until they are rotated, and so it gets what the keys that it derives get.
    pub recipient_after: u64,
}

impl Cryptoperiod {
    /// Of keys that are kept for this.
    #[must_use]
    pub const fn of(purpose: Purpose) -> Self {
        let (kind, originator) = match purpose {
            Purpose::Master => ("symmetric master key", YEAR),
            Purpose::Card | Purpose::Mac => ("symmetric authentication key", 2 * YEAR),
            Purpose::Enc => ("symmetric data-encryption key", 2 * YEAR),
            Purpose::Dek => ("symmetric key-wrapping key", 2 * YEAR),
        };
        Self { kind, originator, recipient_after: 3 * YEAR }
    }

    /// The moments of a key that was activated then.
    #[must_use]
    pub const fn times(&self, activated: u64) -> Times {
        let originator_ends = activated.saturating_add(self.originator * DAY);
        Times { originator_ends, recipient_ends: originator_ends.saturating_add(self.recipient_after * DAY) }
    }
}

/// When a key's usage ends. Seconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// It is to make nothing new from here on.
    pub originator_ends: u64,
    /// It is to serve for nothing from here on.
    pub recipient_ends: u64,
}

/// Whose usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Making new things.
    Originator,
    /// Reading what was made.
    Recipient,
}

/// Where a moment is in a key's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// Nothing is due within the days asked for.
    Running,
    /// A usage ends in so many seconds.
    Ending(Whose, u64),
    /// A usage has ended so many seconds ago.
    Over(Whose, u64),
}

impl Times {
    /// Where `now` is, looking `ahead` seconds forward.
    #[must_use]
    pub const fn at(&self, now: u64, ahead: u64) -> Period {
        if now >= self.recipient_ends {
            Period::Over(Whose::Recipient, now - self.recipient_ends)
        } else if self.recipient_ends - now <= ahead {
            Period::Ending(Whose::Recipient, self.recipient_ends - now)
        } else if now >= self.originator_ends {
            Period::Over(Whose::Originator, now - self.originator_ends)
        } else if self.originator_ends - now <= ahead {
            Period::Ending(Whose::Originator, self.originator_ends - now)
        } else {
            Period::Running
        }
    }
}
