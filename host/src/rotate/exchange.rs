//! The encrypted exchange in the session under the new keys, and what it proves.

use crate::error::Error;
use crate::session::Session;
use cardwright_link::Transport;
use cardwright_proto::gp::Command as _;
use cardwright_proto::gp::get_data::{Cplc, GetData, Object};
use cardwright_proto::gp::get_status::{GetStatus, Scope};
use cardwright_proto::scp::SessionCipher;

/// What is known of a key on the card after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The card showed that it has it.
    Proved(&'static str),
    /// The card accepted it with its check value, and no session exercises it.
    AcceptedByKcv,
    /// The card took an encrypted command, but nothing authenticates its answer.
    Unauthenticated,
    /// Nothing that the card did speaks for it: the check value is that of the file.
    NotVerified,
}

impl std::fmt::Display for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Proved(how) => write!(f, "proved by {how}"),
            Self::AcceptedByKcv => f.write_str("accepted by KCV, not exercised"),
            Self::Unauthenticated => f.write_str("an encrypted command was accepted, its answer is not authenticated"),
            Self::NotVerified => f.write_str("not verified by the card; the KCV is that of your key"),
        }
    }
}

/// Which exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exchange {
    /// Any that proves something.
    Status,
    /// The card's CPLC, which names the chip; where its answer proves nothing, another one behind it.
    Chip,
}

impl Exchange {
    /// What the card proved, and the chip where it was asked for and told.
    pub(super) fn carry_out<T: Transport, C: SessionCipher>(
        self,
        session: &mut Session<'_, T, C>,
    ) -> Result<(Proof, Option<[u8; 12]>), Error> {
        if self == Self::Status {
            return Ok((status(session)?, None));
        }
        let level = session.level().ok_or(Error::SessionOver)?;
        let mut data = Vec::new();
        let get = GetData { object: Object::Cplc };
        let answer = session.send(GetData::NAME, &get.apdu(&mut data))?;
        let encrypted = level.r_enc() && !answer.data.is_empty();
        let chip = get.response(answer).ok().and_then(|value| Cplc::parse(&value).ok()).map(|cplc| cplc.chip());
        Ok((if encrypted { Proof::Proved("an encrypted exchange") } else { status(session)? }, chip))
    }
}

/// Commands with something to answer: GET STATUS has data both ways, and the others serve where an application does not
/// know it. What speaks for Key-ENC is an answer that decrypts, or an encrypted command accepted under a MAC.
fn status<T: Transport, C: SessionCipher>(session: &mut Session<'_, T, C>) -> Result<Proof, Error> {
    let level = session.level().ok_or(Error::SessionOver)?;
    let mut data = Vec::new();
    let status = GetStatus { scope: Scope::IssuerSecurityDomain, next: false };
    let answer = session.send(GetStatus::NAME, &status.apdu(&mut data))?;
    let accepted = answer.sw.carries_rmac();
    if level.r_enc() && !answer.data.is_empty() {
        return Ok(Proof::Proved("an encrypted exchange"));
    }
    if accepted && level.c_enc() && level.r_mac() {
        return Ok(Proof::Proved("an encrypted command that the card accepted"));
    }
    if accepted && level.c_enc() {
        return Ok(Proof::Unauthenticated);
    }
    for object in [Object::KeyInformation, Object::Kdd, Object::CardData] {
        let answer = session.send(GetData::NAME, &GetData { object }.apdu(&mut data))?;
        if level.r_enc() && !answer.data.is_empty() {
            return Ok(Proof::Proved("an encrypted exchange"));
        }
    }
    Ok(Proof::NotVerified)
}
