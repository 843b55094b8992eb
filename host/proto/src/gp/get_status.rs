//! GET STATUS: CS 11.4.

use super::{Command, GpError, malformed};
use crate::apdu::{self, Header, Ne, Response};
use crate::tlv::{self, Items};
use alloc::vec::Vec;

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// 80: the issuer security domain.
    IssuerSecurityDomain,
    /// 40: applications and supplementary security domains.
    Applications,
    /// 20: executable load files.
    LoadFiles,
}

/// Lists card content: `80 F2 scope 02 02 4F 00 00`; after 6310, `P2 = 03` fetches the next part.
#[derive(Clone, Copy, Debug)]
pub struct GetStatus {
    /// What to list.
    pub scope: Scope,
    /// Whether this asks for the next part of a list already begun.
    pub next: bool,
}

/// One entry (E3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its AID.
    pub aid: Vec<u8>,
    /// Life cycle state (9F70): for the issuer security domain 01 OP_READY, 07 INITIALIZED, 0F SECURED, 7F
    /// CARD_LOCKED, FF TERMINATED.
    pub life_cycle: u8,
    /// Privileges (C5), where given.
    pub privileges: Vec<u8>,
}

/// A list, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The entries.
    pub entries: Vec<Entry>,
    /// 6310: there is more.
    pub more: bool,
}

impl Command for GetStatus {
    type Response = Status;
    const NAME: &'static str = "GET STATUS";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        data.clear();
        data.extend_from_slice(&[0x4F, 0]);
        let p1 = match self.scope {
            Scope::IssuerSecurityDomain => 0x80,
            Scope::Applications => 0x40,
            Scope::LoadFiles => 0x20,
        };
        let header = Header::new(0x80, 0xF2, p1, if self.next { 3 } else { 2 });
        apdu::Command::new(header, data, Some(Ne::SHORT_MAX))
    }

    fn response(&self, response: Response<'_>) -> Result<Status, GpError> {
        let more = response.sw.0 == 0x6310;
        if !response.sw.is_ok() && !more {
            return Err(GpError::Refused { command: Self::NAME, sw: response.sw });
        }
        let malformed = malformed(Self::NAME);
        let mut entries = Vec::new();
        for item in Items::new(response.data) {
            let item = item.map_err(&malformed)?;
            if !item.is(0xE3) {
                continue;
            }
            let aid = tlv::find(item.value, 0x4F).map_err(&malformed)?.to_vec();
            let life_cycle = match tlv::find(item.value, 0x9F70).map_err(&malformed)? {
                [state, ..] => *state,
                [] => return Err(GpError::Malformed { command: Self::NAME, what: "an empty life cycle state" }),
            };
            let privileges = tlv::find(item.value, 0xC5).unwrap_or_default().to_vec();
            entries.push(Entry { aid, life_cycle, privileges });
        }
        Ok(Status { entries, more })
    }
}
