"""A turn that no machine has generated before a test stops it."""

ENDLESS = "Anna: " + "One sentence follows another in this very long turn of mine. " * 300
"""Some 20 minutes of audio."""
