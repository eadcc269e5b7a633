"""Statistics, the scoreboard's tables, and the report's template. Reads files only."""
