use super::{CardId, Change, Failures, Ledgers, OpenChange, Outcome, Record, SetId};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::{collection::vec, prop_assert, prop_assert_eq};

const CARDS: u8 = 2;
const SETS: u8 = 3;

fn card(number: u8) -> CardId {
    CardId::new(&[number; 10], None)
}

fn set(number: u8) -> SetId {
    SetId { kvn: 0x30 + number, kcvs: "504A77".repeat(3) }
}

fn change() -> impl Strategy<Value = Change> {
    (0..CARDS, 0..SETS, 0..SETS, any::<bool>()).prop_map(|(of, old, new, replace)| Change {
        card: card(of),
        old: set(old),
        new: set(new),
        replace,
        kept_in: "file:new.hex".to_owned(),
    })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Loaded),
        Just(Outcome::NotLoaded),
        any::<u16>().prop_map(|sw| Outcome::Refused { sw }),
        any::<u8>().prop_map(|kvn| Outcome::EchoMismatch { kvn, kcvs: "000000".repeat(3) }),
    ]
}

fn record() -> impl Strategy<Value = Record> {
    let about = || (0..CARDS, 0..SETS).prop_map(|(of, which)| (card(of), set(which)));
    prop_oneof![
        3 => (about(), 0..0x100_0000_u32).prop_map(|((card, set), counter)| Record::Counter { card, set, counter }),
        2 => about().prop_map(|(card, set)| Record::Authenticating { card, set }),
        1 => about().prop_map(|(card, set)| Record::Authenticated { card, set }),
        1 => (about(), any::<u16>()).prop_map(|((card, set), sw)| Record::AuthenticationRefused { card, set, sw }),
        1 => change().prop_map(Record::Intent),
        1 => change().prop_map(Record::Sending),
        1 => (change(), outcome()).prop_map(|(change, outcome)| Record::Ended { change, outcome }),
    ]
}

fn ledger(records: &[Record]) -> Ledgers {
    let mut ledger = Ledgers::default();
    records.iter().for_each(|record| ledger.apply(record));
    ledger
}

/// PUT KEY of this set is on its way from here on.
fn sends(record: &Record, to: &CardId, keys: &SetId) -> bool {
    match record {
        Record::Sending(change) | Record::Ended { change, outcome: Outcome::EchoMismatch { .. } } => {
            change.card == *to && change.new == *keys
        }
        _ => false,
    }
}

fn under_way(records: &[Record], of: &CardId, with: &SetId) -> bool {
    model_open(records, of).is_some_and(|open| open.sent && open.change.new == *with)
}

/// The highest counter; one seen while the set is being loaded anew counts from there on.
fn model_counter(records: &[Record], of: &CardId, with: &SetId) -> Option<u32> {
    let mut last = None;
    for (n, record) in records.iter().enumerate() {
        if let Record::Counter { card, set, counter } = record
            && (card, set) == (of, with)
        {
            let restarts = under_way(&records[..n], of, with);
            last = if restarts { Some(*counter) } else { last.max(Some(*counter)) };
        }
    }
    last.filter(|_| !under_way(records, of, with))
}

/// What happened to a card since it last accepted an authentication.
fn model_failures(records: &[Record], of: &CardId) -> Failures {
    let accepted = |record: &&Record| matches!(record, Record::Authenticated { card, .. } if card == of);
    let start = records.iter().rposition(|record| accepted(&record)).map_or(0, |place| place + 1);
    let mut failures = Failures::default();
    for record in records[start..].iter().filter(|record| record.card() == of) {
        match record {
            Record::Authenticating { .. } => failures.unanswered += 1,
            Record::AuthenticationRefused { .. } => {
                failures.refused += 1;
                failures.unanswered -= failures.unanswered.min(1);
            }
            _ => {}
        }
    }
    failures
}

/// The last word about a card's key change; only its own end ends it.
fn model_open(records: &[Record], of: &CardId) -> Option<OpenChange> {
    let mut open: Option<OpenChange> = None;
    for record in records.iter().filter(|record| record.card() == of) {
        let (change, sent, mismatch) = match record.clone() {
            Record::Intent(change) => (change, false, false),
            Record::Sending(change) => (change, true, false),
            Record::Ended { change, outcome: Outcome::EchoMismatch { .. } } => (change, true, true),
            Record::Ended { change, .. } => {
                open = open.filter(|open| (&open.change.new, open.change.replace) != (&change.new, change.replace));
                continue;
            }
            _ => continue,
        };
        open = Some(OpenChange { change, sent, mismatch });
    }
    open
}

proptest! {
    #[test]
    fn the_ledger_is_the_sum_of_its_records(records in vec(record(), 0..40)) {
        let ledger = ledger(&records);
        for of in (0..CARDS).map(card) {
            for with in (0..SETS).map(set) {
                prop_assert_eq!(ledger.of(&of).last_counter(&with), model_counter(&records, &of, &with));
            }
            prop_assert_eq!(ledger.of(&of).failures, model_failures(&records, &of));
            prop_assert_eq!(ledger.of(&of).open, model_open(&records, &of));
        }
        let open = (0..CARDS).filter_map(|of| model_open(&records, &card(of)));
        prop_assert!(ledger.open_changes().cloned().eq(open));
    }

    #[test]
    fn counters_go_down_only_where_a_set_is_sent(records in vec(record(), 0..40)) {
        let mut ledger = Ledgers::default();
        for record in &records {
            let before = ledger.clone();
            ledger.apply(record);
            for (of, with) in (0..CARDS).flat_map(|of| (0..SETS).map(move |with| (card(of), set(with)))) {
                let (old, new) = (before.of(&of).last_counter(&with), ledger.of(&of).last_counter(&with));
                prop_assert!(new >= old || sends(record, &of, &with), "{:?} {:?} {:?}", record, old, new);
            }
        }
    }

    #[test]
    fn cards_do_not_touch_each_other(records in vec(record(), 0..40), of in 0..CARDS) {
        let of = card(of);
        let own: Vec<Record> = records.iter().filter(|record| *record.card() == of).cloned().collect();
        let (all, own) = (ledger(&records), ledger(&own));
        prop_assert_eq!(all.of(&of).open, own.of(&of).open);
        prop_assert_eq!(all.of(&of).failures, own.of(&of).failures);
        for with in (0..SETS).map(set) {
            prop_assert_eq!(all.of(&of).last_counter(&with), own.of(&of).last_counter(&with));
        }
    }

    #[test]
    fn records_survive_json(record in record()) {
        let text = serde_json::to_string(&record).unwrap();
        prop_assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    }
}

/// The written form: other programs and later versions read it.
#[test]
fn the_written_form() {
    let intent = Record::Intent(Change {
        card: CardId::new(&[0x11; 10], Some(&[0x22; 12])),
        old: set(0),
        new: set(1),
        replace: true,
        kept_in: "kdf3+file:m.hex".to_owned(),
    });
    assert_eq!(
        serde_json::to_string(&intent).unwrap(),
        r#"{"record":"intent","card":"11111111111111111111-222222222222222222222222","old":{"kvn":48,"kcvs":"504A77504A77504A77"},"new":{"kvn":49,"kcvs":"504A77504A77504A77"},"replace":true,"kept_in":"kdf3+file:m.hex"}"#
    );
    let Record::Intent(change) = intent else { panic!("an intent") };
    let ended = Record::Ended { change, outcome: Outcome::Refused { sw: 0x6982 } };
    let text = serde_json::to_string(&ended).unwrap();
    assert!(text.starts_with(r#"{"record":"ended","change":{"card":"1111"#), "{text}");
    assert!(text.ends_with(r#""outcome":{"how":"refused","sw":27010}}"#), "{text}");
}
