//! GENERATE IDENTITY, GET IDENTITY, PUT CA KEY, SIGN CERTIFICATE, PUT CERTIFICATE.

use super::Call;
use super::checks::{require, signed};
use super::crypto::point;
use super::kept::{self, Part};
use super::model::REMEMBERED;
use crate::virtual_card::Stop;
use cardwright_keys::custody::hash;
use cardwright_keys::custody::signing::{verify, verify_certificate};
use cardwright_proto::custody::certificate::{
    Certificate, CertificateBody, CertifiedKey, P256_BODY, RSA_BODY, Roles, possession,
};
use cardwright_proto::custody::signature::Signature;
use cardwright_proto::custody::{Hash, Point};
use cardwright_proto::status::StatusWord;

impl Call<'_> {
    /// GENERATE IDENTITY.
    pub(super) fn generate_identity(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        self.p1p2_zero()?;
        require(self.has_pin() && self.enrolment.key.is_none(), StatusWord::CONDITIONS)?;
        self.no_data()?;
        self.use_pin()?;
        self.enrolment.key = Some(self.new_pair()?);
        self.save_enrolment()
    }

    /// GET IDENTITY.
    pub(super) fn get_identity(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        let (p1, p2) = self.p1p2();
        require(p1 <= 1 && p2 == 0, StatusWord::WRONG_P1P2)?;
        self.no_data()?;
        if p1 == 1 {
            let certificate = self.enrolment.certificate.ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
            self.out.extend_from_slice(&certificate.encode());
            return Ok(StatusWord::OK);
        }
        let point = self.own_point().ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
        self.out.extend_from_slice(&point);
        self.answer_signed_bytes(&possession(&kept::identity(self.nvm), &point))
    }

    /// PUT CA KEY.
    pub(super) fn put_ca_key(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        self.p1p2_zero()?;
        require(self.enrolment.key.is_some() && self.enrolment.ca.is_none(), StatusWord::CONDITIONS)?;
        let ca = Point::try_from(self.data()).map_err(|_| StatusWord::WRONG_LENGTH)?;
        self.use_pin()?;
        point(&ca)?;
        self.enrolment.ca = Some(ca);
        self.save_enrolment()
    }

    /// SIGN CERTIFICATE.
    pub(super) fn sign_certificate(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        self.p1p2_zero()?;
        require(self.is_ca(), StatusWord::CONDITIONS)?;
        let (data, len) = (self.data(), self.data().len());
        require(matches!(len, RSA_BODY | P256_BODY) || signed(P256_BODY).contains(&len), StatusWord::WRONG_LENGTH)?;
        self.use_pin()?;
        let (body, proof) = CertificateBody::split(data).map_err(|_| StatusWord::WRONG_DATA)?;
        let hsm = body.roles == Roles::HSM;
        require(proof.is_empty() == hsm, StatusWord::WRONG_DATA)?;
        let own = self.own_point().is_some_and(|point| body.key == CertifiedKey::P256(point));
        require(own == (body.roles == Roles::CA), StatusWord::WRONG_ROLE)?;
        if let CertifiedKey::P256(key) = &body.key {
            point(key)?;
            let possessed = hsm || verify(key, &possession(&body.identity, key), proof).is_ok();
            require(possessed, StatusWord::BAD_SIGNATURE)?;
        }
        let signed = &data[..len - proof.len()];
        if self.enrolment.certified.last != signed {
            self.remember(hash::key(&body.key), signed)?;
        }
        self.answer_signed_bytes(signed)
    }

    /// SIGN CERTIFICATE, step 11.
    fn remember(&mut self, key: Hash, body: &[u8]) -> Result<(), Stop> {
        let certified = &mut self.enrolment.certified;
        require(!certified.keys.contains(&key), StatusWord::CERTIFIED_BEFORE)?;
        if certified.keys.len() == REMEMBERED {
            certified.keys.remove(0);
        }
        certified.keys.push(key);
        certified.count += 1;
        certified.last = body.to_vec();
        self.save_enrolment().map(|_| ())
    }

    /// PUT CERTIFICATE.
    pub(super) fn put_certificate(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        self.p1p2_zero()?;
        let ca = self.enrolment.ca.filter(|_| self.enrolment.certificate.is_none()).ok_or(StatusWord::CONDITIONS)?;
        self.length(signed(P256_BODY))?;
        let (body, signature) = CertificateBody::split(self.data()).map_err(|_| StatusWord::WRONG_DATA)?;
        let CertifiedKey::P256(key) = body.key else { return Err(StatusWord::WRONG_DATA.into()) };
        require(body.roles != Roles::HSM, StatusWord::WRONG_DATA)?;
        let own = body.identity == kept::identity(self.nvm) && Some(key) == self.own_point();
        require(own, StatusWord::OTHER_CERTIFICATE)?;
        require(self.is_ca() == (body.roles == Roles::CA), StatusWord::WRONG_ROLE)?;
        let signature = Signature::parse(signature).map_err(|_| StatusWord::BAD_CERTIFICATE)?;
        let certificate = Certificate { body, signature };
        require(verify_certificate(&ca, &certificate).is_ok(), StatusWord::BAD_CERTIFICATE)?;
        self.enrolment.certificate = Some(certificate);
        self.save_enrolment()
    }

    /// The identity key's point.
    pub(super) fn own_point(&self) -> Option<Point> {
        self.enrolment.key.as_ref().map(|key| key.point)
    }

    /// Whether the CA's key is this card's own.
    pub(super) fn is_ca(&self) -> bool {
        self.enrolment.ca.is_some() && self.enrolment.ca == self.own_point()
    }

    fn save_enrolment(&mut self) -> Result<StatusWord, Stop> {
        kept::save(self.nvm, &[Part::Enrolment(&self.enrolment)])?;
        Ok(StatusWord::OK)
    }
}
