-- Everything a phone keeps, as sealed rows. Only the schema version (PRAGMA user_version) is in
-- clear: table and row are dense numbers that say nothing.
CREATE TABLE sealed_row (
    -- Which kind of row.
    table_number INTEGER NOT NULL CHECK (table_number BETWEEN 0 AND 255),
    -- Which row of its kind, dense.
    row_number INTEGER NOT NULL CHECK (row_number >= 0),
    -- 24 bytes of random nonce, then XChaCha20-Poly1305 with (table_number, row_number) as
    -- associated data.
    sealed BLOB NOT NULL,
    PRIMARY KEY (table_number, row_number)
) STRICT, WITHOUT ROWID;
