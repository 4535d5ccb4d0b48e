"""Export of an episode: audio files with their manifest, stems, subtitles, chapters and loudness.

Independent of the model and the project: a take is any object with samples and turns.
"""
