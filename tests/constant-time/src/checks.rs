//! One operation after another, and the errors that valgrind sees in each.

use crate::valgrind::errors;
use std::hint::black_box;

/// How many branches and addresses may depend on a secret.
#[derive(Clone, Copy)]
pub enum Expect {
    /// None.
    Clean,
    /// Exactly so many, each on something that everybody gets to know, as that a MAC is wrong; and where the function that
    /// found it out is not inlined, its caller may ask again, so many times.
    Public(usize, usize, &'static str),
    /// At least one, and it is known why. What is read from a table passes for public: there may be more than is counted.
    Excepted(&'static str),
    /// At least one: a control.
    Caught,
}

impl Expect {
    /// So many, each asked for once.
    pub const fn public(wanted: usize, what: &'static str) -> Self {
        Self::Public(wanted, 0, what)
    }

    const fn met(self, found: usize) -> bool {
        match self {
            Self::Clean => found == 0,
            Self::Public(wanted, again, _) => wanted <= found && found <= wanted + again,
            Self::Excepted(_) | Self::Caught => found > 0,
        }
    }

    fn words(self) -> String {
        match self {
            Self::Clean => String::new(),
            Self::Public(wanted, 0, what) => format!(" ({wanted} public: {what})"),
            Self::Public(wanted, again, what) => format!(" ({wanted} to {} public: {what})", wanted + again),
            Self::Excepted(why) => format!(" (excepted: {why})"),
            Self::Caught => " (a control: it has to be caught)".to_owned(),
        }
    }
}

/// Counts what was as expected and what was not.
#[derive(Default)]
pub struct Checks {
    passed: usize,
    failed: usize,
}

impl Checks {
    /// Runs an operation. What it gives is as secret as what went in.
    pub fn run<R>(&mut self, name: &str, expect: Expect, operation: impl FnOnce() -> R) -> R {
        let before = errors();
        let result = black_box(operation());
        let found = errors() - before;
        let met = expect.met(found);
        println!("{name}: {found}{}{}", expect.words(), if met { "" } else { " FAILED" });
        *(if met { &mut self.passed } else { &mut self.failed }) += 1;
        result
    }

    /// An operation on secrets that depends on none of them.
    pub fn clean<R>(&mut self, name: &str, operation: impl FnOnce() -> R) -> R {
        self.run(name, Expect::Clean, operation)
    }

    /// The closing line, and whether all was as expected.
    pub fn finish(self) -> bool {
        println!("{} passed, {} failed", self.passed, self.failed);
        self.failed == 0
    }
}
