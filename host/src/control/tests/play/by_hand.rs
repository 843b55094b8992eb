//! What is done without the program: with other people's keys, other times, and the registry's file.

use super::{ACTS, DAY, Edit, Play, USER, WHY, branch, request};
use crate::control::tests::model::{Asked, Made, Matter, PEOPLE, Signature, leads};
use crate::control::tests::{approval, key, name, sign};
use cardwright_keys::approval::{Filed, Nonce, Request};
use cardwright_keys::lifecycle::Step;
use cardwright_registry::{Due, Registry, RequestEntry};
use std::fmt::Debug;

impl<R: Registry + Debug + Send> Play<R> {
    /// Somebody writes a request into the registry: in any name, of any time, signed by any key.
    pub(super) fn ask_by_hand(&mut self) {
        let (which, version) = self.pick();
        let act = if self.chance.one_in(4) { "use-compromised" } else { self.pick_act(which, version) };
        let on = Some(self.world.now - DAY).filter(|_| act == "activate" && self.chance.one_in(2));
        let Some((operation, matter)) = self.words(which, version, act, on) else { return };
        let who = self.chance.below(PEOPLE.len());
        let hand = if self.chance.one_in(4) { self.chance.below(PEOPLE.len()) } else { who };
        let now = self.world.now;
        let at = self.chance.of(&[now, now, now - 2 * DAY, now - 300, now + 300, now + 301]);
        let mut bytes = [0; 16];
        bytes.iter_mut().for_each(|byte| *byte = self.chance.next().to_le_bytes()[0]);
        let nonce = Nonce(bytes);
        let requester = name(PEOPLE[who].name);
        let text = Request { operation, reason: WHY.to_owned(), requester, at, nonce }.text();
        let signature = sign(PEOPLE[hand].name, &Filed::message(&text));
        let filed = Filed { text: text.clone(), signature, approvals: Vec::new(), spent: false };
        self.registry.file(&RequestEntry { nonce, filed }).unwrap();
        self.on_file(nonce, text, request(matter, who, at, who == hand));
    }

    /// Somebody signs a request, or what looks like it.
    pub(super) fn sign(&mut self) {
        if self.texts.is_empty() {
            return;
        }
        let newest = self.texts.len() - 1;
        let which = if self.chance.one_in(3) { self.chance.below(self.texts.len()) } else { newest };
        let who = self.chance.below(PEOPLE.len());
        let (mut hand, mut words, mut at) = (who, which, self.world.now);
        let (base, within) = (self.world.asked[which].at, DAY);
        match self.chance.below(12) {
            0 => hand = self.chance.below(PEOPLE.len()),
            1 => words = self.chance.below(self.texts.len()),
            2 => at = self.chance.of(&[base - 300, base - 301, base + within, base + within + 1]),
            _ => {}
        }
        let good = hand == who && words == which;
        let signed = approval(&self.texts[words].1, PEOPLE[who].name, PEOPLE[hand].name, at);
        let signatures = &mut self.world.asked[which].signatures;
        let first = signatures.iter().all(|known| known.who != who);
        let kept = self.registry.approve(self.texts[which].0, &signed);
        assert_eq!(kept.is_ok(), first, "{kept:?}");
        if first {
            signatures.push(Signature { who, at, good });
            self.count("approve");
        }
    }

    /// Somebody has the registry's file.
    pub(super) fn edit(&mut self) {
        let Some(edit) = &self.edit else { return };
        let (mut which, mut version) = (0, self.chance.below(self.world.keys[0].len().max(1)) as u32 + 1);
        let mut request = Some(self.chance.below(self.texts.len().max(1))).filter(|_| !self.texts.is_empty());
        let mut what = self.chance.below(4);
        let ahead = |asked: &Asked| asked.matter.act == "activate" && asked.matter.not_before.is_some();
        let planned = self.world.asked.iter().rposition(ahead).filter(|_| self.chance.one_in(2));
        if let Some(planned) = planned {
            // What was asked for, and maybe approved, is put down as decided.
            let Matter { key, version: of, .. } = self.world.asked[planned].matter;
            (which, version, request, what) = (key, of, Some(planned), 2);
        }
        let named = key(which, version);
        let Some(found) = self.world.keys[which].get_mut(version as usize - 1) else { return };
        let last = found.steps.last().map_or(0, |step| step.at);
        match (what, request) {
            (0, Some(request)) => {
                edit(Edit::Unspend(self.texts[request].0));
                self.world.asked[request].spent = false;
            }
            (1, _) if found.steps.len() > 1 => {
                edit(Edit::Forget(named));
                found.steps.pop();
            }
            (2, request) => {
                let at = self.chance.of(&[0, self.world.now, self.world.now + DAY]);
                let request = request.filter(|_| !self.chance.one_in(4));
                found.due = Some((at, request));
                let request = request.map(|request| self.texts[request].0);
                edit(Edit::Decide(named, Some(Due { at, request })));
            }
            (3, request) => {
                let fit: Vec<_> = ACTS.into_iter().filter(|act| leads(Some(found.state()), act).is_some()).collect();
                if fit.is_empty() {
                    return;
                }
                let act = self.chance.of(&fit);
                let at = self.chance.of(&[last, last, self.world.now, 0]);
                let request = request.filter(|_| !self.chance.one_in(4));
                let branch = branch(found.branch(), (act, at, USER, WHY, request));
                found.steps.push(Made { act, at, request, branch });
                let (act, who, reason) = (act.parse().unwrap(), USER.to_owned(), WHY.to_owned());
                let request = request.map(|request| self.texts[request].0);
                edit(Edit::Step(named, Step { act, at, who, reason, request }));
            }
            _ => {}
        }
    }
}
