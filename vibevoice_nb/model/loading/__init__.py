"""Loading: checkpoints, parameter names, weights, and where a model is placed."""
