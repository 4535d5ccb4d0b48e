"""The embedded voice: a small VibeVoice and the text front end it reads through."""
