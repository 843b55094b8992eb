//! What two people compared, and the note of it: whose fingerprint it was, and which.

use super::error::CeremonyError;
use super::people::{By, Compared, People};
use super::progress::Progress;
use super::seated::stop;
use cardwright_keys::ceremony::plan::{PersonRole, Plan};
use cardwright_keys::ceremony::transcript::Record;
use cardwright_proto::custody::Hash;

/// Has two people compare a fingerprint, unless this very one is on record as compared. The note that is to be written;
/// `None` where it stands there already.
///
/// # Errors
/// [`CeremonyError::Declined`] for people who may not; what people say.
pub(super) fn compared<P: People>(
    people: &mut P,
    (what, fingerprint): (Compared, &Hash),
    plan: &Plan,
    progress: &Progress,
) -> Result<Option<Record>, P::Error> {
    let stands = |note: &String| progress.notes.contains(note);
    let begin = format!("fingerprint {} of {what} compared by ", hex::encode_upper(fingerprint));
    let unattended = format!("{begin}nobody: the run was unattended");
    if progress.notes.iter().any(|note| note.starts_with(&begin) && *note != unattended) {
        return Ok(None);
    }
    let text = match people.compare(what, fingerprint, &plan.people)? {
        By::Nobody => unattended,
        By::People([first, second]) => {
            may(plan, &first, &second).map_err(|why| stop(CeremonyError::Declined(why)))?;
            format!("{begin}{first} and {second}")
        }
    };
    Ok(Some(Record::Note { text: text.clone() }).filter(|_| !stands(&text)))
}

/// Two people of the plan, neither of them one who leads.
fn may(plan: &Plan, first: &str, second: &str) -> Result<(), &'static str> {
    if first == second {
        return Err("one person confirmed the fingerprint twice");
    }
    for name in [first, second] {
        match plan.people.iter().find(|person| person.name == name).map(|person| person.role) {
            None => return Err("the fingerprint was not confirmed by two people of the plan"),
            Some(PersonRole::Administrator) => {
                return Err("an administrator leads: two others of the plan confirm the fingerprint");
            }
            Some(_) => {}
        }
    }
    Ok(())
}
