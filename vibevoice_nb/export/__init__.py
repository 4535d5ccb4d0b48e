"""A finished episode: audio files with what made them inside, stems, subtitles, chapters, loudness.

Nothing here knows of the model or the project: a take is whatever has samples and turns.
"""
