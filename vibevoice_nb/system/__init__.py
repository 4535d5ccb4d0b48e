"""System: the devices of this machine, memory estimates, and a check of the installation."""
