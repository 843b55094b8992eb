//! `cardwright batch plan`: everything checked, and what each card would get.

use super::advice::JobFailure;
use super::job::{Loaded, Owned, derives, may_see};
use crate::advice::Failure;
use crate::args::BatchPlanArgs;
use crate::config::Settings;
use crate::{card_keys, output, registers, setup};
use cardwright::batch::Contents;
use cardwright::batch::inputs::Field;
use cardwright::rotate::{KeptKey, Request, check};
use cardwright_hsm::Keyring;
use cardwright_keys::job::{Delivery, EXAMPLE, Job, LifeCycle, Verify};
use cardwright_keys::key::Algorithm;
use cardwright_keys::keyref::{KeyRef, Source};
use cardwright_keys::lifecycle::Use;
use cardwright_keys::vault::{Purpose, Vault, VaultError};
use cardwright_proto::gp::key::Kvn;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

/// A job with its keys: what a run begins with.
pub(super) struct Ready {
    pub(super) loaded: Loaded,
    pub(super) vault: Keyring,
    /// The key change of each delivery, in the job's order.
    pub(super) terms: Vec<Request>,
    /// By what its keys are known again.
    pub(super) owned: Owned,
}

/// Checks a job with all that it needs. No card is touched.
pub(super) fn ready(settings: &Settings, path: &Path) -> Result<Ready, Failure> {
    let loaded = Loaded::read(path)?;
    let job = &loaded.job;
    may_see(settings, &job.issuer)?;
    let vault = setup::load_keys(settings, &loaded.keys())?;
    setup::readable(&vault, job.deliveries.iter().map(|delivery| &delivery.key))?;
    let owned = loaded.owned(&vault)?;
    let key = job.data.as_ref().and_then(|data| data.key.as_ref());
    let key = key.map(|key| vault.material(key, (Purpose::Enc, Some(Algorithm::Aes)))).transpose()?;
    if let (Some(index), Some(data)) = (&loaded.data, &job.data)
        && index.sealed()
    {
        if job.level.is_some_and(|level| !level.c_enc()) {
            return Err(JobFailure::InClear.into());
        }
        let contents = Contents { index, job: &job.name, key: Some(key.ok_or(JobFailure::Sealed)?) };
        contents.check().map_err(|error| JobFailure::Input { path: data.file.clone(), error })?;
    }
    told_apart(&vault, job)?;
    let new = KeptKey::after(setup::newest(&vault, &job.target.key)?, card_keys::make_durable)?;
    let mut terms = Vec::with_capacity(job.deliveries.len());
    for delivery in &job.deliveries {
        let named = delivery.key.kvn.filter(|kvn| *kvn != Kvn::INITIAL && *kvn != job.target.kvn);
        if job.target.retire && named.is_none() {
            return Err(JobFailure::Retire(delivery.name.clone()).into());
        }
        let request = Request {
            current: delivery.key.clone(),
            new: new.clone(),
            target: job.target.kvn,
            replace: job.target.replace,
            abandon_pending: false,
            form: job.form,
        };
        check(&vault, &request)?;
        wraps(&vault, &request)?;
        terms.push(request);
    }
    Ok(Ready { loaded, vault, terms, owned })
}

/// The cards' present keys are as long as the new ones, which they wrap: no card need be asked for that.
fn wraps(vault: &Keyring, request: &Request) -> Result<(), Failure> {
    let len = |key: &KeyRef| Ok::<_, Failure>(vault.key_len(&vault.card_keys(key, &[0; 10])?));
    let new = len(request.new.key())?;
    for old in vault.versions(&request.current, Use::Process)? {
        let dek = len(&old)?;
        if dek < new {
            return Err(VaultError::WeakerWrap { new, dek }.into());
        }
    }
    Ok(())
}

/// A card of a box without a list has to say by its keys which box that is: two boxes have the same keys, or none in common.
fn told_apart(vault: &Keyring, job: &Job) -> Result<(), Failure> {
    if job.counted().nth(1).is_none() {
        return Ok(());
    }
    let keys = job.counted().map(|(_, delivery)| Ok::<_, Failure>((delivery, versions(vault, &delivery.key)?)));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    for (at, (one, of_one)) in keys.iter().enumerate() {
        let values = |of: &[(String, String)]| of.iter().map(|(_, kcvs)| kcvs.clone()).collect::<BTreeSet<_>>();
        let of_one = values(of_one);
        let overlaps = |(other, of_other): &&(&Delivery, Vec<(String, String)>)| {
            let of_other = values(of_other);
            let (set, others) = (one.key.kvn, other.key.kvn);
            let may_be_one = set == others || set.is_none() || others.is_none();
            may_be_one && (set, &of_one) != (others, &of_other) && !of_one.is_disjoint(&of_other)
        };
        if let Some((other, _)) = keys.iter().skip(at + 1).find(overlaps) {
            return Err(JobFailure::Overlap(one.name.clone(), other.name.clone()).into());
        }
    }
    Ok(())
}

pub(super) fn run(settings: &Settings, args: &BatchPlanArgs) -> Result<(), Failure> {
    let Some(path) = args.job.as_deref().filter(|_| !args.example) else { return output::text(EXAMPLE) };
    let plan = setup::with_keys(|| {
        let ready = ready(settings, path)?;
        let registry = registers::open_registry(settings)?;
        ready.loaded.pinned(&registry, &ready.owned)?;
        Plan::new(&ready, args)
    })?;
    if settings.json { output::json(&plan.json()) } else { output::text(&plan.text()) }
}

/// What a person reads before the first card.
pub(super) struct Plan {
    name: String,
    issuer: String,
    domain: &'static str,
    profile: String,
    sha256: String,
    inputs: Vec<(String, String)>,
    deliveries: Vec<(String, String, u64, bool)>,
    /// Reference, check values for a card with a KDD of zeros: two references to one key show the same.
    keys: Vec<(String, String)>,
    target: String,
    /// What is in the data file, by tag.
    data: BTreeMap<u16, Field>,
    steps: Vec<String>,
    undone: &'static str,
    cards: u64,
    milliseconds: u64,
    readers: u32,
}

impl Plan {
    pub(super) fn new(ready: &Ready, args: &BatchPlanArgs) -> Result<Self, Failure> {
        let Ready { loaded, vault, terms, .. } = ready;
        let job = &loaded.job;
        let listed = |(delivery, count): (&Delivery, u64)| {
            (delivery.name.to_string(), delivery.key.to_string(), count, delivery.is_listed())
        };
        let new = terms.first().map(|terms| terms.new.key().clone());
        let mut keys = Vec::new();
        for key in terms.iter().map(|terms| &terms.current).chain(&new) {
            keys.extend(versions(vault, key)?);
        }
        keys.dedup();
        let per_card = steps(job, loaded.names_chips());
        let milliseconds: u64 = per_card.iter().map(|step| args.apdu.map_or(step.milliseconds, u64::from)).sum();
        Ok(Self {
            name: job.name.to_string(),
            issuer: job.issuer.to_string(),
            domain: job.domain.name(),
            profile: job.profile.clone(),
            sha256: hex::encode(loaded.sha256),
            inputs: loaded.inputs.iter().map(|(path, sha256)| (path.clone(), hex::encode(sha256))).collect(),
            deliveries: job.deliveries.iter().zip(loaded.counts()).map(listed).collect(),
            keys,
            target: format!("set {} {}", job.target.kvn, new.map_or_else(String::new, |key| format!("from {key}"))),
            data: loaded.data.as_ref().map(|data| data.fields().clone()).unwrap_or_default(),
            steps: per_card.into_iter().map(|step| step.apdu).collect(),
            undone: undone(job),
            cards: loaded.cards(),
            milliseconds,
            readers: args.readers.unwrap_or_else(|| u32::try_from(job.readers.len()).unwrap_or(u32::MAX).max(1)),
        })
    }

    /// Seconds for all cards, with readers that never wait.
    fn seconds(&self) -> u64 {
        (self.cards * self.milliseconds).div_ceil(1000 * u64::from(self.readers))
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let delivery = |(name, key, cards, listed): &(String, String, u64, bool)| json!({ "name": name, "key": key, "cards": cards, "listed": listed });
        json!({
            "job": self.name,
            "issuer": self.issuer,
            "domain": self.domain,
            "profile": self.profile,
            "sha256": self.sha256,
            "inputs": self.inputs.iter().map(|(path, sha256)| json!({ "file": path, "sha256": sha256 })).collect::<Vec<_>>(),
            "deliveries": self.deliveries.iter().map(delivery).collect::<Vec<_>>(),
            "keys": self.keys.iter().map(|(key, kcvs)| json!({ "key": key, "kcvs": kcvs })).collect::<Vec<_>>(),
            "target": self.target,
            "data": fields_json(&self.data),
            "commands": self.steps,
            "cannot_be_undone": self.undone,
            "cards": self.cards,
            "milliseconds_a_card": self.milliseconds,
            "readers": self.readers,
            "seconds": self.seconds(),
        })
    }

    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        let harmless = output::harmless;
        let _ = writeln!(
            out,
            "job {}, {} domain, issuer {}, cards {}",
            self.name,
            self.domain,
            self.issuer,
            harmless(&self.profile)
        );
        let _ = writeln!(out, "pinned by SHA-256 {}", self.sha256);
        for (path, sha256) in &self.inputs {
            let _ = writeln!(out, "  {}  {sha256}", harmless(path));
        }
        for (name, key, cards, listed) in &self.deliveries {
            let how = if *listed { "listed" } else { "any" };
            let _ = writeln!(out, "delivery {name}: {cards} cards ({how}) with {}", harmless(key));
        }
        let _ = writeln!(out, "they get {}", harmless(&self.target));
        for (key, kcvs) in &self.keys {
            let _ = writeln!(out, "  {}  KCV {kcvs} (AES, for a KDD of zeros)", harmless(key));
        }
        if !self.data.is_empty() {
            let _ = write!(out, "their data:\n{}", fields_text(&self.data));
        }
        let _ = writeln!(out, "each card, in plain form:");
        for step in &self.steps {
            let _ = writeln!(out, "  {step}");
        }
        let _ = writeln!(out, "{}", self.undone);
        let _ = writeln!(
            out,
            "{} cards, {} ms a card, {} reader{}: about {}",
            self.cards,
            self.milliseconds,
            self.readers,
            if self.readers == 1 { "" } else { "s" },
            span(self.seconds())
        );
        if self.readers > 16 {
            let _ = writeln!(out, "pcscd takes 16 readers unless it was built for more: plan for several stations");
        }
        out.push_str("no card was touched\n");
        out
    }
}

/// Which data groupings are sealed, and which are not: a mistake there shows before the file leaves the house.
pub(super) fn fields_text(fields: &BTreeMap<u16, Field>) -> String {
    let line = |(tag, field): (&u16, &Field)| match field {
        Field { clear: 0, sealed } => format!("  {tag:04X} sealed in {sealed} rows\n"),
        Field { clear, sealed: 0 } => format!("  {tag:04X} in clear in {clear} rows\n"),
        Field { clear, sealed } => format!("  {tag:04X} sealed in {sealed} rows, IN CLEAR in {clear}\n"),
    };
    fields.iter().map(line).collect()
}

pub(super) fn fields_json(fields: &BTreeMap<u16, Field>) -> serde_json::Value {
    let field = |(tag, field): (&u16, &Field)| json!({ "dgi": format!("{tag:04X}"), "clear": field.clear, "sealed": field.sealed });
    fields.iter().map(field).collect()
}

/// Seconds, as people say it.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

fn versions(vault: &Keyring, key: &KeyRef) -> Result<Vec<(String, String)>, Failure> {
    let mut found = Vec::new();
    for version in vault.versions(key, Use::Process)? {
        let kcvs = derives(vault, &version)?;
        let kcvs = kcvs.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let shown = match &version.source {
            Source::File(path) => format!("{}file:{}", version.scheme.prefix(), path.display()),
            _ => version.to_string(),
        };
        found.push((shown, kcvs));
    }
    Ok(found)
}

/// A command with what real cards take for it.
struct PlainStep {
    apdu: String,
    milliseconds: u64,
}

/// What is sent to each card. Milliseconds are those that were published of real cards, the upper end; PUT KEY, DELETE
/// KEY, STORE DATA and SET STATUS were not, and are assumed to take 100.
fn steps(job: &Job, names_chips: bool) -> Vec<PlainStep> {
    let step = |apdu: String, milliseconds| PlainStep { apdu: apdu.trim_end().to_owned(), milliseconds };
    let old = if job.target.replace { "KVN" } else { "00" };
    let target = job.target.kvn.byte();
    let asked = job.first_set();
    let mut steps = vec![step(format!("00 A4 04 00 {}", hex::encode_upper(&job.aid)), 31)];
    if !names_chips {
        steps.push(step("80 CA 9F 7F".to_owned(), 18));
    }
    steps.extend([
        step(format!("80 50 {:02X} 00 [host challenge]", asked.map_or(0, Kvn::byte)), 62),
        step("84 82 [level] 00 [host cryptogram, MAC]".to_owned(), 20),
        step(format!("84 D8 {old} 81 {target:02X} [3 key blocks, blanked]"), 100),
        step(format!("80 50 {target:02X} 00 [host challenge]"), 62),
        step("84 82 [level] 00 [host cryptogram, MAC]".to_owned(), 20),
        step("84 CA 9F 7F".to_owned(), 18),
    ]);
    if job.verify == Verify::Reset {
        steps.extend([
            step(format!("00 A4 04 00 {}, after a reset", hex::encode_upper(&job.aid)), 31),
            step(format!("80 50 {target:02X} 00 [host challenge]"), 62),
            step("84 82 [level] 00 [host cryptogram, MAC]".to_owned(), 20),
            step("84 CA 9F 7F".to_owned(), 18),
        ]);
    }
    if job.data.is_some() {
        steps.push(step("84 E2 [block] [number] [data groupings, blanked]; as many as it takes".to_owned(), 100));
    }
    if let (true, Some(kvn)) = (job.target.retire, asked) {
        steps.push(step(format!("84 E4 00 00 D2 01 {:02X}", kvn.byte()), 100));
    }
    if let Some(state) = job.finish {
        steps.push(step("84 F2 80 02 4F00".to_owned(), 18));
        for state in [LifeCycle::Initialized, LifeCycle::Secured].into_iter().filter(|one| *one <= state) {
            steps.push(step(format!("84 F0 80 {:02X}, unless it is there already", state.byte()), 100));
        }
    }
    steps
}

const fn undone(job: &Job) -> &'static str {
    if job.finish.is_some() {
        return "a card's life cycle state cannot be taken back, and neither can PUT KEY of its first set";
    }
    if job.target.replace || job.target.retire {
        return "PUT KEY cannot be undone: the cards' present keys are gone from them afterwards";
    }
    "PUT KEY cannot be undone where it takes the initial keys' place"
}
