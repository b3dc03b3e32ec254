"""Signals in time that several calibrations compare: how late one is after another, by least squares."""
