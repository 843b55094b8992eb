use super::{Act, EDGES, Forbidden, Period, Role, Serves, State, Use, Whose, after, replay};
use super::{Cryptoperiod, Times};
use crate::vault::Purpose;

/// Written down a second time, by hand: rows are states, columns acts, in their order.
const MODEL: [[Option<State>; 12]; 7] = {
    use State::{Active, Compromised, Deactivated, Destroyed, PreOperational, Suspended};
    let (a, c, d, x, p, s) =
        (Some(Active), Some(Compromised), Some(Deactivated), Some(Destroyed), Some(PreOperational), Some(Suspended));
    let n = None;
    [
        // generate import adopt activate suspend reactivate deactivate supersede compromise confirm destroy use-compromised
        [p, p, a, n, n, n, n, n, n, n, n, n],
        [n, n, n, a, n, n, n, n, c, p, x, n],
        [n, n, n, n, s, n, d, d, c, a, x, n],
        [n, n, n, n, n, a, d, n, c, s, x, n],
        [n, n, n, n, n, n, n, n, c, d, x, n],
        [n, n, n, n, n, n, n, n, n, c, x, n],
        [n, n, n, n, n, n, n, n, n, n, n, n],
    ]
};

fn rows() -> [Option<State>; 7] {
    let mut rows = [None; 7];
    State::ALL.iter().zip(&mut rows[1..]).for_each(|(state, row)| *row = Some(*state));
    rows
}

#[test]
fn the_table_says_what_the_model_says() {
    let mut edges = 0;
    for (from, row) in rows().into_iter().zip(MODEL) {
        for (act, to) in Act::ALL.into_iter().zip(row) {
            assert_eq!(after(from, act), to.ok_or(Forbidden { from, act }), "{from:?} {act}");
            edges += usize::from(to.is_some());
        }
    }
    assert_eq!(edges, EDGES.len());
}

#[test]
fn what_a_state_serves_for() {
    let serves = |state: State| [state.serves(Use::Protect), state.serves(Use::Process)];
    assert_eq!(serves(State::PreOperational), [Serves::No, Serves::No]);
    assert_eq!(serves(State::Active), [Serves::Yes, Serves::Yes]);
    assert_eq!(serves(State::Suspended), [Serves::No, Serves::No]);
    assert_eq!(serves(State::Deactivated), [Serves::No, Serves::Yes]);
    assert_eq!(serves(State::Compromised), [Serves::No, Serves::ByException]);
    assert_eq!(serves(State::Destroyed), [Serves::No, Serves::No]);
}

#[test]
fn a_history_that_nobody_can_have_made() {
    assert_eq!(replay([]), Ok(None));
    assert_eq!(replay([Act::Generate, Act::Activate, Act::Suspend, Act::Reactivate]), Ok(Some(State::Active)));
    let forged = replay([Act::Generate, Act::Activate, Act::Compromise, Act::Reactivate]);
    assert_eq!(forged, Err(Forbidden { from: Some(State::Compromised), act: Act::Reactivate }));
    assert_eq!(replay([Act::Activate]), Err(Forbidden { from: None, act: Act::Activate }));
}

#[test]
fn words() {
    for state in State::ALL {
        assert_eq!(state.name().parse(), Ok(state));
    }
    for act in Act::ALL {
        assert_eq!(act.name().parse(), Ok(act));
        assert!(!act.roles().is_empty());
    }
    for role in Role::ALL {
        assert_eq!(role.name().parse(), Ok(role));
    }
    assert!("Active".parse::<State>().is_err());
    let forbidden = Forbidden { from: Some(State::Destroyed), act: Act::Activate };
    assert_eq!(forbidden.to_string(), "a key that is destroyed cannot be asked to activate");
}

#[test]
fn periods() {
    let days = |days: u64| days * 86_400;
    let master = Cryptoperiod::of(Purpose::Master).times(1000);
    assert_eq!(master, Times { originator_ends: 1000 + days(365), recipient_ends: 1000 + days(4 * 365) });
    assert_eq!(Cryptoperiod::of(Purpose::Dek).times(0).recipient_ends, days(5 * 365));
    let times = Times { originator_ends: 100, recipient_ends: 200 };
    assert_eq!(times.at(0, 99), Period::Running);
    assert_eq!(times.at(1, 99), Period::Ending(Whose::Originator, 99));
    assert_eq!(times.at(100, 99), Period::Over(Whose::Originator, 0));
    assert_eq!(times.at(101, 99), Period::Ending(Whose::Recipient, 99));
    assert_eq!(times.at(200, 0), Period::Over(Whose::Recipient, 0));
    assert_eq!(times.at(260, 0), Period::Over(Whose::Recipient, 60));
    assert_eq!(Cryptoperiod::of(Purpose::Mac).times(u64::MAX).recipient_ends, u64::MAX);
}

/// The tables of the guide, as they have to stand in it.
fn tables() -> String {
    let roles = |act: Act| act.roles().iter().map(|role| role.name()).collect::<Vec<_>>().join(", ");
    let serves = |state: State, what| match state.serves(what) {
        Serves::Yes => "yes",
        Serves::ByException => "by exception",
        Serves::No => "no",
    };
    let mut text =
        String::from("| state | who has it | makes something new | reads what it made |\n| --- | --- | --- | --- |\n");
    for state in State::ALL {
        let (protect, process) = (serves(state, Use::Protect), serves(state, Use::Process));
        text += &format!("| {state} | {} | {protect} | {process} |\n", state.holder());
    }
    text += "\n| from | what | to | who may ask | approvals, at the least | what hangs on it |\n| --- | --- | --- | --- | --- | --- |\n";
    for edge in EDGES {
        let (from, act, to) = (edge.from.map_or("", State::name), edge.act, edge.to);
        text +=
            &format!("| {from} | {act} | {to} | {} | {} | {} |\n", roles(act), act.least_approvals(), edge.dependants);
    }
    text
}

/// `UPDATE_DOCUMENTS=1` writes them.
#[test]
fn the_guide_has_the_tables() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/lifecycle.md");
    let guide = std::fs::read_to_string(path).unwrap();
    let (before, rest) = guide.split_once("<!-- tables -->\n").unwrap();
    let (now, after) = rest.split_once("<!-- end of tables -->\n").unwrap();
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        let text = format!("{before}<!-- tables -->\n{}<!-- end of tables -->\n{after}", tables());
        std::fs::write(path, text).unwrap();
        return;
    }
    assert_eq!(now, tables(), "run this test with UPDATE_DOCUMENTS=1");
}
