//! What to do where a ceremony stops.

use crate::advice::{advice_on, code_of};
use cardwright::ceremony::CeremonyError;

/// A ceremony's error for the shell.
pub(crate) fn exit_code(error: &CeremonyError) -> u8 {
    match error {
        CeremonyError::Plan { .. }
        | CeremonyError::NoPlan(_)
        | CeremonyError::OtherPlan(_)
        | CeremonyError::HostMode
        | CeremonyError::BlindMode
        | CeremonyError::KeyLength { .. }
        | CeremonyError::Share(_)
        | CeremonyError::NoCa
        | CeremonyError::TwoCas(_)
        | CeremonyError::OtherCa { .. }
        | CeremonyError::NotPlanned(_)
        | CeremonyError::NothingDealt
        | CeremonyError::DealtAlready
        | CeremonyError::DoneAfterAll(_)
        | CeremonyError::CutOff(_)
        | CeremonyError::NoRelease(_)
        | CeremonyError::FewNamed { .. }
        | CeremonyError::Unfinished { .. }
        | CeremonyError::NothingUnfinished
        | CeremonyError::NoHsm
        | CeremonyError::OtherHsm
        | CeremonyError::NoCustodian(_)
        | CeremonyError::Dice
        | CeremonyError::Declined(_)
        | CeremonyError::Nobody(_) => 2,
        CeremonyError::Transcript { .. }
        | CeremonyError::Refused { .. }
        | CeremonyError::Chain(_)
        | CeremonyError::Manifest(_)
        | CeremonyError::Evidence { .. }
        | CeremonyError::Missing(_)
        | CeremonyError::Kcv { .. }
        | CeremonyError::NoBox
        | CeremonyError::Box(_)
        | CeremonyError::Shares(_)
        | CeremonyError::Line(_) => 7,
        CeremonyError::TestCa(_) | CeremonyError::NoTestCaKey(_) => 8,
        CeremonyError::File { .. } | CeremonyError::InUse(_) | CeremonyError::Failed => 9,
        CeremonyError::Card { error, .. } => code_of(error),
        // What a card is, or does not have.
        _ => 4,
    }
}

/// What to do about it.
pub(crate) fn advice(error: &CeremonyError) -> Option<&'static str> {
    Some(match error {
        CeremonyError::InUse(_) => "wait until it has ended: one process works with a ceremony at a time",
        CeremonyError::NoPlan(_) => "`cardwright ceremony run DIR --plan FILE` begins one",
        CeremonyError::OtherPlan(_) => "leave --plan out to go on with that one, or begin in another directory",
        CeremonyError::Plan { .. } => "mend the plan; `cardwright ceremony plan FILE` reviews it",
        CeremonyError::HostMode => "put dealer and combiner into a plan with mode = \"blind\"",
        CeremonyError::BlindMode => "leave --split and --wrapped out, or make a plan with mode = \"host\"",
        CeremonyError::KeyLength { .. } => "split a key as long as the plan says, or mend `bits` in the plan",
        CeremonyError::Shares(_) => "a share is bad or of another deal: use others (--from)",
        CeremonyError::NoCa => "put a card with role ca into the plan, or pass --test-ca where nothing is at stake",
        CeremonyError::TwoCas(_) => "leave --test-ca out, or take the card out of the plan",
        CeremonyError::NotPlanned(_) => "a plan's steps are what its people agreed on: it takes another plan",
        CeremonyError::Unfinished { .. } => {
            "go on with it, by the command that began it; or end it: `cardwright ceremony abandon DIR`"
        }
        CeremonyError::NothingDealt => "`cardwright ceremony run DIR` deals",
        CeremonyError::NoHsm => "pass --into or --hsm-key, the same as before",
        CeremonyError::OtherHsm => {
            "pass the same --into or --hsm-key as before, or end that release with `cardwright ceremony abandon`"
        }
        CeremonyError::Transcript { .. } | CeremonyError::Chain(_) | CeremonyError::Refused { .. } => {
            "nothing goes on over a transcript that was changed: restore it from a copy, and find out why"
        }
        CeremonyError::WrongCard { .. } => {
            "put in the card that was asked for; where the combiner's is lost, begin again with another one and --new-combiner"
        }
        CeremonyError::Sequence { .. } => {
            "end this with `cardwright ceremony abandon`, and begin it again with --sequence, higher than the card's"
        }
        CeremonyError::Evidence { .. } => "set that card aside: what it says is not to be relied on",
        CeremonyError::TooFew { .. } => {
            "the operation is ended; others with a share may be asked in another one (--from)"
        }
        CeremonyError::DoneAfterAll(_) => "`cardwright ceremony run DIR` finishes it",
        CeremonyError::CutOff(_) => {
            "end it: `cardwright ceremony abandon DIR`; destroy what was kept of it: `cardwright ceremony destroy DIR`; and \
             begin again"
        }
        CeremonyError::OtherSet { .. } => "put in the card that was dealt to, or name the directory of its shares",
        CeremonyError::NoRelease(_) => "leave --hsm-key and --into out",
        CeremonyError::OtherManifest(_) => {
            "end this with `cardwright ceremony abandon`, and begin it again with --sequence, higher than the card's"
        }
        CeremonyError::BadShare(_) => {
            "end this with `cardwright ceremony abandon`, and begin it again with others (--from)"
        }
        CeremonyError::SequenceTooHigh { .. } => {
            "end this with `cardwright ceremony abandon`, and begin it again with a lower --sequence"
        }
        CeremonyError::Revoked(_) => {
            "that card has no part in this any more: use others (--from), or deal anew without it"
        }
        CeremonyError::Kcv { .. } => "do not use that key: it is another one than was dealt",
        CeremonyError::Declined(_) => "find out which of the two is the right one before going on",
        CeremonyError::Nobody(_) => "name readers with --card and PINs with --pin, or let somebody answer",
        CeremonyError::File { .. } => "free the disk or mend the directory",
        CeremonyError::Card { error, .. } => return advice_on(error),
        _ => return None,
    })
}
