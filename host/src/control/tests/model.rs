//! What may be done, written down a second time: from the guides, not from the program.

/// An operator, as the file has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Person {
    pub(super) name: &'static str,
    pub(super) person: &'static str,
    pub(super) roles: &'static [&'static str],
    pub(super) retired: Option<u64>,
}

const fn person(name: &'static str, person: &'static str, roles: &'static [&'static str]) -> Person {
    Person { name, person, roles, retired: None }
}

/// Four operators, three persons.
pub(super) const PEOPLE: [Person; 4] = [
    person("anna", "anna", &["key-manager", "incident-responder"]),
    person("ben", "ben", &["custodian", "key-manager"]),
    person("ben2", "ben", &["card-manager"]),
    person("cem", "cem", &["custodian", "card-manager"]),
];

/// Act, approvals, from whom, within how many seconds.
pub(super) type Line = (&'static str, usize, &'static [&'static str], u64);

/// A policy's rules; `None` where there is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Regime(pub(super) Option<&'static [Line]>);

pub(super) const REGIMES: [Regime; 4] = [
    Regime(None),
    Regime(Some(&[])),
    Regime(Some(&[
        ("destroy", 2, &["custodian", "card-manager", "key-manager"], 86_400),
        ("activate", 1, &["custodian"], 7 * 86_400),
        ("use-compromised", 1, &["card-manager", "custodian"], 3600),
    ])),
    Regime(Some(&[
        ("generate", 1, &["custodian", "card-manager"], 86_400),
        ("suspend", 1, &["card-manager", "custodian"], 86_400),
        ("reactivate", 2, &["custodian", "card-manager", "key-manager"], 86_400),
    ])),
];

const ANYBODY: &[&str] = &["key-manager", "custodian", "card-manager", "incident-responder"];

/// What clocks may differ by.
const SKEW: u64 = 300;

impl Regime {
    /// Approvals, from whom, within how long. `None` where nobody else has to approve.
    pub(super) fn rule(&self, act: &str) -> Option<(usize, &'static [&'static str], u64)> {
        let written = self.0?.iter().find(|line| line.0 == act).map(|line| (line.1, line.2, line.3));
        let least = usize::from(!matches!(act, "generate" | "suspend" | "compromise" | "supersede"));
        Some(written.unwrap_or((least, ANYBODY, 86_400))).filter(|rule| rule.0 > 0)
    }
}

/// Who may ask.
fn askers(act: &str) -> &'static [&'static str] {
    match act {
        "suspend" | "compromise" => ANYBODY,
        "reactivate" => &["key-manager", "card-manager"],
        "use-compromised" => &["incident-responder", "key-manager"],
        _ => &["key-manager", "custodian"],
    }
}

/// Where an act leads; `None` where it cannot be done.
pub(super) fn leads(from: Option<&str>, act: &str) -> Option<&'static str> {
    Some(match (from, act) {
        (None, "generate") => "pre-operational",
        (Some("pre-operational"), "activate") | (Some("suspended"), "reactivate") => "active",
        (Some("active"), "suspend") => "suspended",
        (Some("active"), "deactivate" | "supersede") | (Some("suspended"), "deactivate") => "deactivated",
        (Some("pre-operational" | "active" | "suspended" | "deactivated"), "compromise") => "compromised",
        (Some(from), "destroy") if from != "destroyed" => "destroyed",
        (Some(from), "confirm") => STATES.into_iter().find(|state| *state == from)?,
        _ => return None,
    })
}

/// What may be confirmed: all but the last state of all.
const STATES: [&str; 5] = ["pre-operational", "active", "suspended", "deactivated", "compromised"];

/// What a request is for. After the next step the same act is another matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Matter {
    pub(super) act: &'static str,
    pub(super) key: usize,
    pub(super) version: u32,
    pub(super) steps: usize,
    /// Tells histories of the same length apart: one may have been cut, and have gone on in another way.
    pub(super) branch: u64,
    pub(super) not_before: Option<u64>,
}

#[derive(Clone, Debug)]
pub(super) struct Signature {
    pub(super) who: usize,
    pub(super) at: u64,
    /// It is of these words, in this name, by this operator's key.
    pub(super) good: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) matter: Matter,
    pub(super) who: usize,
    pub(super) at: u64,
    pub(super) good: bool,
    pub(super) signatures: Vec<Signature>,
    /// As the registry says.
    pub(super) spent: bool,
    /// As the audit log says.
    pub(super) served: bool,
    /// The latest time in the log since it was filed.
    pub(super) seen: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Made {
    pub(super) act: &'static str,
    pub(super) at: u64,
    pub(super) request: Option<usize>,
    /// Names the history that ends with this step.
    pub(super) branch: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Version {
    pub(super) steps: Vec<Made>,
    /// When it is to be activated, and by which request.
    pub(super) due: Option<(u64, Option<usize>)>,
}

impl Version {
    /// As its steps say, believed or not.
    pub(super) fn state(&self) -> &'static str {
        let state = self.steps.iter().fold(None, |state, step| leads(state, step.act));
        state.expect("the registry keeps no others")
    }

    pub(super) fn branch(&self) -> u64 {
        self.steps.last().map_or(0, |step| step.branch)
    }
}

/// What is thought of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Belief {
    Good,
    /// A step that needs approvals has none, and nobody has approved what came of it.
    Unapproved,
    /// It goes back in time.
    Impossible,
}

/// Keys, requests and people.
#[derive(Debug)]
pub(super) struct World {
    pub(super) regime: Regime,
    pub(super) people: [Person; 4],
    pub(super) me: Option<usize>,
    pub(super) keys: [Vec<Version>; 2],
    pub(super) asked: Vec<Asked>,
    pub(super) now: u64,
}

impl World {
    pub(super) fn matter(&self, act: &'static str, key: usize, version: u32, not_before: Option<u64>) -> Matter {
        let found = self.keys[key].get(version as usize - 1);
        let (steps, branch) = found.map_or((0, 0), |version| (version.steps.len(), version.branch()));
        Matter { act, key, version, steps, branch, not_before }
    }

    /// Whether this operator has one of the roles, and had not gone: ever, or by then.
    fn has(&self, who: usize, roles: &[&str], then: Option<u64>) -> bool {
        let Person { roles: own, retired, .. } = &self.people[who];
        let gone = retired.is_some_and(|retired| then.is_none_or(|then| retired <= then));
        !gone && own.iter().any(|role| roles.contains(role))
    }

    /// Whether enough people have approved it: for something that is done now, or for what was done before.
    fn enough(&self, asked: &Asked, before: bool) -> bool {
        let act = asked.matter.act;
        let Some((needed, of, within)) = self.regime.rule(act) else { return false };
        let then = |at| if before { Some(at) } else { None };
        if !asked.good || !self.has(asked.who, askers(act), then(asked.at)) {
            return false;
        }
        let mut counted = vec![self.people[asked.who].person];
        for Signature { who, at, good } in &asked.signatures {
            let person = self.people[*who].person;
            let in_time = *at + SKEW >= asked.at && *at <= asked.at + within;
            if *good && in_time && self.has(*who, of, then(*at)) && !counted.contains(&person) {
                counted.push(person);
            }
        }
        counted.len() > needed
    }

    /// Whether it may be done now: by the request of this number, or by none where none is needed.
    pub(super) fn may(&self, matter: &Matter) -> Option<Option<usize>> {
        if self.regime.0.is_none() {
            return Some(None);
        }
        let Some((_, _, within)) = self.regime.rule(matter.act) else {
            return self.me.filter(|me| self.has(*me, askers(matter.act), None)).map(|_| None);
        };
        let good = |asked: &Asked| {
            let young = self.now + SKEW >= asked.at && self.now.max(asked.seen) <= asked.at + within;
            let mine = Some(asked.who) == self.me;
            mine && asked.matter == *matter && !asked.spent && !asked.served && young && self.enough(asked, false)
        };
        self.asked.iter().position(good).map(Some)
    }

    /// Whether the one at the keyboard may ask for it.
    pub(super) fn may_ask(&self, matter: &Matter) -> bool {
        self.regime.rule(matter.act).is_some() && self.me.is_some_and(|me| self.has(me, askers(matter.act), None))
    }

    /// What is to be thought of a version's history. What was approved was approved with all that went before.
    pub(super) fn belief(&self, key: usize, version: u32) -> Belief {
        let steps = &self.keys[key][version as usize - 1].steps;
        if !steps.iter().is_sorted_by_key(|step| step.at) {
            return Belief::Impossible;
        }
        let branches = [0].into_iter().chain(steps.iter().map(|step| step.branch));
        let mut open = false;
        for (number, (step, branch)) in steps.iter().zip(branches).enumerate() {
            if self.regime.rule(step.act).is_some() {
                let approved = step.request.is_some_and(|request| {
                    let asked = &self.asked[request];
                    let Matter { not_before, .. } = asked.matter;
                    let matter = Matter { act: step.act, key, version, steps: number, branch, not_before };
                    let come = not_before.is_none_or(|not_before| step.at >= not_before);
                    asked.matter == matter && come && self.enough(asked, true)
                });
                open = !approved;
            }
        }
        if open { Belief::Unapproved } else { Belief::Good }
    }

    pub(super) fn believed(&self, key: usize, version: u32) -> bool {
        self.belief(key, version) == Belief::Good
    }

    pub(super) fn all_believed(&self, key: usize) -> bool {
        (1..=self.keys[key].len() as u32).all(|version| self.believed(key, version))
    }

    /// Whether what was decided for this version is done now.
    pub(super) fn may_settle(&self, key: usize, version: u32) -> bool {
        let found = &self.keys[key][version as usize - 1];
        let Some((_, request)) = found.due.filter(|(at, _)| *at <= self.now) else { return false };
        if found.state() != "pre-operational" || !self.believed(key, version) {
            return false;
        }
        if self.regime.0.is_none() {
            return true;
        }
        request.is_some_and(|request| {
            let asked = &self.asked[request];
            let matter = self.matter("activate", key, version, asked.matter.not_before);
            let come = asked.matter.not_before.is_some_and(|not_before| self.now >= not_before);
            asked.matter == matter && come && asked.served && self.enough(asked, false)
        })
    }

    /// Whether a version serves: to make something new, or to read.
    pub(super) fn serves(&self, key: usize, version: u32, new: bool, excepted: bool) -> bool {
        match self.keys[key][version as usize - 1].state() {
            "active" => true,
            "deactivated" => !new,
            "compromised" => !new && excepted,
            _ => false,
        }
    }
}
