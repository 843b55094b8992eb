//! Enrolment: identity keys, and the certificates that the ceremony's CA gives them.

use super::certificate::{Certificate, CertificateBody};
use super::signature::Signature;
use super::{Point, command, done, field, signature};
use crate::apdu::{self, Response};
use crate::gp::{Command, GpError, accepted};
use alloc::vec::Vec;

/// Makes the identity key: `80 38 00 00`. Wants the PIN.
#[derive(Clone, Copy, Debug)]
pub struct GenerateIdentity;

impl Command for GenerateIdentity {
    type Response = ();
    const NAME: &'static str = "GENERATE IDENTITY";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0x38, 0, 0], &[], false, data)
    }

    fn response(&self, response: Response<'_>) -> Result<(), GpError> {
        done(Self::NAME, response)
    }
}

/// Asks for the identity key: `80 3A 00 00 00`.
#[derive(Clone, Copy, Debug)]
pub struct GetIdentity;

/// A card's identity key, and that it has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its point.
    pub point: Point,
    /// The card's signature over [`possession`](super::certificate::possession).
    pub possession: Signature,
}

impl Identity {
    /// Point 65 and signature.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.point.as_slice(), &self.possession.to_der()].concat()
    }
}

impl Command for GetIdentity {
    type Response = Identity;
    const NAME: &'static str = "GET IDENTITY";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0x3A, 0, 0], &[], true, data)
    }

    fn response(&self, response: Response<'_>) -> Result<Identity, GpError> {
        let (point, possession) = field(Self::NAME, accepted(Self::NAME, response)?)?;
        Ok(Identity { point: *point, possession: signature(Self::NAME, possession)? })
    }
}

/// Asks for the card's certificate: `80 3A 01 00 00`.
#[derive(Clone, Copy, Debug)]
pub struct GetCertificate;

impl Command for GetCertificate {
    type Response = Certificate;
    const NAME: &'static str = GetIdentity::NAME;

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0x3A, 1, 0], &[], true, data)
    }

    fn response(&self, response: Response<'_>) -> Result<Certificate, GpError> {
        let malformed = GpError::Malformed { command: Self::NAME, what: "the certificate is not well-formed" };
        Certificate::parse(accepted(Self::NAME, response)?).map_err(|_| malformed)
    }
}

/// Tells the card its CA, once: `80 3C 00 00 41 point`. Wants the PIN.
#[derive(Clone, Copy, Debug)]
pub struct PutCaKey<'a> {
    /// The CA's point.
    pub point: &'a Point,
}

impl Command for PutCaKey<'_> {
    type Response = ();
    const NAME: &'static str = "PUT CA KEY";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0x3C, 0, 0], &[self.point], false, data)
    }

    fn response(&self, response: Response<'_>) -> Result<(), GpError> {
        done(Self::NAME, response)
    }
}

/// The CA certifies a key: `80 3E 00 00 Lc body possession 00`. Wants the PIN.
#[derive(Clone, Copy, Debug)]
pub struct SignCertificate<'a> {
    /// What it signs.
    pub body: &'a CertificateBody,
    /// That the card has the key; `None` for an HSM.
    pub possession: Option<&'a Signature>,
}

impl Command for SignCertificate<'_> {
    /// The CA's signature over the body.
    type Response = Signature;
    const NAME: &'static str = "SIGN CERTIFICATE";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        let possession = self.possession.map(Signature::to_der).unwrap_or_default();
        command([0x3E, 0, 0], &[&self.body.encode(), &possession], true, data)
    }

    fn response(&self, response: Response<'_>) -> Result<Signature, GpError> {
        signature(Self::NAME, accepted(Self::NAME, response)?)
    }
}

/// Gives the card its certificate, once: `80 40 00 00 Lc certificate`.
#[derive(Clone, Copy, Debug)]
pub struct PutCertificate<'a> {
    /// The certificate.
    pub certificate: &'a Certificate,
}

impl Command for PutCertificate<'_> {
    type Response = ();
    const NAME: &'static str = "PUT CERTIFICATE";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0x40, 0, 0], &[&self.certificate.encode()], false, data)
    }

    fn response(&self, response: Response<'_>) -> Result<(), GpError> {
        done(Self::NAME, response)
    }
}
