//! What has to be new is new each time: two ceremonies, each on cards fresh from the factory.

use super::{Seen, Table, bytes, records};
use cardwright_tests::ceremony::Room;
use std::collections::BTreeMap;

/// What two values are of, where they are the same.
#[derive(Default)]
struct Distinct {
    known: BTreeMap<Vec<u8>, String>,
    counts: BTreeMap<&'static str, usize>,
}

impl Distinct {
    #[track_caller]
    fn add(&mut self, kind: &'static str, of: &str, value: &[u8]) {
        *self.counts.entry(kind).or_default() += 1;
        let what = format!("{kind} of {of}");
        if let Some(other) = self.known.insert(value.to_vec(), what.clone()) {
            panic!("{what} and {other} are the same: {}", hex::encode_upper(value));
        }
    }

    /// What is in a deal's transcript.
    fn add_transcript(&mut self, of: &str, transcript: &str) {
        for record in records(transcript, "enrol") {
            let body = bytes(&record, "body");
            self.add("identity", of, &body[4..12]);
            self.add("identity key", of, &body[46..]);
        }
        let manifest = bytes(&records(transcript, "manifest")[0], "manifest");
        self.add("ceremony id", of, &manifest[5..21]);
        self.add("set id", of, &manifest[21..37]);
        // A box begins with its sender's one-time point.
        for (kind, record, member, len) in [
            ("offered point", "offer", "point", 65),
            ("commitment to r", "commitment", "commitment", 32),
            ("box with r", "contribution", "box", 65),
            ("box with a share", "box", "box", 65),
            ("commitment to a share", "box", "share", 32),
            ("box with a share to the combiner", "release", "box", 65),
        ] {
            for line in records(transcript, record) {
                self.add(kind, of, &bytes(&line, member)[..len]);
            }
        }
    }
}

#[test]
fn two_ceremonies_have_nothing_in_common() {
    let mut distinct = Distinct::default();
    for of in ["the first", "the second"] {
        // Cards that draw their challenges: the others of one key and counter are the same by AmdD 6.2.2.1.
        let mut table = Table::new(Room::new(2, 3), "i=60");
        let mut seen = Seen::default();
        table.run("run", &[], &mut seen).expect(0);
        // Identity keys, one-time keys, r, a(0) to a(2), shares, salts.
        assert_eq!(seen.secrets.len(), 6 + 5 + 3 + 3 + 3 + 3, "{:?}", seen.secrets.values());
        for (secret, what) in &seen.secrets {
            distinct.add("secret", &format!("{of}, {what}"), secret);
        }
        distinct.add("secret", of, &seen.last_of_chain(3));
        for [host, card] in &seen.lines.challenges {
            distinct.add("host challenge", of, host);
            distinct.add("card challenge", of, card);
        }
        distinct.add_transcript(of, &table.room.transcript("01-deal.jsonl"));
    }
    println!("{} values, all distinct: {:?}", distinct.known.len(), distinct.counts);
    let counted = |kind: &str| distinct.counts[kind];
    assert_eq!(["identity", "identity key", "offered point"].map(counted), [12, 12, 10]);
    assert_eq!(["commitment to r", "commitment to a share", "box with r", "box with a share"].map(counted), [6; 4]);
    assert!(counted("host challenge") >= 2 * 21 && counted("box with a share to the combiner") >= 6);
}
