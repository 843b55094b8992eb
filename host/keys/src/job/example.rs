//! A job to begin with.

/// A job's file with comments, which [`Job::parse`](super::Job::parse) reads.
pub const EXAMPLE: &str = r##"# A job: which cards are made of which blanks. This file and all that it names are pinned by their hashes with the
# first run: from then on not a byte of them may change, comments included. Lines end with a line feed alone.
format = "cardwright-job-1"
name = "acme-2026-11"             # no two jobs have one name
issuer = "acme"                   # whose cards they are
domain = "test"                   # "test" or "live": a key serves one of them; gp-test is refused where it is live
profile = "jcop4-scp03"           # what kind of card it is, in your words
# aid = "A000000151000000"        # the application to select first; left out: the issuer security domain
# level = "33"                    # security level of all sessions; left out: the highest that a card offers
# bare = false                    # true for cards that take key data without the length byte
# verify = "session"              # "reset": the card is reset then, and proves its new keys in one more session
# readers = ["pcsc:ACS"]          # where cards are put in, one or more; --on says otherwise

# The keys that the cards get.
[target]
key = "kdf3+vault:office/kmc"     # a key reference: vault:, file:, and gp-test in a test; diversification in front
kvn = "0x30"                      # the new set's number, 0x01 to 0x7F
replace = false                   # true: the new set takes the place of the one that the cards come with
retire = true                     # true: that one is deleted afterwards; not together with replace

# The blanks: a box for each delivery, with the keys that its vendor put on the cards.
[[delivery]]
name = "box-17"
key = "kdf3+vault:vendor/tmk@0x20"   # behind @ the set on the card; left out: the card's default one
file = "box-17.csv"               # the cards in it, one line each: CSV with the column card, or JSON Lines (.jsonl)

[[delivery]]
name = "box-18"
key = "kdf3+vault:vendor/tmk@0x20"
count = 1000                      # without a list: any so many cards with these keys

# What else is written to the cards. Leave it out for keys alone.
[data]
file = "data.jsonl"               # a line for each card, with its data groupings (DGI)
key = "vault:office/job-17"       # the key of sealed fields; leave it out where nothing is sealed

# The life cycle state that the cards end in: "op-ready", "initialized" or "secured". Left out: as it is.
[finish]
state = "secured"

# The job stops by itself when something is wrong that is no single card's fault.
[stop]
in_row = 3                        # so many attempts one after another made no good card
percent = 5                       # more than so many percent of all attempts did, judged after 100
"##;
