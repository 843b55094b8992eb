//! `key generate`, `rotate`, `suspend`, `compromise` and `destroy`: vault, registry and audit log agree when the next run has ended, or
//! `registry check` names the difference; nothing that was acknowledged is lost.

use super::{FAULTS, spread};
use cardwright_tests::cli::{Desk, Outcome};
use cardwright_tests::disk::Disk;
use std::os::unix::process::ExitStatusExt;

/// What is done under faults.
struct Scenario {
    prepare: &'static [&'static [&'static str]],
    args: &'static [&'static str],
    /// How the same command ends where it is done already.
    again: i32,
    /// Version and state of the key when it is done.
    done: (u64, &'static str),
}

const GENERATE: &[&str] = &["key", "generate", "vault:office/kmc"];
const ROTATE: &[&str] = &["key", "rotate", "vault:office/kmc"];
const SUSPEND: &[&str] = &["key", "suspend", "vault:office/kmc"];
const COMPROMISE: &[&str] = &["key", "compromise", "vault:office/kmc", "--reason", "the backup was taken"];
const DESTROY: &[&str] = &["key", "destroy", "vault:office/kmc", "--yes"];

const SCENARIOS: [Scenario; 5] = [
    Scenario { prepare: &[], args: GENERATE, again: 2, done: (1, "active") },
    Scenario { prepare: &[GENERATE], args: ROTATE, again: 0, done: (2, "active") },
    Scenario { prepare: &[GENERATE], args: SUSPEND, again: 8, done: (1, "suspended") },
    Scenario { prepare: &[GENERATE], args: COMPROMISE, again: 8, done: (1, "compromised") },
    Scenario { prepare: &[GENERATE], args: DESTROY, again: 8, done: (1, "destroyed") },
];

fn with<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&["--json", "--config", "cardwright.toml", "--state-dir", "all/state"], args].concat()
}

impl Scenario {
    fn set_up(&self) -> Desk {
        let desk = Desk::new();
        desk.key_file("pass", "seven grey herons on a wire");
        let config = "[vault.office]\ntype = \"soft\"\nfile = \"all/office.vault\"\npassphrase = \"file:pass\"\n";
        std::fs::write(desk.path().join("cardwright.toml"), config).expect("written");
        std::fs::create_dir(desk.path().join("all")).expect("made");
        desk.run(&with(&["vault", "create", "office", "--memory", "19", "--passes", "2"])).expect(0);
        for args in self.prepare {
            desk.run(&with(args)).expect(0);
        }
        desk
    }

    /// What `key show` says of the key.
    fn shown(desk: &Desk) -> (u64, String) {
        let shown = desk.run(&with(&["key", "show", "vault:office/kmc"])).expect(0).json();
        let text = |name: &str| shown[name].as_str().unwrap_or_default().to_owned();
        (shown["version"].as_u64().unwrap_or_default(), text("state"))
    }

    fn is_done(&self, desk: &Desk) -> bool {
        let (version, state) = Self::shown(desk);
        (version, state.as_str()) == self.done
    }

    fn agrees(desk: &Desk, what: &str) {
        let check = desk.run(&with(&["registry", "check"]));
        assert_eq!(check.code(), 0, "{what}: {check:#?}");
    }

    /// The same command, until nothing is to be done any more.
    fn recover(&self, desk: &Desk, disturbed: &Outcome, what: &str) {
        let acknowledged = disturbed.code() == 0;
        if acknowledged {
            assert!(self.is_done(desk), "{what}: acknowledged and lost: {disturbed:#?}");
        } else {
            let again = desk.run(&with(self.args));
            assert!(again.code() == 0 || again.code() == self.again, "{what}: {disturbed:#?}, then {again:#?}");
            // Stopped between the two steps of a beginning: it is there, and waits for its activation.
            if Self::shown(desk).1 == "pre-operational" {
                desk.run(&with(&["key", "activate", "vault:office/kmc"])).expect(0);
            }
            let (version, state) = Self::shown(desk);
            assert_eq!(state, self.done.1, "{what}");
            assert!(version == self.done.0 || self.args == ROTATE && version == self.done.0 + 1, "{what}: {version}");
        }
        Self::agrees(desk, what);
    }
}

#[test]
fn keys_at_every_operation() {
    for scenario in SCENARIOS {
        let desk = scenario.set_up();
        let whole = Disk::below(&desk, "all").run(&with(scenario.args), None);
        assert_eq!(whole.outcome.code(), 0, "{whole:#?}");
        let points = spread(whole.points(&FAULTS), 24);
        let count = points.len();
        for (number, fault) in points {
            let desk = scenario.set_up();
            let run = Disk::below(&desk, "all").run(&with(scenario.args), Some((number, fault)));
            let what = format!("{:?}, {number}: {fault:?}", scenario.args);
            assert!(!run.outcome.stderr.contains("panicked"), "{what}: {run:#?}");
            if fault.kills() {
                assert_eq!(run.outcome.status.signal(), Some(9), "{what}: {run:#?}");
            }
            scenario.recover(&desk, &run.outcome, &what);
        }
        println!("{:?}: {count} points of {} operations", scenario.args, whole.operations.len());
    }
}
