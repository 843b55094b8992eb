-- Jobs: cards to be made, the chips that were taken up for them, and how they are accounted for. And when anything about
-- keys was last written.

-- One row: changes with every write about keys, requests and approvals, and with no other.
CREATE TABLE editions (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    edition INTEGER NOT NULL CHECK (edition >= 0)
) STRICT;
INSERT INTO editions (id, edition) VALUES (1, 0);

-- file is the job's text; sha256 is over it and all inputs. target: check values of what the target key gives a card with
-- a KDD of zeros, where that key has no versions.
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    issuer TEXT NOT NULL,
    domain TEXT NOT NULL,
    profile TEXT NOT NULL,
    file TEXT NOT NULL,
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    target BLOB CHECK (length(target) = 9),
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    made_at INTEGER NOT NULL CHECK (made_at >= 0),
    made_by TEXT NOT NULL,
    variance INTEGER,
    statement INTEGER REFERENCES statements (id),
    changed INTEGER NOT NULL CHECK (changed >= 0)
) STRICT;

CREATE TABLE job_inputs (
    job INTEGER NOT NULL REFERENCES jobs (id),
    number INTEGER NOT NULL CHECK (number >= 0),
    path TEXT NOT NULL,
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE job_deliveries (
    job INTEGER NOT NULL REFERENCES jobs (id),
    number INTEGER NOT NULL CHECK (number >= 0),
    name TEXT NOT NULL,
    listed INTEGER NOT NULL CHECK (listed IN (0, 1)),
    count INTEGER NOT NULL CHECK (count >= 0),
    PRIMARY KEY (job, number),
    UNIQUE (job, name)
) STRICT, WITHOUT ROWID;

-- A key belongs to the issuer and the domain of the first job that named it.
CREATE TABLE job_keys (
    key TEXT NOT NULL PRIMARY KEY,
    issuer TEXT NOT NULL,
    domain TEXT NOT NULL,
    job INTEGER NOT NULL REFERENCES jobs (id)
) STRICT, WITHOUT ROWID;

-- What is counted of a job, kept as it changes: at a million records nobody counts them again to know how far they are.
CREATE TABLE job_counts (
    job INTEGER NOT NULL REFERENCES jobs (id),
    what TEXT NOT NULL,
    count INTEGER NOT NULL CHECK (count >= 0),
    PRIMARY KEY (job, what)
) STRICT, WITHOUT ROWID;

-- What two people sign; text is what they signed.
CREATE TABLE statements (
    id INTEGER PRIMARY KEY,
    job INTEGER NOT NULL REFERENCES jobs (id),
    text TEXT NOT NULL,
    used INTEGER NOT NULL CHECK (used IN (0, 1))
) STRICT;
CREATE INDEX statements_of_job ON statements (job);

CREATE TABLE statement_signatures (
    statement INTEGER NOT NULL REFERENCES statements (id),
    number INTEGER NOT NULL CHECK (number >= 1),
    operator TEXT NOT NULL,
    at INTEGER NOT NULL CHECK (at >= 0),
    signature BLOB NOT NULL CHECK (length(signature) = 64),
    PRIMARY KEY (statement, operator),
    UNIQUE (statement, number)
) STRICT, WITHOUT ROWID;

-- expected: the card's name as the delivery's list has it. remade: after its last attempt was rejected, another chip was
-- brought in for it.
CREATE TABLE records (
    job INTEGER NOT NULL,
    number INTEGER NOT NULL CHECK (number >= 1),
    delivery INTEGER NOT NULL,
    expected BLOB CHECK (length(expected) IN (10, 22)),
    state TEXT NOT NULL,
    remade INTEGER NOT NULL CHECK (remade IN (0, 1)),
    attempts INTEGER NOT NULL CHECK (attempts BETWEEN 0 AND 0xFFFFFFFF),
    reason TEXT NOT NULL,
    statement INTEGER REFERENCES statements (id),
    changed INTEGER NOT NULL CHECK (changed >= 0),
    PRIMARY KEY (job, number),
    FOREIGN KEY (job, delivery) REFERENCES job_deliveries (job, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX records_expected ON records (job, expected) WHERE expected IS NOT NULL;
-- Those that any chip of the delivery may serve.
CREATE INDEX records_free ON records (job, delivery, number)
    WHERE expected IS NULL AND (state = 'pending' OR state = 'rejected' AND remade = 1);
-- Most records wait, or are accepted: whoever looks for one kind, or for others, does not go through all of them.
CREATE INDEX records_pending ON records (job, number) WHERE state = 'pending';
CREATE INDEX records_few ON records (job, number) WHERE state <> 'pending' AND state <> 'accepted';

-- Who made attempts, where, with what: a few rows that millions of attempts share.
CREATE TABLE origins (
    id INTEGER PRIMARY KEY,
    station TEXT NOT NULL,
    reader TEXT NOT NULL,
    operator TEXT NOT NULL,
    profile BLOB NOT NULL CHECK (length(profile) = 32),
    current TEXT NOT NULL,
    target TEXT NOT NULL,
    UNIQUE (station, reader, operator, profile, current, target)
) STRICT;

-- An attempt that is pending was given back: nothing was written to its chip.
CREATE TABLE attempts (
    job INTEGER NOT NULL,
    record INTEGER NOT NULL,
    number INTEGER NOT NULL CHECK (number >= 1),
    card INTEGER NOT NULL REFERENCES cards (id),
    state TEXT NOT NULL,
    step TEXT NOT NULL,
    origin INTEGER NOT NULL REFERENCES origins (id),
    atr BLOB NOT NULL CHECK (length(atr) <= 33),
    kcvs BLOB CHECK (length(kcvs) = 9),
    exchanged BLOB CHECK (length(exchanged) = 32),
    apdus INTEGER NOT NULL CHECK (apdus BETWEEN 0 AND 0xFFFFFFFF),
    began INTEGER NOT NULL CHECK (began >= 0),
    ended INTEGER CHECK (ended >= 0),
    took_us INTEGER NOT NULL CHECK (took_us >= 0),
    reason TEXT NOT NULL,
    fate TEXT,
    fated INTEGER CHECK (fated >= 0),
    statement INTEGER REFERENCES statements (id),
    PRIMARY KEY (job, record, number),
    FOREIGN KEY (job, record) REFERENCES records (job, number)
) STRICT, WITHOUT ROWID;
-- One attempt of a record is live, so one at the most is accepted.
CREATE UNIQUE INDEX attempts_live ON attempts (job, record)
    WHERE state IN ('claimed', 'writing', 'unknown', 'verified', 'accepted');
-- One attempt has a chip, in all jobs: a live one, or one that rejected it, until it is told that it is blank as it came.
CREATE UNIQUE INDEX attempts_holding ON attempts (card) WHERE state <> 'pending' AND fate IS NOT 'returned';
CREATE INDEX attempts_of_card ON attempts (card);

-- figures: what it took, as JSON; empty while it goes on, and where it was cut off.
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    job INTEGER NOT NULL REFERENCES jobs (id),
    station TEXT NOT NULL,
    operator TEXT NOT NULL,
    began INTEGER NOT NULL CHECK (began >= 0),
    ended INTEGER CHECK (ended >= 0),
    figures TEXT NOT NULL
) STRICT;
CREATE INDEX runs_of_job ON runs (job);
-- A station works on a job once at a time. One that was stopped in the middle is seen here.
CREATE UNIQUE INDEX runs_under_way ON runs (job, station) WHERE ended IS NULL;
