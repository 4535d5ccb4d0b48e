"""Modules: attention, caches, layers, linear maps and convolutions."""
