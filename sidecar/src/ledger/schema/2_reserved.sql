ALTER TABLE lines ADD COLUMN opened INTEGER;
ALTER TABLE lines ADD COLUMN ceiling_tokens INTEGER;
ALTER TABLE lines ADD COLUMN ceiling_micro INTEGER;
CREATE INDEX lines_opened ON lines (worker, opened) WHERE opened IS NOT NULL;
CREATE INDEX lines_reserved ON lines (at_ms) WHERE settlement = 'reserved';
CREATE TABLE workers (
    worker TEXT NOT NULL PRIMARY KEY,
    seen_ms INTEGER NOT NULL
) STRICT;
