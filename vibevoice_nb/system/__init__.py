"""System: memory estimates, model descriptions, and a check of the installation."""
