"""The command line, `vibevoice-nb`."""
