//! The first act: a master key, keys diversified from it on every card, each card proved.

use crate::advice::Failure;
use crate::args::DemoArgs;
use crate::card_keys::make_durable;
use crate::config::Settings;
use crate::{output, setup};
use cardwright::books::Books;
use cardwright::card::Card;
use cardwright::rotate::{KeptKey, Report, Request, Rotation};
use cardwright::session::Choices;
use cardwright::world::Os;
use cardwright_hsm::{Keyring, random_material, write_key_file};
use cardwright_keys::keyref::{KeyRef, Scheme, Source};
use cardwright_keys::vault::{KeySpec, KeyType, Purpose};
use cardwright_link::virtual_card::VirtualCard;
use cardwright_proto::gp::key::Kvn;
use cardwright_proto::gp::put_key::BlockForm;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// The set that the demo loads.
const TARGET: Kvn = match Kvn::target(0x30) {
    Ok(kvn) => kvn,
    Err(_) => Kvn::INITIAL,
};

/// What one card took.
struct Done {
    report: Report,
    took: Duration,
}

/// What all took.
pub(super) struct Loaded {
    done: Vec<Done>,
    took: Duration,
    own_master: bool,
}

/// Makes a master key in `dir`, unless another is to be used, and loads keys diversified from it onto so many cards.
pub(super) fn act(settings: &Settings, dir: &Path, books: &mut Books<'_>, args: &DemoArgs) -> Result<Loaded, Failure> {
    let started = Instant::now();
    let diversified = match &args.new {
        Some(new) => setup::key_ref(new)?,
        None => {
            let master = dir.join("master.hex");
            make_master(&master)?;
            KeyRef { scheme: Scheme::Kdf3, source: Source::File(master), kvn: None }
        }
    };
    let factory = KeyRef { kvn: Some(Kvn::INITIAL), ..super::factory() };
    let vault = setup::load_keys(settings, [&factory, &diversified])?;
    let new = KeptKey::after(setup::newest(&vault, &diversified)?, make_durable)?;
    let request = Request {
        current: factory,
        new,
        target: TARGET,
        replace: false,
        abandon_pending: false,
        form: BlockForm::WithLength,
    };
    let bar = super::bar("cards");
    bar.set_length(args.cards.into());
    let mut done = Vec::new();
    for number in 0..args.cards {
        done.push(one_card(number, &request, &vault, books)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(Loaded { done, took: started.elapsed(), own_master: args.new.is_none() })
}

fn one_card(number: u32, request: &Request, vault: &Keyring, books: &mut Books<'_>) -> Result<Done, Failure> {
    let started = Instant::now();
    let profile = format!("kdd=00004341524457{number:06X},serial={number:08X}");
    let mut card = Card::new(VirtualCard::from_profile(&profile)?);
    let choices = Choices { aid: Vec::new(), mode: None, level: None, accept_risk: false };
    let mut rotation = Rotation { card: &mut card, vault, books, entropy: &mut Os, choices: &choices };
    let report = rotation.run(request)?;
    Ok(Done { report, took: started.elapsed() })
}

fn make_master(path: &Path) -> Result<(), Failure> {
    let spec = KeySpec { purpose: Purpose::Master, key_type: KeyType::Aes128, portable: false };
    Ok(write_key_file(path, &random_material(spec)?)?)
}

impl Loaded {
    pub(super) fn json(&self) -> Value {
        let card = |done: &Done| {
            json!({
                "card": done.report.change.card.0,
                "kcv": output::kcvs(&done.report.kcvs),
                "custody": done.report.custody.to_string(),
                "milliseconds": done.took.as_secs_f64() * 1e3,
            })
        };
        let cards: Vec<_> = self.done.iter().map(card).collect();
        json!({ "cards": cards, "kvn": TARGET.to_string(), "milliseconds": self.took.as_secs_f64() * 1e3 })
    }

    pub(super) fn text(&self) -> String {
        let mut out = match (self.own_master, self.done.first()) {
            (false, Some(Done { report, .. })) => {
                let from = output::harmless(&report.change.kept_in);
                format!("each card got its keys from {from}, in set 0x30; custody: {}\n\n", report.custody)
            }
            _ => String::from("a master key was made; each card got its own keys from it (KDF3), in set 0x30\n\n"),
        };
        let _ = writeln!(out, "{:<46} {:<24} {:>8}", "card", "KCV ENC MAC DEK (AES)", "ms");
        for Done { report, took } in &self.done {
            let kcvs = &report.kcvs;
            let kcvs = format!("{} {} {}", kcvs.enc, kcvs.mac, kcvs.dek);
            let _ =
                writeln!(out, "{:<46} {kcvs:<24} {:>8.2}", report.change.card.to_string(), took.as_secs_f64() * 1e3);
        }
        let each = self.took.as_secs_f64() * 1e3 / self.done.len().max(1) as f64;
        let _ = writeln!(out);
        let _ = writeln!(
            out,
            "{} cards: initial keys replaced, every card verified in a session under its new keys",
            self.done.len()
        );
        let _ = writeln!(out, "Key-MAC and Key-ENC proved by the card; Key-DEK accepted by KCV, not exercised");
        let _ = writeln!(
            out,
            "{:.1} ms in all, {each:.2} ms a card, journal and audit log on disk included",
            self.took.as_secs_f64() * 1e3
        );
        out
    }
}
