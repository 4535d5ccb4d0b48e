"""Hides the package of this name, which jsonschema imports in each of Ray's processes for 2 s of CPU."""

raise ImportError("hidden, to start Ray faster")
