"""What moves behind emulated motors."""
