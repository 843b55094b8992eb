//! The report about a ceremony: what its transcripts show, to be printed, signed by hand and filed.
//!
//! It is made of transcripts that were verified together, and of nothing else. Where one of them is refused there is no
//! report: a page that looks like evidence, and is none, would be filed like one. What is said then is the refusal.

mod evidence;
mod labels;
mod people;
mod quorum;
mod style;
mod timeline;

use super::{Page, Text, code};
use crate::ceremony::progress::Progress;
use cardwright_keys::approval::time;
use cardwright_keys::ceremony::plan::{CeremonyMode, Plan};
use cardwright_keys::ceremony::transcript::{Line, Record, Transcript};
use cardwright_keys::ceremony::verify::{AmongAll, Completion, Given, Refusal, Verdict, Why, verify_all};
use cardwright_keys::ceremony::words::words;
use cardwright_keys::custody::hash::sha256;
use cardwright_proto::custody::manifest::Place;
use cardwright_proto::custody::share::{KeyType, Scheme};
use cardwright_proto::custody::{Hash, Point};

/// A transcript that passed all checks.
#[derive(Clone, Debug)]
struct Account {
    /// Its file's name.
    name: String,
    lines: Vec<Line>,
    progress: Progress,
    verdict: Verdict,
}

/// Transcripts of one plan that were verified together.
#[derive(Clone, Debug)]
pub struct Report {
    plan: Plan,
    accounts: Vec<Account>,
    /// The last one's head was known from elsewhere.
    head_given: bool,
}

impl Report {
    /// Verifies transcripts, each with its file's name and chained to the one before. All have to be of one plan: the one
    /// that is given, or else the first one's.
    ///
    /// # Errors
    /// [`AmongAll`] for the first that is refused. Where there is none at all, it is the first one's missing `start`.
    pub fn verified(files: &[(String, &[u8])], given: &Given<'_>) -> Result<Self, AmongAll> {
        let bytes: Vec<&[u8]> = files.iter().map(|(_, bytes)| *bytes).collect();
        let plan = bytes.first().and_then(|first| plan_of(first));
        let own = plan.as_ref().map(|plan| plan.hash().into());
        let verdicts = verify_all(&bytes, &Given { plan: given.plan.or(own), ..*given })?;
        let nothing = Refusal { line: 1, check: 2, why: Why::NoStart };
        let plan = plan.ok_or(AmongAll { transcript: 1, refusal: nothing })?;
        let read = files.iter().zip(verdicts).enumerate().map(|(at, ((name, bytes), verdict))| {
            let parsed = Transcript::parse(bytes);
            let parsed = parsed.map_err(|error| AmongAll { transcript: at + 1, refusal: error.into() })?;
            Ok(Account { name: name.clone(), progress: Progress::of(&parsed), lines: parsed.lines, verdict })
        });
        Ok(Self { plan, accounts: read.collect::<Result<_, _>>()?, head_given: given.head.is_some() })
    }

    /// What each transcript shows.
    pub fn verdicts(&self) -> impl Iterator<Item = &Verdict> {
        self.accounts.iter().map(|account| &account.verdict)
    }

    /// The report as one HTML file; `now` is in seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn render(&self, now: u64) -> String {
        let under = format!("Report of a ceremony, made {} by Cardwright from the transcripts alone", time(now));
        let mut page = Page::with_style(&self.plan.title, &under, &style::of(self.test_ca()));
        if self.test_ca() {
            page.mark("TEST CA");
        }
        self.says(&mut page);
        self.overview(&mut page);
        page.heading("To be compared with what was read aloud");
        page.table(&["of", "13 words, and all of it in hexadecimal"], &self.fingerprints());
        page.heading("Key");
        page.table(&["of the key", "by the plan, and as cards signed it"], &self.key());
        quorum::draw(self, &mut page);
        people::list(self, &mut page);
        evidence::drills(self, &mut page);
        evidence::releases(self, &mut page);
        evidence::destructions(self, &mut page);
        timeline::notes(self, &mut page);
        self.accounts.iter().for_each(|account| timeline::of(self, account, &mut page));
        page.heading("What this does not say");
        page.paragraph(match self.plan.mode {
            CeremonyMode::Blind => BLIND_LIMITS,
            CeremonyMode::Host => HOST_LIMITS,
        });
        labels::cut_out(self, &mut page);
        page.end()
    }

    fn test_ca(&self) -> bool {
        self.verdicts().any(|verdict| verdict.test_ca)
    }

    /// The verdict, in sentences.
    fn says(&self, page: &mut Page) {
        page.raw("<div class=\"says\">\n");
        if self.plan.mode == CeremonyMode::Host {
            page.paragraph("HOST MODE: shares passed through this computer, and nobody signed anything.");
        }
        let count = self.accounts.len();
        let of = if count == 1 { "The transcript passes".to_owned() } else { format!("All {count} transcripts pass") };
        page.paragraph(&match self.plan.mode {
            CeremonyMode::Blind => format!("{of} all checks: cards signed what is said here of them."),
            CeremonyMode::Host => format!("{of} the checks that there are without signatures: form, chain and plan."),
        });
        for account in self.accounts.iter().filter(|account| account.verdict.outcome != Completion::Done) {
            page.paragraph(&format!("{}: {}.", account.name, account.verdict.outcome));
        }
        if self.test_ca() {
            page.paragraph("TEST CA: its key is in a file, and anybody who reads that can certify anything.");
        }
        if self.verdicts().any(|verdict| verdict.ca.is_some() && !verdict.vouched) {
            page.paragraph("A CA THAT NOBODY VOUCHED FOR: its words below were not compared with any others.");
        }
        if !self.head_given {
            page.paragraph(
                "No head was given: what stands behind the last signature is the host's word until the head below is \
                 compared with the one that was read aloud.",
            );
        }
        page.raw("</div>\n");
    }

    /// A row a transcript.
    fn overview(&self, page: &mut Page) {
        let row = |account: &Account| {
            let Verdict { operation, outcome, manifest, kcv, head, .. } = &account.verdict;
            let manifest = manifest.as_ref();
            let at = |line: Option<&Line>| line.map(when).unwrap_or_default();
            vec![
                firm(&account.name),
                format!("{operation}: {outcome}"),
                manifest.map(|manifest| manifest.sequence.to_string()).unwrap_or_default(),
                manifest.map(|manifest| firm(&short(&manifest.set))).unwrap_or_default(),
                kcv.map(|kcv| firm(&kcv.to_string())).unwrap_or_default(),
                format!("{}<br>{}", at(account.lines.first()), at(account.lines.last())),
                code(&words(head).to_string()),
            ]
        };
        let rows: Vec<_> = self.accounts.iter().map(row).collect();
        page.table(&["transcript", "what", "sequence", "set", "KCV", "from, to (host's clock)", "head"], &rows);
    }

    fn fingerprints(&self) -> Vec<Vec<String>> {
        let mut rows = vec![vec!["the plan".to_owned(), fingerprint(&self.plan.hash())]];
        let mut cas: Vec<Point> = Vec::new();
        for verdict in self.verdicts() {
            cas.extend(verdict.ca.filter(|ca| !cas.contains(ca)));
        }
        rows.extend(cas.iter().map(|ca| vec!["the CA's key".to_owned(), fingerprint(&sha256(&[ca]))]));
        let last = self.accounts.last();
        rows.extend(
            last.map(|last| vec![format!("the head of {}", Text(&last.name)), fingerprint(&last.verdict.head)]),
        );
        rows
    }

    fn key(&self) -> Vec<Vec<String>> {
        let Plan { key, scheme, m, waiver, applet, .. } = &self.plan;
        let key_type = match key.key_type {
            KeyType::Aes => "AES",
            KeyType::TripleDes => "3DES",
        };
        let scheme = match scheme {
            Scheme::Shamir => "Shamir's scheme",
            Scheme::Xor => "XOR",
        };
        let row = |name: &str, value: String| vec![name.to_owned(), value];
        let bits = u32::from(key.key_length) * 8;
        let mut rows = vec![
            row("name", Text(&key.name).to_string()),
            row("type, length, usage", format!("{key_type}, {bits} bits, usage {}", key.usage)),
            row("quorum", format!("{m} of {} shares make it ({scheme})", self.plan.n())),
        ];
        rows.extend(waiver.as_ref().map(|why| row("why no m-of-n backup", Text(why).to_string())));
        let mut kcvs: Vec<String> = Vec::new();
        for Verdict { kcv, manifest, .. } in self.verdicts() {
            let set = manifest.as_ref().map(|manifest| format!(", set {}", code(&hex::encode_upper(manifest.set))));
            let shown = kcv.map(|kcv| format!("{}{}", code(&kcv.to_string()), set.unwrap_or_default()));
            kcvs.extend(shown.filter(|shown| !kcvs.contains(shown)));
        }
        let kcvs = if kcvs.is_empty() { "not shown".to_owned() } else { kcvs.join("<br>") };
        rows.push(row("check value (KCV)", kcvs));
        rows.push(row("applet on the cards, by the plan", code(&hex::encode_upper(applet))));
        rows
    }

    /// The place of whoever has this certificate, by the manifests of all transcripts, this one's first.
    fn place(&self, account: &Account, certificate: &Hash) -> Option<Place> {
        [account].into_iter().chain(&self.accounts).find_map(|account| account.place(certificate))
    }

    /// The label of the card at a place, and its holder's name.
    fn card(&self, place: Place) -> (String, String) {
        let card = self.plan.card(place);
        card.map_or_else(|| (place.to_string(), String::new()), |card| (card.label.clone(), card.holder.clone()))
    }
}

impl Account {
    /// The place of whoever has this certificate, by the manifests; `None` where they do not have it.
    fn place(&self, certificate: &Hash) -> Option<Place> {
        let manifest = &self.progress.manifest.as_ref()?.manifest;
        let dealt = self.progress.statement.as_ref().map(|stated| &stated.manifest);
        let there =
            |place| [Some(manifest), dealt].into_iter().flatten().any(|one| one.party(place) == Some(certificate));
        let custodians = (1..=manifest.n()).map(Place::Custodian);
        custodians.chain([Place::Combiner, Place::Dealer, Place::Hsm]).find(|place| there(*place))
    }

    /// The last line in which something is found.
    fn last<T>(&self, found: impl Fn(&Record) -> Option<T>) -> Option<(&Line, T)> {
        self.lines.iter().rev().find_map(|line| found(&line.record).map(|value| (line, value)))
    }
}

const BLIND_LIMITS: &str = "\
It says what cards signed, and not that people were there, that the times of the host's clock are right, or that the code \
on the cards is that of the applet hash: whoever runs the CA vouches for that. Notes, refusals and the word that a vault \
has the key are the host's, and signed by nobody.";

const HOST_LIMITS: &str = "\
Everything in it is the word of one computer, which held the key and every share: nobody signed anything, and whoever \
had that computer may have written it anew. It does not say that people were there, that the times are right, or that \
there is no other copy of a share.";

/// The plan that a transcript begins with.
fn plan_of(bytes: &[u8]) -> Option<Plan> {
    let (transcript, _) = Transcript::recover(bytes).ok()?;
    match &transcript.lines.first()?.record {
        Record::Start { plan, .. } => Plan::parse(plan).ok(),
        _ => None,
    }
}

/// When a line was written, by the host's clock; it stays on one line.
fn when(line: &Line) -> String {
    format!("<span class=\"t\">{}</span>", line.at)
}

/// As [`code`], all of it on one line.
fn firm(text: &str) -> String {
    format!("<code class=\"t\">{}</code>", Text(text))
}

/// The first four bytes: enough to tell sets apart.
fn short(id: &[u8]) -> String {
    hex::encode_upper(id.get(..4).unwrap_or(id))
}

/// Words to be read aloud, and all of the hash below.
fn fingerprint(hash: &Hash) -> String {
    format!("<code class=\"words\">{}</code><br><code class=\"soft\">{}</code>", words(hash), hex::encode_upper(hash))
}

#[cfg(test)]
mod tests;
