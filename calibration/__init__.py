"""Programs an operator runs beside the robot; each writes one calibration record."""
