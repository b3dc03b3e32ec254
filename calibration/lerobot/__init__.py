"""LeRobot's calibration file of the same arm: read as the joints record, or written from it."""
