"""Measurements of the closed loop and of its parts."""
