"""Engine: a loaded model that generates speech, its options and its results."""
