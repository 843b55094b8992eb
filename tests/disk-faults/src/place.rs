//! Which file an operation is about, without a byte from the heap: a program may be in the middle of its allocator.

use libc::{AT_FDCWD, PATH_MAX, SYS_getcwd, SYS_readlinkat, c_char, c_int, c_long};

const ROOM: usize = PATH_MAX as usize;

/// A path, as far as it fits.
pub(crate) struct Place {
    bytes: [u8; ROOM],
    len: usize,
}

impl Place {
    const fn empty() -> Self {
        Self { bytes: [0; ROOM], len: 0 }
    }

    /// Takes these bytes.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut place = Self::empty();
        place.push(bytes);
        place
    }

    /// Of an open file, as the system knows it.
    pub(crate) fn of_descriptor(fd: c_int) -> Self {
        let mut link = Self::new(b"/proc/self/fd/");
        link.push(Digits::of(fd.unsigned_abs().into()).text());
        link.push(b"\0");
        let mut place = Self::empty();
        // SAFETY: the link ends in a zero, and the room is ours.
        let len =
            unsafe { libc::syscall(SYS_readlinkat, AT_FDCWD, link.bytes.as_ptr(), place.bytes.as_mut_ptr(), ROOM) };
        place.len = usize::try_from(len).unwrap_or(0);
        place
    }

    /// Of a name that an operation is given. Links and `..` in it are not followed.
    ///
    /// # Safety
    ///
    /// `name` is null or ends in a zero.
    pub(crate) unsafe fn of_name(directory: c_int, name: *const c_char) -> Self {
        if name.is_null() {
            return Self::empty();
        }
        // SAFETY: the caller says so.
        let name = unsafe { core::ffi::CStr::from_ptr(name) }.to_bytes();
        if name.starts_with(b"/") {
            return Self::new(name);
        }
        let mut place = if directory == AT_FDCWD { Self::current() } else { Self::of_descriptor(directory) };
        place.push(b"/");
        place.push(name);
        place
    }

    fn current() -> Self {
        let mut place = Self::empty();
        // SAFETY: the room is ours. The length that comes back counts the zero at the end.
        let len: c_long = unsafe { libc::syscall(SYS_getcwd, place.bytes.as_mut_ptr(), ROOM) };
        place.len = usize::try_from(len - 1).unwrap_or(0);
        place
    }

    fn push(&mut self, bytes: &[u8]) {
        let fits = bytes.len().min(ROOM - self.len);
        self.bytes[self.len..self.len + fits].copy_from_slice(&bytes[..fits]);
        self.len += fits;
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// What stands behind this directory: `.` for itself; `None` where it is somewhere else.
    pub(crate) fn below<'a>(&'a self, directory: &Self) -> Option<&'a [u8]> {
        match self.bytes().strip_prefix(directory.bytes())? {
            [] => Some(b"."),
            [b'/', rest @ ..] => Some(rest),
            _ => None,
        }
    }
}

/// A decimal number.
pub(crate) struct Digits {
    bytes: [u8; 20],
    from: usize,
}

impl Digits {
    pub(crate) fn of(mut number: u64) -> Self {
        let mut digits = Self { bytes: [b'0'; 20], from: 20 };
        loop {
            digits.from -= 1;
            digits.bytes[digits.from] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return digits;
            }
        }
    }

    pub(crate) fn text(&self) -> &[u8] {
        &self.bytes[self.from..]
    }
}
