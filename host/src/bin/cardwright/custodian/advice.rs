//! What to do where something went wrong with a custodian card.

use cardwright::custodian::CustodianError;
use cardwright::error::Error;
use cardwright_proto::custody::PinRefused;
use cardwright_proto::custody::change_pin::ChangePin;
use cardwright_proto::custody::get_state::GetState;
use cardwright_proto::custody::read_share::ReadShare;
use cardwright_proto::custody::store_share::StoreShare;
use cardwright_proto::custody::verify::Verify;
use cardwright_proto::custody::wipe::Wipe;
use cardwright_proto::gp::Command as _;

/// What to do about a custodian card that is not what is asked of it.
pub(crate) fn advice(error: &CustodianError) -> Option<&'static str> {
    Some(match error {
        CustodianError::NoApplet => "insert a custodian card, or load the applet and install it on this one",
        CustodianError::Version(_) => "use a cardwright that works with this version of the applet",
        CustodianError::NoPin => "`cardwright custodian pin set` gives it one",
        CustodianError::PinThere => "`cardwright custodian pin change` puts another in its place",
        CustodianError::Blocked => BLOCKED,
        CustodianError::ShareThere => {
            "a card keeps one share: take another card, or destroy that one with `cardwright custodian wipe`"
        }
        CustodianError::NoShare => "insert the card that has it; `cardwright custodian info` shows what a card keeps",
        CustodianError::Blind => {
            "only cards combine such shares among themselves: `cardwright ceremony` goes with them"
        }
        CustodianError::Unproved { command: ChangePin::NAME, .. } => return lost(ChangePin::NAME),
        CustodianError::Unproved { .. } => {
            "somebody on the line, or the reader, may have answered for the card: try another reader, and look with \
             `cardwright custodian info`; do not destroy a share for this"
        }
        CustodianError::OtherShare => "look at it with `cardwright custodian info`, and set the card aside",
        _ => return None,
    })
}

/// What to do about a refused PIN. 63CX is authenticated, and 6983 never gets here: the card's state stands for it.
pub(crate) const fn wrong_pin(refused: PinRefused) -> &'static str {
    match refused {
        PinRefused::Wrong { left: 1 } => {
            "another wrong PIN loses the share for good: find the right one first; it gives all tries back"
        }
        PinRefused::Wrong { .. } => "the right PIN gives all tries back; the third wrong one in a row loses the share",
        PinRefused::WrongAndBlocked | PinRefused::Blocked => BLOCKED,
    }
}

/// Behind a PIN that the card proves to be blocked.
const BLOCKED: &str =
    "no host can unblock it; `cardwright custodian wipe --all` makes the card as new but for its identity";

/// Where the error leaves open what became of a command of the applet: what to do then.
pub(crate) fn after_a_lost_answer(error: &Error) -> Option<&'static str> {
    match error {
        Error::Link { command, .. } if error.is_lost() => lost(command),
        // The session is over, and what came in the answer's place proves nothing.
        Error::Scp { command, .. } if matches!(*command, ChangePin::NAME | StoreShare::NAME | Wipe::NAME) => {
            lost(command)
        }
        _ => None,
    }
}

fn lost(command: &str) -> Option<&'static str> {
    Some(match command {
        Verify::NAME => {
            "the PIN may have cost a try, which the right one gives back; nothing else was changed: run the same command again"
        }
        ChangePin::NAME => {
            "the card has the old or the new PIN, or its first one where it had none; a wrong one costs one try, the right \
             one gives all back: `cardwright custodian info` shows the tries"
        }
        StoreShare::NAME => {
            "`cardwright custodian info` tells whether the share is on the card; where it is not, run the same command again"
        }
        Wipe::NAME => {
            "`cardwright custodian info` tells whether the share is gone; where it is not, run the same command again"
        }
        ReadShare::NAME => "the card still has the share, and the file was not made: run the same command again",
        GetState::NAME => "nothing was changed: run the same command again",
        _ => return None,
    })
}
