-- Cards, their key sets, and what the intent journal adds up to. Words (acts, purposes, references) are not spelled out
-- in checks: they stand once, in the program, which parses every row that it reads.

CREATE TABLE profiles (
    id INTEGER PRIMARY KEY,
    profile TEXT NOT NULL UNIQUE
) STRICT;

-- Where keys are kept: a few texts that millions of cards share. What the text says of a vault is repeated in columns, so
-- that a version's cards are found by an index.
CREATE TABLE sources (
    id INTEGER PRIMARY KEY,
    kept_in TEXT NOT NULL,
    kcv_algorithm TEXT NOT NULL,
    vault TEXT,
    name TEXT,
    version INTEGER CHECK (version BETWEEN 1 AND 0xFFFFFFFF),
    UNIQUE (kept_in, kcv_algorithm),
    CHECK ((vault IS NULL) = (name IS NULL) AND (vault IS NULL) = (version IS NULL))
) STRICT;
CREATE INDEX sources_of_version ON sources (vault, name, version);

-- refused, unanswered: authentications since the last one that was accepted.
CREATE TABLE cards (
    id INTEGER PRIMARY KEY,
    card BLOB NOT NULL UNIQUE CHECK (length(card) IN (10, 22)),
    profile INTEGER REFERENCES profiles (id),
    refused INTEGER NOT NULL DEFAULT 0 CHECK (refused BETWEEN 0 AND 0xFFFFFFFF),
    unanswered INTEGER NOT NULL DEFAULT 0 CHECK (unanswered BETWEEN 0 AND 0xFFFFFFFF)
) STRICT;

CREATE TABLE key_sets (
    card INTEGER NOT NULL REFERENCES cards (id),
    kvn INTEGER NOT NULL CHECK (kvn BETWEEN 1 AND 127 OR kvn = 255),
    kcvs BLOB NOT NULL CHECK (length(kcvs) = 9),
    source INTEGER NOT NULL REFERENCES sources (id),
    at INTEGER NOT NULL CHECK (at >= 0),
    PRIMARY KEY (card, kvn)
) STRICT, WITHOUT ROWID;
CREATE INDEX key_sets_from_source ON key_sets (source);

CREATE TABLE counters (
    card INTEGER NOT NULL REFERENCES cards (id),
    kvn INTEGER NOT NULL CHECK (kvn BETWEEN 1 AND 127 OR kvn = 255),
    kcvs BLOB NOT NULL CHECK (length(kcvs) = 9),
    counter INTEGER NOT NULL CHECK (counter BETWEEN 0 AND 0xFFFFFF),
    PRIMARY KEY (card, kvn, kcvs)
) STRICT, WITHOUT ROWID;

CREATE TABLE open_changes (
    card INTEGER PRIMARY KEY REFERENCES cards (id),
    old_kvn INTEGER NOT NULL CHECK (old_kvn BETWEEN 1 AND 127 OR old_kvn = 255),
    old_kcvs BLOB NOT NULL CHECK (length(old_kcvs) = 9),
    new_kvn INTEGER NOT NULL CHECK (new_kvn BETWEEN 1 AND 127 OR new_kvn = 255),
    new_kcvs BLOB NOT NULL CHECK (length(new_kcvs) = 9),
    replaces INTEGER NOT NULL CHECK (replaces IN (0, 1)),
    source INTEGER NOT NULL REFERENCES sources (id),
    sent INTEGER NOT NULL CHECK (sent IN (0, 1)),
    mismatch INTEGER NOT NULL CHECK (mismatch IN (0, 1))
) STRICT;

-- What was told of the end of key changes, in order.
CREATE TABLE ended_changes (
    id INTEGER PRIMARY KEY,
    card INTEGER NOT NULL REFERENCES cards (id),
    old_kvn INTEGER NOT NULL CHECK (old_kvn BETWEEN 1 AND 127 OR old_kvn = 255),
    old_kcvs BLOB NOT NULL CHECK (length(old_kcvs) = 9),
    new_kvn INTEGER NOT NULL CHECK (new_kvn BETWEEN 1 AND 127 OR new_kvn = 255),
    new_kcvs BLOB NOT NULL CHECK (length(new_kcvs) = 9),
    replaces INTEGER NOT NULL CHECK (replaces IN (0, 1)),
    source INTEGER NOT NULL REFERENCES sources (id),
    outcome TEXT NOT NULL,
    at INTEGER NOT NULL CHECK (at >= 0)
) STRICT;
CREATE INDEX ended_changes_of_card ON ended_changes (card);

-- Journal files that were taken over: how many appends, and SHA-256 over them.
CREATE TABLE imports (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
    appends INTEGER NOT NULL CHECK (appends > 0),
    at INTEGER NOT NULL CHECK (at >= 0)
) STRICT, WITHOUT ROWID;
