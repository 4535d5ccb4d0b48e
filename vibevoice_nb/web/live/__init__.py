"""Live room: text, typed or written by a language model, heard through WebRTC by everybody with the link."""
