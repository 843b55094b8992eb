//! Enrolment: cards get a PIN, a key, a CA, a certificate. A card that has one of these already is taken as it is.

use super::course::Seat;
use super::error::CeremonyError;
use super::minutes::{has_key, is_certified};
use super::people::{Compared, People};
use super::progress::Enrolled;
use super::seated::{Seated, stop};
use super::test_ca::TestCa;
use super::written::compared;
use crate::custodian::CustodianError;
use cardwright_keys::ceremony::transcript::Record;
use cardwright_keys::custody::hash::sha256;
use cardwright_keys::vault::Vault;
use cardwright_proto::custody::certificate::{Certificate, CertificateBody, CertifiedKey, Roles};
use cardwright_proto::custody::change_pin::ChangePin;
use cardwright_proto::custody::enrol::{
    GenerateIdentity, GetCertificate, GetIdentity, Identity, PutCaKey, PutCertificate, SignCertificate,
};
use cardwright_proto::custody::manifest::Place;
use cardwright_proto::custody::signature::Signature;
use cardwright_proto::custody::{PERSONALIZED, Point};

/// What a visit to be enrolled told of a card.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Its identity: no card counts twice.
    pub(super) identity: [u8; 8],
    /// The highest sequence that it approved.
    pub(super) sequence: u32,
    /// What is to be written down of it, once all before it are.
    pub(super) request: Option<Request>,
}

impl Seen {
    /// A card that was enrolled before.
    pub(super) fn of(enrolled: &Enrolled) -> Self {
        let Certificate { body, signature } = enrolled.certificate;
        let request = Request { body, possession: enrolled.possession, signature: Some(signature) };
        Self { identity: body.identity, sequence: 0, request: Some(request) }
    }
}

/// A certificate that is wanted, or there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) body: CertificateBody,
    /// None of an HSM.
    pub(super) possession: Option<Signature>,
    /// The CA's, where there is one by now.
    pub(super) signature: Option<Signature>,
}

impl Request {
    /// The line, from when it is signed.
    pub(super) fn record(&self) -> Option<Record> {
        let certificate = Certificate { body: self.body, signature: self.signature? };
        Some(Record::Enrol { certificate, possession: self.possession })
    }
}

impl<P: People, V: Vault> Seated<'_, '_, '_, '_, '_, P, V> {
    /// A member's card. With a test CA it is certified at once.
    pub(super) fn enrol(&mut self, place: Place, test_ca: Option<&TestCa>) -> Result<Seen, P::Error> {
        let (identity, sequence) = (self.state().card.identity, self.ceremony.sequence);
        let mut request = None;
        if self.minutes.progress.certificate(place).is_none() {
            if matches!(place, Place::Custodian(_)) && self.state().share.is_some() {
                return Err(self.failed(CustodianError::ShareThere.into()));
            }
            let ca = self.minutes.progress.ca.ok_or_else(|| stop(CeremonyError::Missing("the CA's key")))?;
            let own = self.identity()?;
            let mut wanted = self.request(place.role(), &own, &ca)?;
            if let Some(test_ca) = test_ca {
                wanted.signature = Some(wanted.signature.unwrap_or_else(|| test_ca.sign(&wanted.body)));
                self.enrolled(&wanted)?;
            } else {
                request = Some(wanted);
            }
        }
        self.put_certificate(Seat::At(place))?;
        Ok(Seen { identity, sequence, request })
    }

    /// The CA's own card.
    pub(super) fn enrol_ca(&mut self) -> Result<Seen, P::Error> {
        let (identity, sequence) = (self.state().card.identity, self.ceremony.sequence);
        let own = self.identity()?;
        if !self.ceremony.ca_key {
            self.with_pin(&PutCaKey { point: &own.point })?;
            self.refresh()?;
        }
        if !self.ceremony.is_ca {
            return Err(self.evidence("it has another CA's key, so it certifies nobody"));
        }
        self.ca_point(&own.point)?;
        if self.minutes.progress.ca_certificate().is_none() {
            let mut request = self.request(Roles::CA, &own, &own.point)?;
            if request.signature.is_none() {
                request.signature = Some(self.certify(&request)?);
            }
            self.enrolled(&request)?;
        }
        self.put_certificate(Seat::Ca)?;
        Ok(Seen { identity, sequence, request: None })
    }

    /// The CA's point, which two people compare.
    fn ca_point(&mut self, point: &Point) -> Result<(), P::Error> {
        if self.minutes.progress.ca.is_some_and(|ca| ca != *point) {
            return Err(self.evidence("it is another CA than the one on record"));
        }
        let fingerprint = sha256(&[point]);
        let note = compared(self.people, (Compared::Ca, &fingerprint), self.minutes.plan, &self.minutes.progress)?;
        if self.minutes.progress.ca.is_none() {
            self.minutes.say(&Record::Ca { key: *point }).map_err(stop)?;
        }
        note.map_or(Ok(()), |note| self.minutes.say(&note)).map_err(stop)
    }

    /// SIGN CERTIFICATE.
    pub(super) fn certify(&mut self, request: &Request) -> Result<Signature, P::Error> {
        let command = SignCertificate { body: &request.body, possession: request.possession.as_ref() };
        self.with_pin(&command)
    }

    /// Writes down a certificate. A signature that is not good is the fault of the card that is in the reader: the CA's,
    /// or one that brought it.
    pub(super) fn enrolled(&mut self, request: &Request) -> Result<(), P::Error> {
        let ca = self.minutes.progress.ca.ok_or_else(|| stop(CeremonyError::Missing("the CA's key")))?;
        let good = request.signature.is_some_and(|signature| is_certified(&ca, &request.body, &signature));
        let record = request.record().filter(|_| good);
        let record = record.ok_or_else(|| self.evidence("the CA's signature of its certificate is not good"))?;
        self.minutes.say(&record).map_err(stop)
    }

    /// PUT CERTIFICATE of what is on record, unless the card has one.
    pub(super) fn put_certificate(&mut self, seat: Seat) -> Result<(), P::Error> {
        let progress = &self.minutes.progress;
        let enrolled = match seat {
            Seat::Ca => progress.ca_certificate(),
            Seat::At(place) => progress.certificate(place),
        };
        let certificate = match enrolled {
            Some(enrolled) if self.ceremony.certificate.is_none() => enrolled.certificate,
            _ => return Ok(()),
        };
        self.call(&PutCertificate { certificate: &certificate })?;
        self.refresh()
    }

    /// PIN and identity key, made where they are not there, and that the card has the key.
    fn identity(&mut self) -> Result<Identity, P::Error> {
        if self.state().card.life_cycle != PERSONALIZED {
            let new = self.people.new_pin(self.wanted)?;
            self.call(&ChangePin { old: None, new: &new })?;
            self.pin = Some(new);
            self.refresh()?;
        }
        if !self.ceremony.identity_key {
            self.with_pin(&GenerateIdentity)?;
            self.refresh()?;
        }
        let own = self.call(&GetIdentity)?;
        if has_key(&self.state().card.identity, &own.point, &own.possession) {
            Ok(own)
        } else {
            Err(self.evidence("it does not show that it has its identity key"))
        }
    }

    /// What is to be certified; with the CA's signature where the card has that already.
    fn request(&mut self, roles: Roles, own: &Identity, ca: &Point) -> Result<Request, P::Error> {
        let (possession, applet) = (Some(own.possession), self.minutes.plan.applet);
        let key = CertifiedKey::P256(own.point);
        let body = CertificateBody { identity: self.state().card.identity, roles, applet, key };
        if !self.ceremony.ca_key {
            self.with_pin(&PutCaKey { point: ca })?;
            self.refresh()?;
        }
        if self.ceremony.certificate.is_none() {
            return Ok(Request { body, possession, signature: None });
        }
        let Certificate { body: there, signature } = self.call(&GetCertificate)?;
        if roles != Roles::CA && there.applet != applet {
            return Err(self.evidence("its certificate has another applet hash than the plan"));
        }
        let fits = there.roles.have(roles) && (there.identity, there.key) == (body.identity, body.key);
        match is_certified(ca, &there, &signature) && fits {
            true => Ok(Request { body: there, possession, signature: Some(signature) }),
            false => Err(self.evidence("it has a certificate of another CA, or without the role that it needs")),
        }
    }
}
