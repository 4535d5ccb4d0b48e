"""Audio: files, PCM, sources and sinks, peaks, spectrograms, loudness and limiting."""
