"""Engines whose models run in workers on a Ray cluster. Ray is imported when one is started."""
