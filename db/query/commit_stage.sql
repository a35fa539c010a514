-- The temporary table of the exact path, once per connection.
CREATE TEMPORARY TABLE IF NOT EXISTS stage (ord integer NOT NULL, LIKE event INCLUDING DEFAULTS) ON COMMIT DELETE ROWS
