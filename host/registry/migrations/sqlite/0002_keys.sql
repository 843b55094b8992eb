-- Keys, the life of each of their versions, and dual control. No column holds a state: it is the replay of the steps.

CREATE TABLE keys (
    id INTEGER PRIMARY KEY,
    vault TEXT NOT NULL,
    name TEXT NOT NULL,
    purpose TEXT NOT NULL,
    key_type TEXT NOT NULL,
    UNIQUE (vault, name)
) STRICT;

CREATE TABLE versions (
    key INTEGER NOT NULL REFERENCES keys (id),
    version INTEGER NOT NULL CHECK (version BETWEEN 1 AND 0xFFFFFFFF),
    kcvs BLOB CHECK (length(kcvs) IN (3, 9)),
    wrapped_under TEXT,
    PRIMARY KEY (key, version)
) STRICT, WITHOUT ROWID;

-- id is the order in which they were filed. The text is what was signed.
CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    nonce BLOB NOT NULL UNIQUE CHECK (length(nonce) = 16),
    text TEXT NOT NULL,
    signature BLOB NOT NULL CHECK (length(signature) = 64),
    spent INTEGER NOT NULL CHECK (spent IN (0, 1))
) STRICT;

CREATE TABLE approvals (
    id INTEGER PRIMARY KEY,
    request INTEGER NOT NULL REFERENCES requests (id),
    operator TEXT NOT NULL,
    at INTEGER NOT NULL CHECK (at >= 0),
    signature BLOB NOT NULL CHECK (length(signature) = 64),
    UNIQUE (request, operator)
) STRICT;

CREATE TABLE steps (
    key INTEGER NOT NULL,
    version INTEGER NOT NULL,
    step INTEGER NOT NULL CHECK (step >= 1),
    act TEXT NOT NULL,
    at INTEGER NOT NULL CHECK (at >= 0),
    who TEXT NOT NULL,
    reason TEXT NOT NULL,
    request BLOB REFERENCES requests (nonce),
    PRIMARY KEY (key, version, step),
    FOREIGN KEY (key, version) REFERENCES versions (key, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE dues (
    key INTEGER NOT NULL,
    version INTEGER NOT NULL,
    at INTEGER NOT NULL CHECK (at >= 0),
    request BLOB REFERENCES requests (nonce),
    PRIMARY KEY (key, version),
    FOREIGN KEY (key, version) REFERENCES versions (key, version)
) STRICT, WITHOUT ROWID;
