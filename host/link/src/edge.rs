//! To and from `apdu-core`, for programs that speak its types. Short commands only go out.
//!
//! `apdu-core` codes extended lengths low byte first, and panics at it: its `write`, and the `Vec` made of its
//! command, have no use here. Send what [`from_apdu_core`] gives.

use cardwright_proto::apdu::{Command, Form, Header, Ne, Response};

/// A command that `apdu-core` cannot carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EdgeError {
    /// The command has extended lengths, or needs them.
    #[error("apdu-core codes extended lengths wrongly: only short commands can be handed to it")]
    Extended,
}

/// Takes a command from `apdu-core`, of any length. Its `le` counts bytes; 0 asks for all that the form can hold.
/// The form is the shortest that holds data and `le`; data over 65,535 bytes are refused when encoding.
#[must_use]
pub fn from_apdu_core<'a>(command: &apdu_core::Command<'a>) -> Command<'a> {
    let header = Header::new(command.cla, command.ins, command.p1, command.p2);
    let data = command.payload.unwrap_or_default();
    let ne = command.le.map(|le| match le {
        0 if data.len() <= 255 => Ne::SHORT_MAX,
        le => Ne::from_extended(le),
    });
    Command::new(header, data, ne)
}

/// Gives a short command to `apdu-core`. 256 bytes of response are its `le` of 0.
///
/// # Errors
/// [`EdgeError::Extended`] for extended form, and for data or Ne that need it.
pub fn to_apdu_core<'a>(command: &Command<'a>) -> Result<apdu_core::Command<'a>, EdgeError> {
    let le = match command.ne.map(Ne::get) {
        None => None,
        Some(256) => Some(0),
        Some(ne) => Some(u16::from(u8::try_from(ne).map_err(|_| EdgeError::Extended)?)),
    };
    if command.form == Form::Extended || command.data.len() > 255 {
        return Err(EdgeError::Extended);
    }
    let Header { cla, ins, p1, p2 } = command.header;
    let payload = (!command.data.is_empty()).then_some(command.data);
    Ok(apdu_core::Command { cla, ins, p1, p2, le, payload })
}

/// Gives a response to `apdu-core`.
#[must_use]
pub fn response_to_apdu_core<'a>(response: &Response<'a>) -> apdu_core::Response<'a> {
    let [sw1, sw2] = response.sw.0.to_be_bytes();
    apdu_core::Response { payload: response.data, trailer: (sw1, sw2) }
}

#[cfg(test)]
mod tests {
    use super::{EdgeError, from_apdu_core, response_to_apdu_core, to_apdu_core};
    use cardwright_proto::apdu::{Command, Form, Header, Ne, Response};

    const HEADER: Header = Header::new(0x80, 0xCA, 0x01, 0x02);

    #[test]
    fn short_commands_of_every_case_come_back_and_encode_alike() {
        for data in [&[][..], &[7], &[0xA5; 255]] {
            for ne in [None, Some(Ne::from_short(1)), Some(Ne::from_short(255)), Some(Ne::SHORT_MAX)] {
                let command = Command::new(HEADER, data, ne);
                let theirs = to_apdu_core(&command).unwrap();
                assert_eq!(from_apdu_core(&theirs), command);
                assert_eq!(Vec::from(theirs), command.encode().unwrap(), "short forms are right in apdu-core");
            }
        }
    }

    #[test]
    fn what_needs_extended_lengths_is_not_handed_over() {
        let data = [0; 256];
        let extended = Command { form: Form::Extended, ..Command::new(HEADER, &data[..1], None) };
        for command in [
            Command::new(HEADER, &data, None),
            Command::new(HEADER, &[], Some(Ne::from_extended(257))),
            Command::new(HEADER, &[], Some(Ne::EXTENDED_MAX)),
            Command { form: Form::Short, ..Command::new(HEADER, &data, None) },
            extended,
        ] {
            assert_eq!(to_apdu_core(&command).unwrap_err(), EdgeError::Extended);
        }
    }

    #[test]
    fn extended_commands_are_taken_and_coded_high_byte_first() {
        let data = [0x11; 0x0102];
        let theirs = apdu_core::Command::new_with_payload_le(0x80, 0xE8, 0, 0, 0x0304, &data);
        let bytes = from_apdu_core(&theirs).encode().unwrap();
        assert_eq!(bytes[..7], [0x80, 0xE8, 0, 0, 0x00, 0x01, 0x02]);
        assert_eq!(bytes[7 + data.len()..], [0x03, 0x04]);
    }

    #[test]
    fn le_of_zero_asks_for_everything() {
        let short = apdu_core::Command::new_with_le(0, 0xB0, 0, 0, 0);
        assert_eq!(from_apdu_core(&short).ne, Some(Ne::SHORT_MAX));
        let long = [0; 256];
        let extended = apdu_core::Command::new_with_payload_le(0, 0xB0, 0, 0, 0, &long);
        assert_eq!(from_apdu_core(&extended).ne, Some(Ne::EXTENDED_MAX));
        let two_hundred_fifty_six = apdu_core::Command::new_with_le(0, 0xB0, 0, 0, 256);
        assert_eq!(from_apdu_core(&two_hundred_fifty_six).form, Form::Short);
    }

    #[test]
    fn responses() {
        let theirs = response_to_apdu_core(&Response::parse(&[1, 2, 0x63, 0x10]).unwrap());
        assert_eq!((theirs.payload, theirs.trailer), (&[1, 2][..], (0x63, 0x10)));
    }
}
