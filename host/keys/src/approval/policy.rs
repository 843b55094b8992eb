//! Which operations need how many approvals, from whom, within what time.

use super::Operators;
use crate::lifecycle::{Act, Role};
use serde::Deserialize;

/// What one kind of operation needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Persons who have to approve, the one who asks not counted.
    pub approvals: usize,
    /// Roles of which each of them has one.
    pub of: Vec<Role>,
    /// Seconds from the request until it has to be done.
    pub within: u64,
}

/// A policy file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Policy {
    rules: Vec<(Act, Rule)>,
}

/// A policy that cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A word that stands for nothing.
    #[error("{0}")]
    Word(String),
    /// Two rules about the same.
    #[error("`{0}` has two rules")]
    Twice(Act),
    /// It asks for less than any policy has to.
    #[error("`{act}` needs {least} approval at the least, the policy asks for {approvals}")]
    TooFew {
        /// The operation.
        act: Act,
        /// What the rule says.
        approvals: usize,
        /// What it has to say.
        least: usize,
    },
    /// There are not so many persons.
    #[error("`{act}` needs {approvals} approvals, and beside one who may ask for it {persons} persons may give one")]
    TooMany {
        /// The operation.
        act: Act,
        /// What the rule says.
        approvals: usize,
        /// Persons who may approve, not retired, beside the one who asks; 0 where nobody may ask.
        persons: usize,
    },
    /// A time that is none: a number and `m`, `h` or `d`.
    #[error("`{0}` is no time: write 30m, 24h or 7d")]
    Time(String),
}

/// A day: the time where no rule says another.
const WITHIN: u64 = 86_400;

impl Policy {
    /// What the operation needs: its rule, or where there is none the least that any policy has.
    #[must_use]
    pub fn rule(&self, act: Act) -> Rule {
        let found = self.rules.iter().find(|(of, _)| *of == act).map(|(_, rule)| rule.clone());
        found.unwrap_or_else(|| Rule { approvals: act.least_approvals(), of: Role::ALL.to_vec(), within: WITHIN })
    }

    /// Whether there are people enough to keep it.
    ///
    /// # Errors
    /// [`PolicyError::TooMany`]
    pub fn fits(&self, operators: &Operators) -> Result<(), PolicyError> {
        self.unkept(operators).into_iter().next().map_or(Ok(()), Err)
    }

    /// The rules that there are not people enough for, each as [`PolicyError::TooMany`].
    #[must_use]
    pub fn unkept(&self, operators: &Operators) -> Vec<PolicyError> {
        let rule = |act: Act| {
            let Rule { approvals, of, .. } = self.rule(act);
            let approve = operators.persons(&of);
            let beside = |asks| approve.len() - usize::from(approve.contains(asks));
            let persons = operators.persons(act.roles()).into_iter().map(beside).max().unwrap_or(0);
            (approvals > persons).then_some(PolicyError::TooMany { act, approvals, persons })
        };
        Act::ALL.into_iter().filter_map(rule).collect()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    rule: Vec<WrittenRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    operation: String,
    approvals: usize,
    of: Vec<String>,
    within: Option<String>,
}

impl TryFrom<Written> for Policy {
    type Error = PolicyError;

    fn try_from(written: Written) -> Result<Self, PolicyError> {
        let mut rules: Vec<(Act, Rule)> = Vec::new();
        for one in written.rule {
            let act: Act =
                one.operation.parse().map_err(|_| PolicyError::Word(format!("`{}` is no operation", one.operation)))?;
            if act == Act::Supersede {
                return Err(PolicyError::Word("`supersede` comes with `activate`, and is approved with it".to_owned()));
            }
            if rules.iter().any(|(of, _)| *of == act) {
                return Err(PolicyError::Twice(act));
            }
            let of =
                one.of.iter().map(|role| role.parse::<Role>().map_err(|error| PolicyError::Word(error.to_string())));
            let of = of.collect::<Result<_, _>>()?;
            let least = act.least_approvals();
            if one.approvals < least {
                return Err(PolicyError::TooFew { act, approvals: one.approvals, least });
            }
            let within = one.within.map_or(Ok(WITHIN), |text| span(&text).ok_or(PolicyError::Time(text)))?;
            rules.push((act, Rule { approvals: one.approvals, of, within }));
        }
        Ok(Self { rules })
    }
}

/// The beginning of a day, UTC, in seconds since 1970-01-01.
#[must_use]
pub fn day(text: &str) -> Option<u64> {
    let day: jiff::civil::Date = text.parse().ok().filter(|_| text.len() == 10)?;
    let start = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    u64::try_from(start).ok()
}

/// Seconds of `30m`, `24h`, `7d`.
#[must_use]
pub fn span(text: &str) -> Option<u64> {
    let (unit, seconds) =
        [('m', 60), ('h', 3600), ('d', 86_400)].into_iter().find(|(unit, _)| text.ends_with(*unit))?;
    let number = text.strip_suffix(unit).filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))?;
    number.parse::<u64>().ok().filter(|number| *number > 0)?.checked_mul(seconds)
}
