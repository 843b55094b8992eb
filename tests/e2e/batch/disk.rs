//! The disk is full, or an fsync fails, at an operation of a run: the run ends and says so, nothing is written behind an fsync
//! that failed, and the next run makes every card.

use super::{AGAIN, all_made, attempts, desk, is_as_recorded, job, registry};
use cardwright_keys::job::RecordState;
use cardwright_link::VirtualCard;
use cardwright_link::feeder::make_deck;
use cardwright_tests::cli::Desk;
use cardwright_tests::disk::{Disk, Fault, Watched};

const CARDS: u32 = 3;

/// A desk with a job that is on record, and its deck: what goes wrong is the run.
fn ready() -> (Desk, String) {
    let desk = desk(&job(3, ""));
    let none = desk.path().join("none");
    std::fs::create_dir(&none).expect("a directory");
    desk.run(&["batch", "run", "job.toml", "--on", &format!("sim:deck={}", none.display())]).expect(10);
    let deck = desk.path().join("deck");
    make_deck(&deck, CARDS, "", 1).expect("a deck");
    let on = format!("sim:deck={}", deck.display());
    (desk, on)
}

/// What it did to the file whose fsync failed, behind that.
fn written_behind(run: &Watched) -> Vec<String> {
    let Some(hit) = run.hit() else { return Vec::new() };
    let behind = run.behind_hit().iter().filter(|behind| behind.file == hit.file && behind.len > 0);
    behind.map(|behind| format!("{behind:?}")).collect()
}

#[test]
fn full_disks_and_failed_fsyncs() {
    let (first, on) = ready();
    let run = ["batch", "run", "job.toml", "--on", &on, "--times", "2"];
    let whole = Disk::of_state(&first).run(&run, None);
    assert_eq!(whole.outcome.code(), 0, "{:#?}", whole.outcome);
    let all = whole.points(&[Fault::Full, Fault::SyncError]);
    let every =
        if std::env::var_os("POINTS").is_some_and(|points| points == "all") { 1 } else { all.len().div_ceil(16) };
    let (mut stopped, mut tried) = (0, 0);
    for point in all.iter().step_by(every) {
        let (desk, on) = ready();
        let faulty =
            Disk::of_state(&desk).run(&["batch", "run", "job.toml", "--on", &on, "--times", "2"], Some(*point));
        // Two readers do not write in the same order every time.
        if faulty.hit().is_none() {
            continue;
        }
        tried += 1;
        let outcome = &faulty.outcome;
        assert!(matches!(outcome.code(), 0 | 9) && !outcome.stderr.contains("panicked"), "{point:?}: {outcome:#?}");
        assert!(outcome.code() == 0 || outcome.stderr.contains("error: "), "{point:?}: {outcome:#?}");
        if point.1 == Fault::SyncError {
            assert_eq!(written_behind(&faulty), Vec::<String>::new(), "{point:?}");
        }
        stopped += u32::from(outcome.code() == 9);
        desk.run(&[&AGAIN[..], &["--on", &on]].concat()).expect(0);
        all_made(&desk, 3, &format!("{point:?}"));
        let registry = registry(&desk);
        for made in attempts(&registry).into_iter().filter(|made| made.state == RecordState::Accepted) {
            let state = desk.path().join("deck").join(format!("{}.card", &made.card.0[12..20]));
            let chip = VirtualCard::from_profile(&format!("state={}", state.display())).expect("a card");
            is_as_recorded(&registry, &made.card, chip);
        }
    }
    println!(
        "{tried} faults of {} points: {stopped} runs stopped, nothing was written behind them, and every card was made by \
         the next run",
        all.len()
    );
    assert!(stopped > 0 && tried * 2 >= all.len() / every, "{stopped} of {tried}");
}
