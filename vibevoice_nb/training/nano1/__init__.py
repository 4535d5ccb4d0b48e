"""Training of the embedded nano: one module for each stage, with its own command. See README.md."""
