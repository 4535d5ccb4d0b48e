"""Frames of nano: 3200 samples (133 ms), with a phone label for each quarter."""

HOP_LENGTH = 3200
PHONE_SLOTS = 4
