"""Benchmarks: speed of the engine, and intelligibility of the embedded model."""
