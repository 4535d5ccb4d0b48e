"""Remote engine: client of a `vibevoice-nb serve` server, and the messages of its stream. Needs no torch."""
