"""nano: the embedded small VibeVoice, and its text front end."""
