"""Faults on purpose: what goes wrong, the limits that must hold all the same, and how long coming to rest may take."""
