-- Where events come from, other than with an API key: a source is a path of a
-- company's own, to which one provider sends, signed with a secret that both know.

-- +goose Up
CREATE TABLE source (
    company_id    integer     NOT NULL,
    id            text        NOT NULL,                 -- the last part of its path; random, so that nobody meets it by chance
    name          text        NOT NULL,
    scheme        text        NOT NULL,                 -- how requests are signed, see ingest/signature
    created_at    timestamptz NOT NULL DEFAULT now(),
    disabled_at   timestamptz,
    PRIMARY KEY (company_id, id),
    UNIQUE (company_id, name)
);

-- A request names the source and not the company. Ids are 128 random bits, so they
-- are unique without a unique key that would span companies.
CREATE INDEX source_id ON source (id);

-- Secrets must be read to check an HMAC, so they are not hashed but encrypted, with a
-- key that is not in the database: a stolen dump opens nothing. Each is bound to its
-- row: copied to another, it does not open.
CREATE TABLE source_secret (
    company_id    integer     NOT NULL,
    source_id     text        NOT NULL,
    id            integer     NOT NULL,                 -- 1, 2, 3 within the source
    label         text        NOT NULL DEFAULT '',
    key_id        text        NOT NULL,                 -- which key encrypted it
    sealed        bytea       NOT NULL,                 -- AES-256-GCM: nonce, ciphertext, tag
    created_at    timestamptz NOT NULL DEFAULT now(),
    last_used_at  timestamptz,                          -- to within a minute; written in the background
    expires_at    timestamptz,                          -- when a rotation ends it; NULL: never
    revoked_at    timestamptz,
    PRIMARY KEY (company_id, source_id, id)
);

-- Which source an event came through; NULL for an API key. At the end of the row and
-- mostly null, it costs nothing there.
ALTER TABLE event ADD COLUMN source text;

-- +goose Down
ALTER TABLE event DROP COLUMN source;
DROP TABLE source_secret;
DROP TABLE source;
