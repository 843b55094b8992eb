//! Frames over a TCP connection, on time and without delayed acknowledgements.

use super::frame::{read_frame, write_frame};
use std::io::{self, BufReader, ErrorKind, Read};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// One connection between a virtual reader and a virtual card. Steady traffic allocates nothing.
#[derive(Debug)]
pub(super) struct Wire {
    reader: BufReader<Timed>,
    scratch: Vec<u8>,
}

impl Wire {
    /// `limit`: for a whole frame, however it trickles in; `None` waits for ever.
    pub(super) fn new(stream: TcpStream, limit: Option<Duration>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let mut timed = Timed { stream, limit: None, began: None, shortened: false };
        timed.set_limit(limit)?;
        Ok(Self { reader: BufReader::new(timed), scratch: Vec::new() })
    }

    /// For waiting on it, and for hanging up from elsewhere.
    pub(super) fn stream(&self) -> &TcpStream {
        &self.reader.get_ref().stream
    }

    pub(super) fn set_limit(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.reader.get_mut().set_limit(limit)
    }

    /// Sends one frame. After an error the peer has no whole frame.
    pub(super) fn send(&mut self, body: &[u8]) -> io::Result<()> {
        write_frame(&mut self.reader.get_mut().stream, &mut self.scratch, body)
    }

    /// Receives one frame; `false` where the peer closed instead. [`ErrorKind::TimedOut`] at the limit.
    pub(super) fn receive(&mut self, body: &mut Vec<u8>) -> io::Result<bool> {
        self.reader.get_mut().start()?;
        read_frame(&mut self.reader, body)
    }

    /// Whether the peer has already sent something that nobody asked for.
    pub(super) fn has_surplus(&self) -> bool {
        !self.reader.buffer().is_empty()
    }
}

/// A stream with one limit for all the reads of a frame.
#[derive(Debug)]
struct Timed {
    stream: TcpStream,
    limit: Option<Duration>,
    /// When the first read of this frame started.
    began: Option<Instant>,
    /// The socket's own limit is what was left of an earlier frame's.
    shortened: bool,
}

impl Timed {
    fn set_limit(&mut self, limit: Option<Duration>) -> io::Result<()> {
        // The system takes zero for "no limit".
        let limit = limit.map(|limit| limit.max(Duration::from_millis(1)));
        self.stream.set_read_timeout(limit)?;
        self.stream.set_write_timeout(limit)?;
        (self.limit, self.shortened) = (limit, false);
        Ok(())
    }

    /// A new frame begins.
    fn start(&mut self) -> io::Result<()> {
        self.began = None;
        if self.shortened {
            self.stream.set_read_timeout(self.limit)?;
            self.shortened = false;
        }
        Ok(())
    }

    /// Before the second and later reads of a frame: the peer wrote it in pieces.
    fn go_on(&mut self, began: Instant) -> io::Result<()> {
        // The peer may hold the next piece back until this one is acknowledged, and the system acknowledges late. It
        // forgets the wish, so that it is repeated.
        #[cfg(target_os = "linux")]
        rustix::net::sockopt::set_tcp_quickack(&self.stream, true)?;
        if let Some(limit) = self.limit {
            let left = limit.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            self.shortened = true;
            self.stream.set_read_timeout(Some(left))?;
        }
        Ok(())
    }
}

impl Drop for Timed {
    /// Hangs up, whoever else has a handle of the connection.
    fn drop(&mut self) {
        // An error says that the line is down already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.began {
            None => self.began = Some(Instant::now()),
            Some(began) => self.go_on(began)?,
        }
        // A limit that runs out is "would block" on Unix.
        self.stream.read(buffer).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => ErrorKind::TimedOut.into(),
            _ => error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Timed;
    use std::io::{ErrorKind, Read, Write};
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    const LIMIT: Duration = Duration::from_secs(60);

    /// A stream with a limit, and two bytes to read from it.
    fn two_bytes() -> (Timed, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        peer.write_all(&[1, 2]).unwrap();
        let mut timed = Timed { stream: listener.accept().unwrap().0, limit: None, began: None, shortened: false };
        timed.set_limit(Some(LIMIT)).unwrap();
        (timed, peer)
    }

    #[test]
    fn pieces_share_one_limit_and_the_next_frame_has_a_whole_one() {
        let (mut timed, _peer) = two_bytes();
        timed.start().unwrap();
        timed.read_exact(&mut [0]).unwrap();
        assert_eq!(timed.stream.read_timeout().unwrap(), Some(LIMIT));
        timed.began = Instant::now().checked_sub(LIMIT / 2);
        timed.read_exact(&mut [0]).unwrap();
        assert!(timed.stream.read_timeout().unwrap().unwrap() <= LIMIT / 2);
        timed.start().unwrap();
        assert_eq!(timed.stream.read_timeout().unwrap(), Some(LIMIT));
    }

    #[test]
    fn a_frame_that_trickles_past_the_limit_is_late_though_bytes_are_there() {
        let (mut timed, _peer) = two_bytes();
        timed.start().unwrap();
        timed.read_exact(&mut [0]).unwrap();
        timed.began = Instant::now().checked_sub(LIMIT);
        assert_eq!(timed.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    }
}
