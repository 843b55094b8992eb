//! Jobs as they are read, and what is refused with its line and without its text.

mod hostile;
mod states;
mod written;

use super::{EXAMPLE, Job, JobError};

/// What becomes of the example with something else in place of its first `from`.
fn with(from: &str, to: &str) -> Result<Job, JobError> {
    assert!(EXAMPLE.contains(from), "{from:?} is in the example");
    Job::parse(EXAMPLE.replacen(from, to, 1).as_bytes())
}

fn refused(from: &str, to: &str) -> JobError {
    with(from, to).unwrap_err()
}

/// The line of the example that this stands in, from 1.
fn line(of: &str) -> usize {
    1 + EXAMPLE.split_once(of).expect("it is in the example").0.matches('\n').count()
}
