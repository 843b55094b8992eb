//! Checks 2 to 5: what is before the approvals.

use super::{Checker, Started};
use crate::ceremony::plan::{CeremonyMode, Plan};
use crate::ceremony::transcript::{Line, Record};
use crate::ceremony::verify::refusal::{Failed, Why, ensure, first};
use crate::ceremony::verify::together::Dealt;
use crate::custody::hash;
use crate::custody::signing::{PublicKey, verify, verify_certificate};
use cardwright_proto::custody::certificate::{Certificate, CertificateBody, CertifiedKey, Roles, possession};
use cardwright_proto::custody::manifest::{MAX_CUSTODIANS, Manifest, Place};
use cardwright_proto::custody::signature::Signature;
use cardwright_proto::custody::{Hash, Point};

impl Checker<'_> {
    /// Checks 2, and of 5 what the plan says by itself.
    pub(super) fn start(&mut self, line: &Line) -> Result<(), Failed> {
        let Record::Start { test_ca, operation, plan } = &line.record else {
            return ensure(false, 2, Why::NoStart);
        };
        ensure(self.given.prev.is_none_or(|prev| prev == line.prev), 2, Why::Prev)?;
        let plan = Plan::parse(plan).map_err(|error| Failed { check: 5, why: Why::Plan(error) })?;
        ensure(self.given.plan.is_none_or(|given| given.fits(&plan.hash())), 5, Why::OtherPlan)?;
        ensure(plan.steps.contains(operation), 5, Why::NoStep(*operation))?;
        ensure(plan.mode == line.mode, 5, Why::NotPlanned("the mode"))?;
        let certified_by_test = line.mode == CeremonyMode::Blind && plan.ca().is_none();
        ensure(*test_ca == certified_by_test, 5, Why::NotPlanned("the CA"))?;
        self.revoked.extend(plan.revoked.iter().map(|revoked| revoked.certificate));
        self.started = Some(Started { mode: line.mode, test_ca: *test_ca, operation: *operation, plan });
        Ok(())
    }

    /// Check 3, and of 10 that it is the deal's.
    pub(super) fn certifier(&mut self, key: &Point) -> Result<(), Failed> {
        ensure(self.ca.is_none(), 3, Why::Second("ca"))?;
        ensure(PublicKey::new(key).is_ok(), 3, Why::Point("ca"))?;
        ensure(self.given.ca.is_none_or(|given| given.fits(&hash::sha256(&[key]))), 3, Why::OtherCa)?;
        let dealt = self.dealt_before().is_none_or(|dealt| dealt.ca == *key);
        ensure(dealt, 10, Why::OtherThanDealt("CA"))?;
        self.ca = Some(*key);
        Ok(())
    }

    /// Check 4.
    pub(super) fn enrol(&mut self, certificate: &Certificate, shown: Option<&Signature>) -> Result<(), Failed> {
        let wanted = Why::Before { kind: "enrol", wanted: "ca", place: None };
        let ca = self.ca.ok_or(Failed { check: 3, why: wanted })?;
        let CertificateBody { identity, roles, key, .. } = &certificate.body;
        ensure(verify_certificate(&ca, certificate).is_ok(), 4, Why::CaSignature)?;
        if let CertifiedKey::P256(point) = key {
            ensure(PublicKey::new(point).is_ok(), 4, Why::Point("enrol"))?;
        }
        match (key, shown) {
            (_, None) if *roles == Roles::HSM => {}
            (_, Some(_)) if *roles == Roles::HSM => return ensure(false, 4, Why::HsmPossession),
            (CertifiedKey::P256(point), Some(shown)) => {
                let good = verify(point, &possession(identity, point), &shown.to_der()).is_ok();
                ensure(good, 4, Why::Possession)?;
            }
            _ => return ensure(false, 4, Why::Possession),
        }
        ensure((key.bytes() == ca) == (*roles == Roles::CA), 4, Why::CaRole(*roles))?;
        ensure(self.keys.insert(hash::key(key)), 4, Why::KeyTwice("enrol"))?;
        let known = self.enrolled.values().any(|other| other.identity == *identity);
        ensure(!known, 4, Why::IdentityTwice)?;
        self.enrolled.insert(hash::certificate(&certificate.body), certificate.body);
        Ok(())
    }

    /// Check 5, and of 10 what was dealt before. `prev` is the hash of the line before.
    pub(super) fn manifest(&mut self, manifest: &Manifest, prev: &Hash) -> Result<(), Failed> {
        let Some(Started { operation, plan, .. }) = &self.started else {
            return ensure(false, 2, Why::NoStart);
        };
        let of_start = [
            (manifest.operation == *operation, "operation"),
            (manifest.plan == plan.hash(), "plan"),
            (manifest.head == *prev, "head"),
        ];
        first(of_start, 5, Why::Manifest)?;
        let of_plan = [
            (manifest.scheme == plan.scheme, "the scheme"),
            (manifest.m == plan.m, "m"),
            (manifest.n() == plan.n(), "n"),
            (manifest.key_type == plan.key.key_type, "the key type"),
            (manifest.key_length == plan.key.key_length, "the key length"),
            (manifest.usage == plan.key.usage, "the key usage"),
        ];
        first(of_plan, 5, Why::NotPlanned)?;
        self.ca_card(plan)?;
        let places = (1..=MAX_CUSTODIANS).map(Place::Custodian).chain([Place::Combiner, Place::Dealer, Place::Hsm]);
        for place in places {
            if let Some(certificate) = manifest.party(place) {
                self.party(place, certificate, plan)?;
            }
        }
        if let Some(Dealt { set, generation, .. }) = self.dealt_before() {
            let same = [(manifest.set == *set, "set id"), (manifest.generation == *generation, "generation")];
            first(same, 10, Why::OtherThanDealt)?;
        }
        self.manifest = Some((manifest.clone(), hash::manifest(manifest)));
        Ok(())
    }

    /// The CA's card, where the plan has one.
    fn ca_card(&self, plan: &Plan) -> Result<(), Failed> {
        let Some(card) = plan.ca() else { return Ok(()) };
        let enrolled = self.enrolled.values().find(|body| body.roles == Roles::CA);
        let body = enrolled.ok_or(Failed { check: 5, why: Why::NoCaCard })?;
        let planned = card.identity.is_none_or(|planned| planned == body.identity);
        ensure(planned, 5, Why::OtherCaCard)
    }

    /// One certificate that the manifest names.
    fn party(&self, place: Place, certificate: &Hash, plan: &Plan) -> Result<(), Failed> {
        let not_enrolled = Failed { check: 5, why: Why::NotEnrolled(place) };
        let CertificateBody { identity, roles, applet, .. } = self.enrolled.get(certificate).ok_or(not_enrolled)?;
        ensure(roles.have(place.role()), 5, Why::Role { place, roles: *roles })?;
        ensure(!self.revoked.contains(certificate), 5, Why::Revoked(place))?;
        let Some(card) = plan.card(place) else { return Ok(()) };
        let planned = card.identity.is_none_or(|planned| planned == *identity);
        ensure(planned, 5, Why::OtherCard { place, what: "identity" })?;
        ensure(*applet == plan.applet, 5, Why::OtherCard { place, what: "applet hash" })
    }
}
