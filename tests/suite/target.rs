//! Which cards the suite runs on.

use std::io::Write;

/// The cards behind the words of CARD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Sim,
    Java,
    Pcsc,
    /// A real card, and its reader's name.
    Real(String),
}

impl Target {
    pub(crate) fn of_environment() -> Self {
        let card = std::env::var("CARD").unwrap_or_default();
        match card.as_str() {
            "" | "sim" => Self::Sim,
            "java" => Self::Java,
            "pcsc" => Self::Pcsc,
            _ => match card.strip_prefix("pcsc:") {
                Some(reader) if !reader.is_empty() => Self::Real(reader.to_owned()),
                _ => panic!("CARD is sim, java, pcsc or pcsc:READER, not {card:?}"),
            },
        }
    }
}

/// Whether this is no card of worth; with words where it is.
pub(crate) fn is_virtual(what: &str) -> bool {
    let real = matches!(Target::of_environment(), Target::Real(_));
    if real {
        not_here(what, "not on a real card");
    }
    !real
}

/// Something that this target has no use for, or does not offer.
pub(crate) fn not_here(what: &str, why: &str) {
    say(&format!("SKIPPED {what}: {why}\n"));
}

/// Says something in one piece, past the test harness, to the person who runs this.
pub(crate) fn say(text: &str) {
    // Nobody can be told where standard error is gone.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
