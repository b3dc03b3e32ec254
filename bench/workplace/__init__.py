"""Workplaces of simulated robots: what a calibration program works at when the truth is known, and the hands that work there."""
