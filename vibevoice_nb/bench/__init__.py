"""How fast the engine is, and how well the embedded voice is understood."""
