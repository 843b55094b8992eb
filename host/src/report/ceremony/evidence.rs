//! What was drilled, released, destroyed.

use super::{Account, Report, fingerprint, firm, when};
use crate::ceremony::fingerprint as of_key;
use crate::report::{Page, Text, code};
use cardwright_keys::ceremony::plan::CeremonyMode;
use cardwright_keys::ceremony::transcript::Record;
use cardwright_keys::ceremony::words::words;
use cardwright_proto::custody::certificate::{CertifiedKey, KeyAlgorithm};
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::message::Held;
use cardwright_proto::custody::subset::{Bitmap, Mask, Subsets};

/// Which subsets gave the key, of each deal and drill.
pub(super) fn drills(report: &Report, page: &mut Page) {
    page.heading("Drills");
    let drilled = report.accounts.iter().filter_map(|account| Some((account, account.progress.verdict.as_ref()?)));
    let drilled: Vec<_> = drilled.collect();
    if drilled.is_empty() {
        return page.paragraph(match report.plan.mode {
            CeremonyMode::Blind => "No combiner signed a drill.",
            CeremonyMode::Host => "No combiner signed a drill: what this computer says of it is among the notes.",
        });
    }
    let Ok(subsets) = Subsets::new(report.plan.m, report.plan.n()) else { return };
    for (account, verdict) in drilled {
        let (count, of) = (verdict.bitmap.count(), subsets.count());
        page.paragraph(&format!("{}: {count} of {of} subsets gave the key, signed by the combiner:", account.name));
        let shown: String =
            (0..).zip(subsets.iter()).map(|(number, mask)| subset(&verdict.bitmap, number, mask)).collect();
        page.raw(&format!("<p>{shown}</p>\n"));
    }
    page.paragraph("Numbers are those of the custodians' shares; those in a dashed frame were not tried.");
}

fn subset(tried: &Bitmap, number: u8, mask: Mask) -> String {
    let not = if tried.has(number) { "" } else { " not" };
    let custodians: Vec<_> = mask.custodians().map(|x| x.to_string()).collect();
    format!("<span class=\"subset{not}\">{}</span>", custodians.join(" "))
}

/// To which HSM's key.
pub(super) fn releases(report: &Report, page: &mut Page) {
    page.heading("Releases");
    let released = |account: &&Account| account.verdict.operation == Operation::Release;
    let rows: Vec<_> = report.accounts.iter().filter(released).map(release).collect();
    if rows.is_empty() {
        return page.paragraph("No release is in these transcripts.");
    }
    page.table(&["transcript", "from", "to the key with these words", "KCV", "how it ended"], &rows);
}

fn release(account: &Account) -> Vec<String> {
    let verdict = &account.verdict;
    let shared = account.lines.iter().filter_map(|line| match &line.record {
        Record::Shared { x, .. } => Some(x.to_string()),
        _ => None,
    });
    let from: Vec<_> = account.progress.releases.keys().map(u8::to_string).chain(shared).collect();
    let named = account.progress.manifest.as_ref().and_then(|named| named.manifest.party(Place::Hsm));
    let hsm = named.and_then(|hash| account.progress.enrolled.iter().find(|enrolled| enrolled.hash == *hash));
    let to = hsm.map(|hsm| {
        let key = &hsm.certificate.body.key;
        let certificate = words(&hsm.hash);
        format!(
            "{}<br>{}<br><span class=\"soft\">its certificate: {certificate}</span>",
            algorithm(key),
            fingerprint(&of_key(key))
        )
    });
    let sealed = if verdict.exported.is_some() { "sealed to it, signed by the combiner" } else { "nothing was sealed" };
    let imported = if verdict.imported { "imported, by the host's word" } else { "no word of an import" };
    let ended = match verdict.mode {
        CeremonyMode::Blind => format!("{}: {sealed}; {imported}", verdict.outcome),
        CeremonyMode::Host => format!("{}: {imported}", verdict.outcome),
    };
    vec![
        firm(&account.name),
        format!("shares {}", from.join(", ")),
        to.unwrap_or_else(|| "no key is named".to_owned()),
        verdict.kcv.map(|kcv| firm(&kcv.to_string())).unwrap_or_default(),
        ended,
    ]
}

const fn algorithm(key: &CertifiedKey) -> &'static str {
    match key.algorithm() {
        KeyAlgorithm::P256 => "P-256",
        KeyAlgorithm::Rsa2048 => "RSA, 2048 bits",
        KeyAlgorithm::Rsa3072 => "RSA, 3072 bits",
        KeyAlgorithm::Rsa4096 => "RSA, 4096 bits",
    }
}

/// Card by card.
pub(super) fn destructions(report: &Report, page: &mut Page) {
    page.heading("Destruction");
    let destroyed = |account: &&Account| account.verdict.operation == Operation::Destroy;
    let destroyed: Vec<_> = report.accounts.iter().filter(destroyed).collect();
    if destroyed.is_empty() {
        return page.paragraph("No destruction is in these transcripts.");
    }
    for account in destroyed {
        if report.plan.mode == CeremonyMode::Host {
            let outcome = account.verdict.outcome;
            page.paragraph(&format!("{}: {outcome}, by this computer's word; shares are in its notes.", account.name));
            continue;
        }
        let (gone, none) = (account.verdict.held(Held::Destroyed), account.verdict.held(Held::No));
        let n = report.plan.n();
        page.paragraph(&format!("{}: destroyed by {gone} of {n} cards, {none} had no such set.", account.name));
        let rows: Vec<_> = (1..=n).map(|x| destruction(report, account, x)).collect();
        page.table(&["card", "holder", "what it signed", "time (host's clock)"], &rows);
    }
}

fn destruction(report: &Report, account: &Account, x: u8) -> Vec<String> {
    let (label, holder) = report.card(Place::Custodian(x));
    let receipt = account.last(|record| match record {
        Record::Receipt { x: own, receipt } => (*own == x).then_some(receipt.status),
        _ => None,
    });
    let status = receipt.map_or_else(|| "nothing".to_owned(), |(_, status)| status.to_string());
    let at = receipt.map(|(line, _)| when(line)).unwrap_or_default();
    vec![code(&label), Text(&holder).to_string(), status, at]
}
