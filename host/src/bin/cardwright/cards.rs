//! `cardwright cards`: what is on record of cards.

use crate::advice::Failure;
use crate::args::{CardArgs, CardsCommand, FindArgs, WhichArgs};
use crate::config::Settings;
use crate::office::{Office, with_office};
use crate::{key, life, output};
use cardwright_keys::approval::time;
use cardwright_keys::journal::{CardId, SetId};
use cardwright_keys::keyref::VaultKey;
use cardwright_keys::lifecycle::State;
use cardwright_registry::cards::card_id;
use cardwright_registry::{CardEntry, CardFacts, CardQuery, KeySetEntry, Registry};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

pub(crate) fn run(settings: &Settings, command: &CardsCommand) -> Result<(), Failure> {
    match command {
        CardsCommand::Find(args) => find(settings, args),
        CardsCommand::Show(args) => show(settings, args),
        CardsCommand::Job(args) => life::job(settings, args),
    }
}

/// What the arguments ask for.
pub(crate) fn query(args: &WhichArgs) -> Result<CardQuery, Failure> {
    let from = args.from.as_ref().map(key::in_vault).transpose()?;
    Ok(CardQuery { begins: args.begins.clone(), profile: args.profile.clone(), kvn: args.kvn, from })
}

/// A card on record, each set with the state of the key that it comes from.
struct Found {
    entry: CardEntry,
    states: Vec<Option<State>>,
}

/// The states of the keys that a card's sets come from.
fn states(keys: &BTreeMap<VaultKey, Option<State>>, entry: &CardEntry) -> Vec<Option<State>> {
    entry.sets.iter().map(|set| set.from.as_ref().and_then(|key| keys.get(key).copied().flatten())).collect()
}

fn find(settings: &Settings, args: &FindArgs) -> Result<(), Failure> {
    let query = query(&args.which)?;
    let (found, more) = with_office(settings, |office| {
        let mut entries = Vec::new();
        let mut more = false;
        let keys = office.control().states()?;
        office.registry.cards(&query, &mut |entry| {
            let states = states(&keys, &entry);
            if args.state.is_none_or(|wanted| states.contains(&Some(wanted))) {
                more = entries.len() == args.limit.get();
                if !more {
                    entries.push(Found { entry, states });
                }
            }
            !more
        })?;
        Ok((entries, more))
    })?;
    if settings.json {
        let cards: Vec<_> = found.iter().map(found_json).collect();
        return output::json(&json!({ "cards": cards, "more": more }));
    }
    let mut out = String::new();
    found.iter().for_each(|found| found_text(found, &mut out));
    match (found.len(), more) {
        (0, _) => out.push_str("no such card is on record\n"),
        (_, true) => out.push_str("there are more: --limit says how many are listed\n"),
        _ => {}
    }
    output::text(&out)
}

fn set_json(set: &KeySetEntry, state: Option<State>) -> Value {
    let SetId { kvn, kcvs } = &set.set;
    json!({
        "kvn": format!("0x{kvn:02X}"), "kcvs": kcvs, "kcv_algorithm": set.kcv_algorithm, "kept_in": set.kept_in,
        "key_state": state.map(State::name), "flagged": state == Some(State::Compromised), "at": time(set.at),
    })
}

fn found_json(Found { entry, states }: &Found) -> Value {
    let sets: Vec<_> = entry.sets.iter().zip(states).map(|(set, state)| set_json(set, *state)).collect();
    json!({ "card": entry.card.0, "profile": entry.profile, "sets": sets })
}

fn found_text(Found { entry, states }: &Found, out: &mut String) {
    let profile =
        entry.profile.as_deref().map(|profile| format!("  {}", output::harmless(profile))).unwrap_or_default();
    let _ = writeln!(out, "{}{profile}", output::harmless(&entry.card.0));
    for (set, state) in entry.sets.iter().zip(states) {
        let (kept_in, SetId { kvn, kcvs }) = (output::harmless(&set.kept_in), &set.set);
        let state = match state {
            Some(State::Compromised) => ", COMPROMISED: rotate it".to_owned(),
            Some(state) => format!(", {state}"),
            None => String::new(),
        };
        let _ = writeln!(out, "  0x{kvn:02X}  KCV {kcvs} ({})  {kept_in}{state}", set.kcv_algorithm);
    }
}

fn show(settings: &Settings, args: &CardArgs) -> Result<(), Failure> {
    let (facts, states) = with_office(settings, |office| {
        let card = one(office, &args.card)?;
        let facts = office.registry.card(&card)?.ok_or(Failure::NoCard)?;
        let states = states(&office.control().states()?, &facts.entry);
        Ok((facts, states))
    })?;
    let CardFacts { entry, counters, failures, open, ended } = facts;
    let found = Found { entry, states };
    if settings.json {
        let counters: Vec<_> = counters.iter().map(|(set, counter)| counter_json(set, *counter)).collect();
        let ended: Vec<_> = ended
            .iter()
            .map(|(at, set, how)| json!({ "at": time(*at), "kvn": format!("0x{:02X}", set.kvn), "how": how }))
            .collect();
        let mut object = found_json(&found);
        object["counters"] = counters.into();
        object["failures"] = json!({ "refused": failures.refused, "unanswered": failures.unanswered });
        object["unfinished"] = open.map_or(Value::Null, |open| {
            let set = &open.change.new;
            json!({ "kvn": format!("0x{:02X}", set.kvn), "kept_in": open.change.kept_in, "sent": open.sent })
        });
        object["changes"] = ended.into();
        return output::json(&object);
    }
    let mut out = String::new();
    found_text(&found, &mut out);
    for (SetId { kvn, kcvs }, counter) in &counters {
        let _ = writeln!(out, "  sequence counter of 0x{kvn:02X} ({kcvs}): {counter}");
    }
    if failures != Default::default() {
        let (refused, unanswered) = (failures.refused, failures.unanswered);
        let _ = writeln!(out, "  authentications since the last good one: {refused} refused, {unanswered} unanswered");
    }
    if let Some(open) = open {
        let (kvn, kept_in) = (open.change.new.kvn, output::harmless(&open.change.kept_in));
        let _ = writeln!(out, "  UNFINISHED: set 0x{kvn:02X} to the keys in {kept_in}; run the same key change again");
    }
    for (at, set, how) in &ended {
        let _ = writeln!(out, "  {}  set 0x{:02X} ({}): {}", time(*at), set.kvn, set.kcvs, output::harmless(how));
    }
    output::text(&out)
}

fn counter_json(set: &SetId, counter: u32) -> Value {
    json!({ "kvn": format!("0x{:02X}", set.kvn), "kcvs": set.kcvs, "counter": counter })
}

/// The one card whose identity begins so.
fn one(office: &Office, begins: &str) -> Result<CardId, Failure> {
    let exact = CardId(begins.to_owned());
    if card_id(begins).is_some() && office.registry.card(&exact)?.is_some() {
        return Ok(exact);
    }
    let mut found = Vec::new();
    let query = CardQuery { begins: Some(begins.to_owned()), ..CardQuery::default() };
    office.registry.cards(&query, &mut |entry| {
        found.push(entry.card);
        found.len() < 2
    })?;
    match (found.pop(), found.pop()) {
        (Some(card), None) => Ok(card),
        (Some(_), Some(_)) => Err(Failure::ManyCards),
        (None, _) => Err(Failure::NoCard),
    }
}
