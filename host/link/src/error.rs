//! What can go wrong between the host and a card, below the status word.

use std::time::Duration;

/// Why no response came.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The command was sent and no whole answer came back: the card may have carried it out, or not.
    #[error("the answer was lost ({0}): nobody knows whether the card carried the command out")]
    Lost(Lost),
    /// An earlier command lost its answer and the link has not been reset since. Nothing was sent.
    #[error("the link went down earlier ({0}) and was not reset since: nothing was sent")]
    Down(Lost),
    /// There is no reader of that name.
    #[error("no reader matches `{name}`; there {}", if available.is_empty() { "is none".to_owned() } else { format!("are: {}", available.join(", ")) })]
    NoReader {
        /// What was asked for.
        name: String,
        /// The readers that there are.
        available: Vec<String>,
    },
    /// More than one reader matches.
    #[error("`{name}` fits more than one reader: {}", matching.join(", "))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// The readers that match.
        matching: Vec<String>,
    },
    /// The reader has no card.
    #[error("there is no card in reader `{0}`")]
    NoCard(String),
    /// There is a card, and it gives no answer to reset: it is the wrong way round, or broken.
    #[error("the card in reader `{0}` does not answer: it is the wrong way round, or broken")]
    Mute(String),
    /// No virtual card dialled in and gave its ATR.
    #[error("no virtual card connected to port {port} and gave its ATR within {waited:?}")]
    NoVirtualCard {
        /// The port that was listened on.
        port: u16,
        /// For how long.
        waited: Duration,
    },
    /// A card of ours found no reader to dial in to.
    #[error("no virtual reader listened on {address} within {waited:?}")]
    NoVirtualReader {
        /// Where it should have listened.
        address: std::net::SocketAddr,
        /// For how long the card tried.
        waited: Duration,
    },
    /// The reader's URI is not one.
    #[error("`{uri}` is no reader: {reason}")]
    Uri {
        /// As given.
        uri: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The command is longer than the link can carry.
    #[error("{0} bytes are more than this link carries in one command")]
    TooLong(usize),
    /// The command has no header. (vpcd would take a single byte for a control message.)
    #[error("a command has at least 4 bytes, this one has {0}")]
    TooShort(usize),
    /// The PC/SC service did not answer: a card that never answers holds it up for everybody.
    #[error("PC/SC did not answer within {0:?}: a reader or card that hangs may be holding it up")]
    PcscBusy(Duration),
    /// The PC/SC service said no, before anything was sent.
    #[error("PC/SC: {0}")]
    Pcsc(pcsc::Error),
    /// The socket or a file failed, before anything was sent.
    #[error("{what}: {error}")]
    Io {
        /// What was attempted.
        what: String,
        /// The system's answer.
        error: std::io::Error,
    },
    /// A simulated card's state is not usable.
    #[error("the simulated card's state: {0}")]
    CardState(String),
}

/// How a response was lost.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Lost {
    /// Fewer than the two bytes of a status word came back: pcscd says so of a card that vanished.
    #[error("{0} byte(s) came back, a status word has 2")]
    Short(usize),
    /// The time limit ran out.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The link broke after the command was sent.
    #[error("the link broke: {0}")]
    Broken(String),
    /// A simulated card lost its power.
    #[error("the simulated card lost power")]
    Torn,
}
