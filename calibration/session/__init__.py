"""What every calibration program works with: an operator, a clock, the arm in safe hands, and stills of the camera."""
