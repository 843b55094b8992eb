//! Where shares of host mode are kept: each on its custodian's card, or in a file where the plan has no such card.

use super::super::terminal::{Terminal, stop};
use crate::advice::Failure;
use cardwright::books::Books;
use cardwright::ceremony::host_mode::{Gone, Keep, Kept};
use cardwright::ceremony::people::{People, Wanted};
use cardwright::ceremony::{CeremonyError, NotThis};
use cardwright::custodian::{Custodian, Operation};
use cardwright::error::Error;
use cardwright::share_file;
use cardwright::world::Os;
use cardwright_hsm::{Keyring, NewSecretFile};
use cardwright_keys::ceremony::plan::{Plan, PlannedCard};
use cardwright_keys::keyref::KeyRef;
use cardwright_link::Transport;
use cardwright_proto::custody::manifest::Place;
use cardwright_proto::custody::share::ShareObject;
use cardwright_proto::custody::{Mode, PERSONALIZED, Pin, PinRefused};
use cardwright_proto::gp::GpError;
use std::fs::{File, OpenOptions, remove_file};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A card in a session.
type Opened<'c, 'b, 'k> = Custodian<'c, 'b, 'k, Box<dyn Transport>, Keyring>;

/// Cards and files.
pub(super) struct Cupboard<'a, 's, 'k> {
    pub(super) people: &'a mut Terminal<'s>,
    pub(super) books: &'a mut Books<'k>,
    pub(super) plan: &'a Plan,
    /// Of the cards' secure channels.
    pub(super) key: Option<(&'a Keyring, &'a KeyRef)>,
    pub(super) accept_risk: bool,
    pub(super) shares: Option<&'a Path>,
}

impl Cupboard<'_, '_, '_> {
    /// The file of a share.
    fn file(&self, x: u8) -> Result<PathBuf, Failure> {
        let shares = self.shares.ok_or(Failure::NoShares)?;
        Ok(shares.join(file_name(x)))
    }

    /// Works on a custodian's card with its PIN, which is asked for again where it is wrong.
    fn at_card<R>(
        &mut self,
        (x, card): (u8, &PlannedCard),
        purpose: &'static str,
        mut work: impl FnMut(&mut Opened<'_, '_, '_>, &Pin) -> Result<R, Error>,
    ) -> Result<(R, String), Failure> {
        let (label, holder) = (card.label.clone(), card.holder.clone());
        let wanted = Wanted { label, holder, purpose, number: x.into(), of: self.plan.n().into() };
        let (vault, key) = self.key.ok_or(Failure::NoCardKey)?;
        let mut line = self.people.put_in(&wanted, None)?;
        let mut opened = Custodian::open(&mut line, &mut Os, (vault, key), self.accept_risk, self.books)?;
        let found = opened.state().card;
        if card.identity.is_some_and(|identity| identity != found.identity) {
            let (wanted, why) = (wanted.label, NotThis::Unknown(found.identity));
            return Err(stop(CeremonyError::WrongCard { wanted, why }));
        }
        let mut pin = if found.life_cycle == PERSONALIZED {
            self.people.pin(&wanted, None)?.ok_or(Failure::PinSource)?
        } else {
            let new = self.people.new_pin(&wanted)?;
            opened.change(&Operation::SetPin { new: &new })?;
            opened.refresh()?;
            new
        };
        loop {
            match work(&mut opened, &pin) {
                Ok(done) => return Ok((done, format!("card {} ({})", wanted.label, wanted.holder))),
                Err(error) => {
                    let left = match &error {
                        Error::Gp(GpError::Pin { refused: PinRefused::Wrong { left }, .. }) if *left > 0 => Some(*left),
                        _ => None,
                    };
                    let next = left.map(|left| self.people.pin(&wanted, Some(left))).transpose()?.flatten();
                    pin = next.ok_or(error)?;
                }
            }
        }
    }
}

impl Keep for Cupboard<'_, '_, '_> {
    type Error = Failure;

    fn keep(&mut self, share: &ShareObject) -> Result<Kept, Failure> {
        let (x, plan) = (share.info().x, self.plan);
        let Some(card) = plan.card(Place::Custodian(x)) else {
            let path = self.file(x)?;
            share_file::write(NewSecretFile::create(&path)?, share)?;
            return from_file(&path);
        };
        let (share, place) = self.at_card((x, card), "to keep its share", |card, pin| {
            card.change(&Operation::Store { pin, share, mode: Mode::Host })?.state?;
            card.refresh()?;
            Ok(card.read(pin)?.share)
        })?;
        Ok(Kept { share, place })
    }

    fn fetch(&mut self, x: u8) -> Result<Kept, Failure> {
        let plan = self.plan;
        let Some(card) = plan.card(Place::Custodian(x)) else { return from_file(&self.file(x)?) };
        let read = |card: &mut Opened<'_, '_, '_>, pin: &Pin| Ok(card.read(pin)?.share);
        let (share, place) = self.at_card((x, card), "to give its share to this computer", read)?;
        Ok(Kept { share, place })
    }

    fn destroy(&mut self, x: u8, set: &[u8; 16]) -> Result<Gone, Failure> {
        let plan = self.plan;
        let Some(card) = plan.card(Place::Custodian(x)) else { return destroy_file(&self.file(x)?, set) };
        let (found, place) = self.at_card((x, card), "to destroy its share", |card, pin| {
            let found = card.state().share.map(|(_, share)| share.set);
            if found.as_ref() == Some(set) {
                card.change(&Operation::Wipe { pin })?;
            }
            Ok(found)
        })?;
        match found {
            Some(found) if found != *set => Err(stop(CeremonyError::OtherSet { place })),
            found => Ok(Gone { place, was_there: found.is_some() }),
        }
    }
}

/// The name of a share's file.
pub(super) fn file_name(x: u8) -> String {
    format!("share-{x}.toml")
}

fn destroy_file(path: &Path, set: &[u8; 16]) -> Result<Gone, Failure> {
    let (place, at) = (format!("file {}", name(path)), |error| Failure::File { path: path.to_owned(), error });
    if !path.try_exists().map_err(at)? {
        return Ok(Gone { place, was_there: false });
    }
    if share_file::load(path)?.info().set != *set {
        return Err(stop(CeremonyError::OtherSet { place }));
    }
    overwrite(path).map_err(at)?;
    Ok(Gone { place, was_there: true })
}

fn from_file(path: &Path) -> Result<Kept, Failure> {
    Ok(Kept { share: share_file::load(path)?, place: format!("file {}", name(path)) })
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Copies of it, on the disk and elsewhere, are nothing that a program can know of.
fn overwrite(path: &Path) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let len = file.metadata()?.len();
    file.write_all(&vec![0; usize::try_from(len).unwrap_or(usize::MAX)])?;
    file.sync_all()?;
    remove_file(path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}
