//! A plan to begin with.

use cardwright_proto::custody::share::Scheme;

/// The text, for any numbers: those that there cannot be are found by reading it.
pub(super) fn text(scheme: Scheme, m: u8, n: u8) -> String {
    let quorum = match scheme {
        Scheme::Shamir => format!("scheme = \"shamir\"        # any m of the n shares make the key\nm = {m}"),
        Scheme::Xor => format!(
            "scheme = \"xor\"           # all n shares make the key: one lost card loses it\nm = {m}\n\
             waiver = \"There is an m-of-n backup elsewhere.\"   # why no m-of-n backup is made here"
        ),
    };
    let person = |x| format!("\n[[person]]\nname = \"Custodian {x}\"\nrole = \"custodian\"\n");
    let card = |x| format!("\n[[card]]\nlabel = \"C{x}\"\nrole = \"custodian\"\nholder = \"Custodian {x}\"\n");
    let (people, cards) = ((1..=n).map(person).collect::<String>(), (1..=n).map(card).collect::<String>());
    format!("{START}\n[quorum]\n{quorum}\n{PEOPLE}{people}{CARDS}{cards}{END}")
}

const START: &str = r#"# The plan of a ceremony. All who take part read it; its hash goes into what every card approves, so that not a byte of
# it can change afterwards, comments included.
format = 1
title = "Master key, first issue"
mode = "blind"             # "blind": cards alone see shares; "host": this computer does, too
steps = ["deal", "drill", "release", "destroy"]   # what may be done with the set of shares; deal comes first
# SHA-256 of the load file of the custodian applet that is on the cards
applet = "0000000000000000000000000000000000000000000000000000000000000000"

[key]
name = "Issuer master key"
type = "aes"               # "aes" or "3des"
bits = 256                 # 128, 192 or 256; 128 or 192 for 3DES
usage = 12                 # a byte that the shares carry
"#;

const PEOPLE: &str = r#"
# Everybody once, under one name and with one role. Custodians hold one card each; administrators hold the others;
# witnesses and auditors hold none. There is one witness at least.
[[person]]
name = "Administrator 1"
role = "administrator"

[[person]]
name = "Administrator 2"
role = "administrator"

[[person]]
name = "Witness 1"
role = "witness"
"#;

const CARDS: &str = r#"
# The CA's card certifies the others. Leave it out for a run with a test CA, which every report names.
[[card]]
label = "CA"
role = "ca"
holder = "Administrator 1"

[[card]]
label = "D"
role = "dealer"
holder = "Administrator 2"

[[card]]
label = "R"
role = "combiner"
holder = "Administrator 2"

# Custodians' cards, in the order of their shares: the first one has share 1. Where a card is known before, say so with
# identity = "8 bytes in hexadecimal".
"#;

const END: &str = r#"
# Certificates that are not to be used any more:
# [[revoked]]
# certificate = "32 bytes in hexadecimal"
# reason = "lost"
"#;
