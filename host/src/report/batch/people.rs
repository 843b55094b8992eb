//! What people stated, and whose signatures are on it.

use super::Account;
use super::outside::outside;
use cardwright_keys::approval::time;
use cardwright_keys::job::statement::{Doubt, SIGNERS, Statement as Words, What, judge};
use cardwright_keys::keyref::Name;
use cardwright_registry::jobs::Statement;

/// What a statement says, in words; `None` where nobody can have signed it so.
pub(super) fn says(statement: &Statement) -> Option<(String, Words)> {
    let words = Words::parse(&statement.text).ok()?;
    let what = match &words.what {
        What::Fate { card, fate, .. } => format!("chip {card} is {fate}"),
        What::Cancel { record, .. } => format!("record {record} is not made"),
        What::Variance { variance, balance } => format!("closed with a variance of {variance}: {}", outside(balance)),
    };
    Some((what, words))
}

/// Who signed, with the time, as on file.
pub(super) fn signers(statement: &Statement) -> Vec<String> {
    let by = |(name, at, _): &(Name, u64, [u8; 64])| format!("{} ({})", outside(name.as_str()), time(*at));
    statement.signatures.iter().map(by).collect()
}

impl Account<'_> {
    /// What the signatures of a statement are worth.
    pub(super) fn judged(&self, statement: &Statement) -> String {
        let Some(operators) = self.facts.operators else {
            return "as on file: there are no operators to check signatures against".to_owned();
        };
        match judge(&statement.text, &statement.signatures, operators) {
            Ok(persons) => format!("checked: {} persons signed these words", persons.len()),
            Err(Doubt::Missing { signed, .. }) => format!("{} of {SIGNERS} signatures count", signed.len()),
            Err(_) => "damaged: nobody can have signed it so".to_owned(),
        }
    }
}
