//! Frames of vpcd: the length of the body in two bytes, big-endian, then the body.
//!
//! A body of one byte from the reader is a control message ([`Control`]), any other is an APDU or an ATR.

use std::io::{self, ErrorKind, Read, Write};

/// The most bytes that a frame carries.
pub const MAX_BODY: usize = 65_535;

/// What a reader says in a body of one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Control {
    /// 00: power off. Not answered.
    PowerOff = 0,
    /// 01: power on. Not answered.
    PowerOn = 1,
    /// 02: reset. Not answered.
    Reset = 2,
    /// 04: answered with a frame that holds the ATR.
    Atr = 4,
}

impl Control {
    /// From the only byte of a body; `None` for a byte that vpcd does not define.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::PowerOff),
            1 => Some(Self::PowerOn),
            2 => Some(Self::Reset),
            4 => Some(Self::Atr),
            _ => None,
        }
    }

    /// The body to send.
    #[must_use]
    pub const fn body(self) -> [u8; 1] {
        [self as u8]
    }
}

/// Reads one frame; its body, possibly empty, replaces what is in `body`. `false`: the peer closed between two frames.
///
/// # Errors
/// [`ErrorKind::UnexpectedEof`] where the peer closed within a frame, and whatever `reader` reports.
pub fn read_frame(reader: &mut impl Read, body: &mut Vec<u8>) -> io::Result<bool> {
    body.clear();
    let mut length = [0; 2];
    let got = loop {
        match reader.read(&mut length) {
            Ok(0) => return Ok(false),
            Ok(got) => break got,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    };
    reader.read_exact(&mut length[got..])?;
    body.resize(usize::from(u16::from_be_bytes(length)), 0);
    reader.read_exact(body)?;
    Ok(true)
}

/// Writes one frame with a single write: two would wait for each other's acknowledgement (44 ms). `scratch` keeps its
/// memory for the next frame.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for a body over [`MAX_BODY`], with nothing written; and whatever `writer` reports: then
/// the peer has no whole frame.
pub fn write_frame(writer: &mut impl Write, scratch: &mut Vec<u8>, body: &[u8]) -> io::Result<()> {
    let length = u16::try_from(body.len()).map_err(|_| ErrorKind::InvalidInput)?;
    scratch.clear();
    scratch.extend_from_slice(&length.to_be_bytes());
    scratch.extend_from_slice(body);
    writer.write_all(scratch)
}

#[cfg(test)]
mod tests {
    use super::{Control, MAX_BODY, read_frame, write_frame};
    use std::io::{self, ErrorKind, Read, Write};

    /// Hands out one byte a read and interrupts before each.
    struct Trickle<'a>(&'a [u8], bool);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(ErrorKind::Interrupted.into());
            }
            let one = buffer.len().min(1);
            self.0.read(&mut buffer[..one])
        }
    }

    struct CountWrites(Vec<u8>, usize);

    impl Write for CountWrites {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            self.1 += 1;
            self.0.write(buffer)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn round_trip_of_every_size_class() {
        for size in [0, 1, 2, 255, 256, 65_534, MAX_BODY] {
            let sent: Vec<u8> = (0..=255).cycle().take(size).collect();
            let mut wire = CountWrites(Vec::new(), 0);
            write_frame(&mut wire, &mut Vec::new(), &sent).unwrap();
            assert_eq!((wire.0.len(), wire.1), (size + 2, 1), "{size}: one write, length and body");
            assert_eq!(usize::from(wire.0[0]) * 256 + usize::from(wire.0[1]), size, "big-endian");
            let mut body = vec![0xAA; 9];
            assert!(read_frame(&mut Trickle(&wire.0, false), &mut body).unwrap());
            assert_eq!(body, sent);
        }
    }

    #[test]
    fn the_end_between_frames_is_no_error_and_within_one_is() {
        let frame = [0, 3, 1, 2, 3];
        let mut body = Vec::new();
        assert!(!read_frame(&mut &frame[..0], &mut body).unwrap());
        for cut in 1..frame.len() {
            let error = read_frame(&mut &frame[..cut], &mut body).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "cut after {cut}");
        }
    }

    #[test]
    fn an_oversized_body_is_refused_before_a_byte_is_written() {
        let mut wire = Vec::new();
        let error = write_frame(&mut wire, &mut Vec::new(), &[0; MAX_BODY + 1]).unwrap_err();
        assert_eq!((error.kind(), wire.len()), (ErrorKind::InvalidInput, 0));
    }

    #[test]
    fn control_bytes() {
        for byte in 0..=255 {
            let control = Control::from_byte(byte);
            assert_eq!(control.is_some(), [0, 1, 2, 4].contains(&byte), "{byte}");
            assert!(control.is_none_or(|control| control.body() == [byte]));
        }
    }
}
