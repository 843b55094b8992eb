//! One sequence: what people do, at random, and what the model says to each of it.

mod by_hand;

use super::memory::Log;
use super::model::{Asked, Belief, Made, Matter, PEOPLE, REGIMES, Version, World, leads};
use super::{Chance, Handles, Hands, NOON, Pen, control, key, rules};
use crate::control::Control;
use crate::control::warden::RegistryWarden;
use cardwright_keys::approval::{Nonce, Operation, Permit, Rules};
use cardwright_keys::keyref::VaultKey;
use cardwright_keys::lifecycle::{Act, Step, Use, Warden};
use cardwright_keys::vault::{KeySpec, KeyType, Purpose};
use cardwright_registry::{Due, Registry};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// What somebody does to the registry who has its file.
#[derive(Clone, Debug)]
pub(super) enum Edit {
    /// A request has not served.
    Unspend(Nonce),
    /// The last step was never made.
    Forget(VaultKey),
    /// A version is to be activated.
    Decide(VaultKey, Option<Due>),
    /// A step more.
    Step(VaultKey, Step),
}

const SPEC: KeySpec = KeySpec { purpose: Purpose::Master, key_type: KeyType::Aes128, portable: false };
const ACTS: [&str; 8] =
    ["generate", "activate", "suspend", "reactivate", "deactivate", "compromise", "destroy", "confirm"];
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
const WHY: &str = "because";
const USER: &str = "uid 1000";

pub(super) struct Play<R> {
    chance: Chance,
    registry: R,
    handles: Box<dyn Fn() -> R>,
    edit: Option<Box<dyn Fn(Edit)>>,
    audit: Log,
    clock: Hands,
    rules: Arc<Rules>,
    warden: RegistryWarden<R>,
    excepted: BTreeSet<(usize, u32)>,
    world: World,
    texts: Vec<(Nonce, String)>,
    told: BTreeSet<usize>,
    /// What was asked for last.
    pending: Option<Matter>,
    /// Leave that was given, and not made use of yet.
    late: Option<(Permit, Matter, Option<usize>)>,
    /// What went through, by what it was.
    pub(super) done: BTreeMap<&'static str, u64>,
}

impl<R: Registry + Debug + Send> Play<R> {
    pub(super) fn new(mut chance: Chance, handles: Handles<R>) -> Self {
        let Handles { moves, another, edit } = handles;
        let regime = chance.of(&REGIMES);
        let me = Some(chance.below(PEOPLE.len()));
        let world = World { regime, people: PEOPLE, me, keys: Default::default(), asked: Vec::new(), now: NOON };
        let rules = Arc::new(rules(&regime, &PEOPLE, me));
        let warden = RegistryWarden::new(another(), Arc::clone(&rules));
        let (registry, clock, handles) = (moves, Hands(Cell::new(NOON)), another);
        let (audit, excepted, texts, told) = (Log::default(), BTreeSet::new(), Vec::new(), BTreeSet::new());
        Self {
            chance,
            registry,
            handles,
            edit,
            audit,
            clock,
            rules,
            warden,
            excepted,
            world,
            texts,
            told,
            pending: None,
            late: None,
            done: BTreeMap::new(),
        }
    }

    pub(super) fn step(&mut self) {
        let before = self.audit.0.len();
        match self.chance.below(20) {
            0..=8 => self.attempt(),
            9..=11 => self.sign(),
            12 => self.ask_by_hand(),
            13 | 14 => self.except(),
            15 => self.let_time_go_by(),
            16 => self.change_people(),
            17 => self.edit(),
            _ => self.settle(),
        }
        for event in &self.audit.0[before..] {
            for asked in &self.told {
                let asked = &mut self.world.asked[*asked];
                asked.seen = asked.seen.max(event.at);
            }
        }
        self.look();
    }

    fn control(&mut self) -> Control<'_> {
        control(&mut self.registry, &mut self.audit, &self.rules, &self.clock)
    }

    /// A key, and a version that it has or is to have; mostly the newest one.
    fn pick(&mut self) -> (usize, u32) {
        let key = usize::from(self.chance.one_in(4));
        let count = self.world.keys[key].len();
        let version = if self.chance.one_in(3) { self.chance.below(count + 1) } else { count.saturating_sub(1) };
        (key, version as u32 + 1)
    }

    fn find(&self, key: usize, version: u32) -> Option<&Version> {
        self.world.keys[key].get(version as usize - 1)
    }

    /// Mostly one that there is an edge for.
    fn pick_act(&mut self, key: usize, version: u32) -> &'static str {
        let state = self.find(key, version).map(Version::state);
        let fit: Vec<_> = ACTS.into_iter().filter(|act| leads(state, act).is_some()).collect();
        if fit.is_empty() || self.chance.one_in(6) {
            return self.chance.of(&ACTS);
        }
        let act = self.chance.of(&fit);
        // What ends a life, or changes nothing, comes later in it.
        let again = matches!(act, "destroy" | "compromise" | "confirm") && !self.chance.one_in(4);
        if again { self.chance.of(&fit) } else { act }
    }

    /// Whoever is at the keyboard does it, or asks for it.
    fn attempt(&mut self) {
        if let Some((permit, matter, request)) = self.late.take() {
            return self.too_late(&permit, matter, request);
        }
        let again = self.chance.one_in(2);
        let (which, version, act, on) = match self.pending.filter(|_| again) {
            // The same command once more.
            Some(Matter { key, version, act, not_before, .. }) => (key, version, act, not_before),
            None => {
                let (which, version) = self.pick();
                let act = self.pick_act(which, version);
                let day = self.world.now + self.chance.of(&[0, DAY + HOUR, DAY + 2 * HOUR]) - DAY;
                let on = Some(day).filter(|_| act == "activate" && self.chance.one_in(2));
                (which, version, act, on)
            }
        };
        if let Some((operation, matter)) = self.words(which, version, act, on) {
            self.carry(&operation, matter);
        }
    }

    /// Another process had leave for a step, and makes it now: nothing of it is done where the key has moved on.
    fn too_late(&mut self, permit: &Permit, matter: Matter, request: Option<usize>) {
        let Matter { act, key: which, version, steps, .. } = matter;
        let found = &self.world.keys[which][version as usize - 1];
        let possible = found.steps.len() == steps
            && leads(Some(found.state()), act).is_some()
            && self.may_be_moved(which, version, act)
            && request.is_none_or(|request| !self.world.asked[request].spent);
        let done = self.control().step(permit, WHY);
        assert_eq!(done.is_ok(), possible, "{done:?}: {matter:?} in {:#?}", self.world);
        if possible {
            let who = permit.requester().map_or_else(|| USER.to_owned(), ToString::to_string);
            self.made(which, version, act, (&who, WHY), request);
            self.supersede(which);
            self.served(request);
        }
    }

    /// Whether a version's history is believed, as far as the act wants it to be.
    fn may_be_moved(&self, which: usize, version: u32, act: &str) -> bool {
        match self.world.belief(which, version) {
            Belief::Good => true,
            Belief::Unapproved => matches!(act, "confirm" | "suspend" | "compromise"),
            Belief::Impossible => false,
        }
    }

    fn carry(&mut self, operation: &Operation, matter: Matter) {
        let expected = self.world.may(&matter);
        match self.control().permit(operation) {
            Ok(permit) => {
                let request = expected.unwrap_or_else(|| panic!("let through: {matter:?} in {:#?}", self.world));
                assert_eq!(permit.request(), request.map(|request| self.texts[request].0), "{matter:?}");
                let step = matter.act != "generate" && matter.not_before.is_none_or(|at| at <= self.world.now);
                if step && self.chance.one_in(12) {
                    self.late = Some((permit, matter, request));
                    return;
                }
                self.carry_out(&permit, &matter, request);
            }
            Err(error) => {
                assert_eq!(expected, None, "refused ({error}): {matter:?} in {:#?}", self.world);
                if self.world.regime.rule(matter.act).is_some() {
                    self.ask(operation, matter);
                    self.pending = Some(matter);
                }
            }
        }
    }

    /// The words of an act, where there is an edge for it.
    fn words(&mut self, which: usize, version: u32, act: &'static str, on: Option<u64>) -> Option<(Operation, Matter)> {
        let named = key(which, version);
        let known = self.find(which, version).map(Version::state);
        if act == "generate" {
            let beside = self.chance.one_in(2);
            let versions = &self.world.keys[which];
            let gone = versions.iter().all(|version| version.state() == "destroyed");
            let expected = self.world.all_believed(which) && (beside || gone);
            let next = versions.len() as u32 + 1;
            let begun = self.control().beginning(&named, Act::Generate, (SPEC, None), beside);
            assert_eq!(begun.is_ok(), expected, "{begun:?}");
            return Some((begun.ok()?, self.world.matter(act, which, next, None)));
        }
        let parsed: Act = act.parse().unwrap();
        let expected = known.filter(|_| self.may_be_moved(which, version, act));
        let found = self.control().meant(&named, parsed);
        assert_eq!(found.as_ref().ok().map(|version| version.state.name()), expected, "{found:?}");
        let operation = self.control().operation(&found.ok()?, parsed, on);
        let allowed = act == "use-compromised" || leads(known, act).is_some();
        assert_eq!(operation.is_ok(), allowed, "{operation:?}");
        Some((operation.ok()?, self.world.matter(act, which, version, on)))
    }

    fn carry_out(&mut self, permit: &Permit, matter: &Matter, request: Option<usize>) {
        let Matter { act, key: which, version, not_before, .. } = *matter;
        let who = permit.requester().map_or_else(|| USER.to_owned(), ToString::to_string);
        if act == "generate" {
            self.control().begin(permit, SPEC, Some("112233".to_owned()), WHY).unwrap();
            self.world.keys[which].push(Version::default());
            self.made(which, version, act, (&who, WHY), request);
        } else if let Some(at) = not_before.filter(|at| *at > self.world.now) {
            self.control().schedule(permit, at).unwrap();
            self.world.keys[which][version as usize - 1].due = Some((at, request));
        } else {
            self.control().step(permit, WHY).unwrap();
            self.made(which, version, act, (&who, WHY), request);
            self.supersede(which);
        }
        self.served(request);
        self.count(if not_before.is_some_and(|at| at > self.world.now) { "schedule" } else { act });
    }

    /// Of the versions that are in use the newest stays so.
    fn supersede(&mut self, which: usize) {
        let count = self.world.keys[which].len() as u32;
        let in_use = |version: &u32| {
            let state = self.world.keys[which][*version as usize - 1].state();
            state == "active" && self.world.believed(which, *version)
        };
        let mut in_use: Vec<_> = (1..=count).filter(in_use).collect();
        let Some(newest) = in_use.pop() else { return };
        for version in in_use {
            let why = format!("version {newest} takes its place");
            self.made(which, version, "supersede", (USER, &why), None);
        }
    }

    fn made(
        &mut self,
        which: usize,
        version: u32,
        act: &'static str,
        (who, why): (&str, &str),
        request: Option<usize>,
    ) {
        let found = &mut self.world.keys[which][version as usize - 1];
        let at = self.world.now.max(found.steps.last().map_or(0, |step| step.at));
        let branch = branch(found.branch(), (act, at, who, why, request));
        found.steps.push(Made { act, at, request, branch });
        found.due = None;
    }

    fn count(&mut self, what: &'static str) {
        *self.done.entry(what).or_default() += 1;
    }

    fn served(&mut self, request: Option<usize>) {
        if let Some(request) = request {
            let asked = &mut self.world.asked[request];
            (asked.spent, asked.served) = (true, true);
        }
    }

    fn ask(&mut self, operation: &Operation, matter: Matter) {
        let me = self.world.me.unwrap_or(0);
        let hand = if self.chance.one_in(8) { self.chance.below(PEOPLE.len()) } else { me };
        let expected = self.world.may_ask(&matter) && hand == me;
        let mut chance = self.chance.clone();
        let asked = self.control().ask(operation, WHY, (&Pen(PEOPLE[hand].name), &mut chance));
        self.chance = chance;
        assert_eq!(asked.is_ok(), expected, "{asked:?}: {matter:?} in {:#?}", self.world);
        let Ok(nonce) = asked else { return };
        let text = self.registry.requests().unwrap().pop().unwrap().filed.text;
        self.told.insert(self.texts.len());
        self.on_file(nonce, text, Asked { seen: self.world.now, ..request(matter, me, self.world.now, true) });
        self.count("ask");
        // Mostly others sign at once, and it is done then.
        if !self.chance.one_in(3) {
            self.sign();
            self.sign();
        }
    }

    fn on_file(&mut self, nonce: Nonce, text: String, asked: Asked) {
        self.texts.push((nonce, text));
        self.world.asked.push(asked);
    }

    /// A compromised version is read with once more.
    fn except(&mut self) {
        let lost = |world: &World| {
            let mut all = (0..2).flat_map(|key| (1..=world.keys[key].len() as u32).map(move |version| (key, version)));
            all.find(|(key, version)| world.keys[*key][*version as usize - 1].state() == "compromised")
        };
        let Some((which, version)) = lost(&self.world) else { return };
        let Some((operation, matter)) = self.words(which, version, "use-compromised", None) else { return };
        let expected = self.world.may(&matter);
        match self.control().permit(&operation) {
            Ok(permit) => {
                assert!(expected.is_some(), "let through: {matter:?} in {:#?}", self.world);
                self.control().except(&permit, WHY).unwrap();
                self.warden.except(key(which, version));
                self.excepted.insert((which, version));
                self.served(expected.flatten());
                self.count("use-compromised");
            }
            Err(error) => {
                assert_eq!(expected, None, "refused ({error}): {matter:?} in {:#?}", self.world);
                if self.world.regime.rule("use-compromised").is_some() {
                    self.ask(&operation, matter);
                }
            }
        }
    }

    fn let_time_go_by(&mut self) {
        let now = self.world.now;
        // Back to when the last request was made: it is as young as then, says the clock.
        let then = self.world.asked.last().map_or(now, |asked| asked.at);
        let moments =
            [now + HOUR, now + 3 * HOUR, now + DAY + HOUR, now + 8 * DAY, now + 365 * DAY, now - DAY, then, then];
        self.world.now = self.chance.of(&moments);
        self.clock.0.set(self.world.now);
    }

    /// Somebody goes, or another one sits down: the program is started anew.
    fn change_people(&mut self) {
        let who = self.chance.below(PEOPLE.len());
        match self.chance.below(8) {
            0 => self.world.people[who].retired = self.world.people[who].retired.or(Some(self.world.now)),
            1 => self.world.me = None,
            _ => self.world.me = Some(who),
        }
        let World { regime, people, me, .. } = &self.world;
        self.rules = Arc::new(rules(regime, people, *me));
        self.warden = RegistryWarden::new((self.handles)(), Arc::clone(&self.rules));
        self.excepted.clear();
    }

    /// What has become due is done.
    fn settle(&mut self) {
        let settled = self.control().settle_due().unwrap();
        let mut expected = Vec::new();
        for which in [1, 0] {
            for version in 1..=self.world.keys[which].len() as u32 {
                let Some((at, request)) = self.world.keys[which][version as usize - 1].due else { continue };
                if at > self.world.now {
                    continue;
                }
                let done = self.world.may_settle(which, version);
                expected.push((key(which, version), done));
                if done {
                    let asker = request.filter(|_| self.world.regime.0.is_some());
                    let who = asker.map_or(USER, |request| PEOPLE[self.world.asked[request].who].name);
                    let why = if asker.is_some() { WHY } else { "its date has come" };
                    self.made(which, version, "activate", (who, why), asker);
                    self.supersede(which);
                    self.served(asker);
                    self.count("settle");
                }
            }
        }
        let settled: Vec<_> = settled.into_iter().map(|(key, done)| (key, done.is_ok())).collect();
        assert_eq!(settled, expected, "{:#?}", self.world);
    }

    /// What the warden says of every key, and the registry of one.
    fn look(&mut self) {
        for which in 0..2 {
            let believed = self.world.all_believed(which);
            let count = self.world.keys[which].len() as u32;
            for (what, new) in [(Use::Protect, true), (Use::Process, false)] {
                let serves = |version: &u32| {
                    believed && self.world.serves(which, *version, new, self.excepted.contains(&(which, *version)))
                };
                let mut fit: Vec<_> = (1..=count).rev().filter(serves).collect();
                fit.sort_by_key(|version| self.world.keys[which][*version as usize - 1].state() != "active");
                let found = self.warden.versions(&key(which, 1), what);
                assert_eq!(found.as_deref().unwrap_or_default(), fit, "{found:?} in {:#?}", self.world);
                for version in 1..=count + 1 {
                    let found = self.warden.permit(&key(which, version), what);
                    assert_eq!(found.is_ok(), fit.contains(&version), "{found:?} in {:#?}", self.world);
                }
            }
        }
        let (which, version) = self.pick();
        let expected = self.find(which, version).map(Version::state).filter(|_| self.world.believed(which, version));
        let found = self.control().version(&key(which, version));
        assert_eq!(found.as_ref().ok().map(|found| found.state.name()), expected, "{found:?} in {:#?}", self.world);
    }
}

fn branch(before: u64, step: (&str, u64, &str, &str, Option<usize>)) -> u64 {
    let mut hasher = DefaultHasher::new();
    (before, step).hash(&mut hasher);
    hasher.finish()
}

fn request(matter: Matter, who: usize, at: u64, good: bool) -> Asked {
    Asked { matter, who, at, good, signatures: Vec::new(), spent: false, served: false, seen: 0 }
}
