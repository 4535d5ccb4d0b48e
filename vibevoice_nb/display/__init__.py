"""Display in a notebook: players, plots, tables."""
