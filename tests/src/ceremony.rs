//! A ceremony's room: a plan, cards in files, a PIN, and `cardwright ceremony` on them.

use crate::cli::{Desk, Outcome};
use crate::custody::rsa;
use std::path::PathBuf;

/// Every card's PIN.
pub const PIN: &str = "86429753";

/// Where the ceremony is, below the desk.
pub const DIR: &str = "room";

/// A desk with a plan of m of n, and its cards.
#[derive(Debug)]
pub struct Room {
    /// The desk.
    pub desk: Desk,
    /// The labels of its cards: the CA's, where there is one, D, R, C1 and so on.
    pub labels: Vec<String>,
    n: u8,
}

impl Room {
    /// With a card for the CA.
    #[must_use]
    pub fn new(m: u8, n: u8) -> Self {
        Self::on(Desk::new(), m, n, true)
    }

    /// With a CA for tests.
    #[must_use]
    pub fn with_test_ca(m: u8, n: u8) -> Self {
        Self::on(Desk::new(), m, n, false)
    }

    fn on(desk: Desk, m: u8, n: u8, ca: bool) -> Self {
        desk.key_file("pin", PIN);
        let (m_text, n_text) = (m.to_string(), n.to_string());
        desk.run(&["ceremony", "plan", "--new", "plan.toml", "--m", &m_text, "--n", &n_text]).expect(0);
        let path = desk.path().join("plan.toml");
        if !ca {
            let text = std::fs::read_to_string(&path).expect("a plan");
            let card = "[[card]]\nlabel = \"CA\"\nrole = \"ca\"\nholder = \"Administrator 1\"\n";
            assert!(text.contains(card), "{text}");
            std::fs::write(&path, text.replace(card, "")).expect("written");
        }
        let members = ["D", "R"].map(str::to_owned).into_iter().chain((1..=n).map(|x| format!("C{x}")));
        let labels = ca.then(|| "CA".to_owned()).into_iter().chain(members).collect();
        Self { desk, labels, n }
    }

    /// The file of a card.
    #[must_use]
    pub fn card(&self, label: &str) -> PathBuf {
        self.desk.path().join(format!("{label}.card"))
    }

    /// The reader that has a card, and nothing else.
    #[must_use]
    pub fn reader(&self, label: &str) -> String {
        let number = self.labels.iter().position(|known| known == label).expect("a card of the plan");
        format!("sim:state={label}.card,serial={:08X}", number + 1)
    }

    /// Arguments that name a reader and a PIN for each card.
    #[must_use]
    pub fn cards(&self) -> Vec<String> {
        let of = |label: &String| {
            [
                "--card".to_owned(),
                format!("{label}={}", self.reader(label)),
                "--pin".to_owned(),
                format!("{label}=file:pin"),
            ]
        };
        self.labels.iter().flat_map(of).collect()
    }

    /// `ceremony COMMAND room ARGS`, unattended, with all cards in readers of their own.
    #[must_use]
    pub fn args(&self, command: &str, args: &[&str]) -> Vec<String> {
        let mut all: Vec<_> =
            ["ceremony", command, DIR, "--key", "gp-test", "--unattended"].map(str::to_owned).to_vec();
        all.extend(self.cards());
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        if command == "run" && !self.dir().join("plan.toml").exists() {
            all.extend(["--plan", "plan.toml"].map(str::to_owned));
        }
        if command == "run" && self.labels.first().is_some_and(|label| label != "CA") {
            all.push("--test-ca".to_owned());
        }
        all
    }

    /// The same with all cards dialling in, for [`crate::seats::Seats`].
    #[must_use]
    pub fn seated_args(&self, command: &str, args: &[&str]) -> Vec<String> {
        let seated = |arg: String| match arg.split_once('=') {
            Some((label, reader)) if reader.starts_with("sim:") => format!("{label}=vpcd:0"),
            _ => arg,
        };
        self.args(command, args).into_iter().map(seated).collect()
    }

    /// Runs that.
    pub fn run(&self, command: &str, args: &[&str]) -> Outcome {
        self.desk.run(&self.args(command, args).iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Where the ceremony is.
    #[must_use]
    pub fn dir(&self) -> PathBuf {
        self.desk.path().join(DIR)
    }

    /// A transcript's bytes.
    ///
    /// # Panics
    /// Where there is none.
    #[must_use]
    pub fn transcript(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir().join(name)).expect("a transcript")
    }

    /// `ceremony verify` of these transcripts.
    pub fn verify(&self, names: &[&str], args: &[&str]) -> Outcome {
        let names: Vec<_> = names.iter().map(|name| format!("{DIR}/{name}")).collect();
        let mut all = vec!["ceremony", "verify"];
        all.extend(names.iter().map(String::as_str));
        all.extend(args);
        self.desk.run(&all)
    }

    /// How many custodians there are.
    #[must_use]
    pub const fn n(&self) -> u8 {
        self.n
    }

    /// Writes the public key of an HSM with RSA, SubjectPublicKeyInfo in DER; the private one is [`rsa::decrypt`]'s.
    ///
    /// # Panics
    /// Where it cannot be written.
    pub fn hsm_key(&self, name: &str) {
        let modulus = [&[0], &rsa::modulus(256)[..]].concat();
        let key = der(0x30, &[der(0x02, &modulus), der(0x02, &[1, 0, 1])].concat());
        let algorithm = hex::decode("300D06092A864886F70D0101010500").expect("hex");
        let info = der(0x30, &[algorithm, der(0x03, &[&[0], &key[..]].concat())].concat());
        std::fs::write(self.desk.path().join(name), info).expect("written");
    }
}

/// A data object of DER.
fn der(tag: u8, value: &[u8]) -> Vec<u8> {
    let len = value.len().to_be_bytes();
    let digits = &len[len.iter().take_while(|byte| **byte == 0).count()..];
    let mut object = vec![tag];
    if value.len() >= 0x80 {
        object.push(0x80 | u8::try_from(digits.len()).expect("short"));
    }
    object.extend_from_slice(digits);
    object.extend_from_slice(value);
    object
}

/// SubjectPublicKeyInfo of a P-256 key (RFC 5480), DER: what `--hsm-key` reads.
#[must_use]
pub fn public_key_info(point: &[u8; 65]) -> Vec<u8> {
    /// Up to the point.
    const HEAD: [u8; 26] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48,
        0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    [&HEAD[..], point].concat()
}
