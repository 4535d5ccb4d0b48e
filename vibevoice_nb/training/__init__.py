"""Training of the nano models: shared code, and one folder for each recipe (`nano1`, `nano2`)."""
