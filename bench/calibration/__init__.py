"""Calibration programs beside a simulated robot whose truth is known: the workplace, its operator, and what is measured there."""
