"""Training: the corpus, the codec and the language model of nano; adapters for published models."""
