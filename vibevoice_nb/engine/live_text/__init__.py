"""Speech of text that is still being written; `Engine.stream_text` is its face."""
