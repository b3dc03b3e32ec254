"""Calibration judged: simulated robots of which the truth is known, and trials that compare what was found with it."""
