"""The parsing rulings: what JSON and CSV become, as data that tests and docs/parsing.md share."""
