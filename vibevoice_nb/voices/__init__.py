"""Voices: reference recordings, their checks, built-in voices and the library."""
