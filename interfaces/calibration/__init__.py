"""Calibration records: what an operator measured on one robot, one dataclass a kind."""
