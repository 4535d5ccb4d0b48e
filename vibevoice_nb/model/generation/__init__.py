"""Generation: the loop from a prompt to frames, its state and its caches."""
