//! `operator add`, `approve sign` and `registry import`: what was acknowledged holds, and the same command again ends
//! well.

use super::{FAULTS, in_good_order, spread};
use crate::approvals::{office, put};
use cardwright_tests::cli::{Desk, Outcome};
use cardwright_tests::disk::Disk;

/// What is done under faults.
struct Scenario {
    set_up: fn() -> Desk,
    args: fn(&Desk) -> Vec<String>,
    /// Whether it is done, as the next program finds it.
    done: fn(&Desk) -> bool,
    /// How the same command ends where it is done already.
    again: i32,
}

/// The public key of RFC 8032, section 7.1, test 1.
const PUBLIC: &str = "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
const GENERATE: [&str; 3] = ["key", "generate", "vault:office/kmc"];
const CARDS: &str = "card,kvn,kcv_enc,kcv_mac,kcv_dek,kept_in\n\
    00000000000000000001,0x30,112233,112233,112233,file:/elsewhere\n\
    00000000000000000002,0x30,112233,112233,112233,file:/elsewhere\n";

fn run<S: AsRef<str>>(desk: &Desk, args: &[S]) -> Outcome {
    desk.run(&with(args))
}

fn with<S: AsRef<str>>(args: &[S]) -> Vec<&str> {
    let args = args.iter().map(AsRef::as_ref);
    ["--json", "--config", "cardwright.toml", "--state-dir", "state"].into_iter().chain(args).collect()
}

fn owned(args: &[&str]) -> Vec<String> {
    args.iter().map(|arg| (*arg).to_owned()).collect()
}

/// All that is written is in the state directory. Making a key wants a custodian's approval.
fn desk() -> Desk {
    let desk = office();
    let state = desk.path().join("state");
    std::fs::create_dir(&state).expect("made");
    std::fs::rename(desk.path().join("operators.toml"), state.join("operators.toml")).expect("moved");
    let config = "[approvals]\npolicy = \"policy.toml\"\noperators = \"state/operators.toml\"\n\
        [operator]\nname = \"anna\"\nkey = \"file:anna.pem\"\npassphrase = \"file:pass\"\n\
        [vault.office]\ntype = \"soft\"\nfile = \"state/office.vault\"\npassphrase = \"file:pass\"\n";
    put(&desk, "cardwright.toml", config);
    let rule = "[[rule]]\noperation = \"generate\"\napprovals = 1\nof = [\"custodian\"]\nwithin = \"24h\"\n";
    put(&desk, "policy.toml", rule);
    put(&desk, "cards.csv", CARDS);
    run(&desk, &["vault", "create", "office", "--memory", "19", "--passes", "2"]).expect(0);
    desk
}

fn asked() -> Desk {
    let desk = desk();
    run(&desk, &GENERATE).expect(11);
    desk
}

/// The number of the one request, and how many approved it.
fn request(desk: &Desk) -> (String, usize) {
    let list = run(desk, &["approve", "list"]).expect(0).json();
    let request = &list["requests"][0];
    let id = request["request"].as_str().unwrap_or_else(|| panic!("a request: {list}")).to_owned();
    (id, request["approvals"].as_array().expect("approvals").len())
}

const SCENARIOS: [Scenario; 3] = [
    Scenario {
        set_up: desk,
        args: |_| owned(&["operator", "add", "fay", "--role", "custodian", "--public", PUBLIC]),
        done: |desk| run(desk, &["operator", "list"]).expect(0).stdout.contains("fay"),
        again: 2,
    },
    Scenario {
        set_up: asked,
        args: |desk| {
            let sign = ["--as", "cem", "--key", "file:cem.pem", "--passphrase", "file:pass", "--yes"];
            owned(&[&["approve", "sign", &request(desk).0], &sign[..]].concat())
        },
        // It serves, once.
        done: |desk| request(desk).1 == 1 && run(desk, &GENERATE).code() == 0 && run(desk, &GENERATE).code() == 2,
        again: 11,
    },
    Scenario {
        set_up: desk,
        args: |_| owned(&["registry", "import", "cards.csv"]),
        done: |desk| run(desk, &["registry", "export"]).expect(0).stdout.matches("elsewhere").count() == 2,
        again: 0,
    },
];

#[test]
fn office_at_every_operation() {
    for scenario in SCENARIOS {
        let desk = (scenario.set_up)();
        let args = (scenario.args)(&desk);
        let whole = Disk::of_state(&desk).run(&with(&args), None);
        assert_eq!(whole.outcome.code(), 0, "{whole:#?}");
        assert!((scenario.done)(&desk), "{whole:#?}");
        let points = spread(whole.points(&FAULTS), 24);
        let count = points.len();
        for (number, fault) in points {
            let desk = (scenario.set_up)();
            let args = (scenario.args)(&desk);
            let run_with_fault = Disk::of_state(&desk).run(&with(&args), Some((number, fault)));
            let what = format!("{args:?}, {number}: {fault:?}");
            in_good_order(&run_with_fault, (number, fault), &what);
            if run_with_fault.outcome.code() != 0 {
                let again = run(&desk, &args);
                assert!(again.code() == 0 || again.code() == scenario.again, "{what}: {again:#?}");
            }
            assert!((scenario.done)(&desk), "{what}: {run_with_fault:#?}");
            run(&desk, &["registry", "check"]).expect(0);
        }
        println!("{:?}: {count} points of {} operations", args, whole.operations.len());
    }
}
