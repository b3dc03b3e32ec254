"""What is plugged in: found by questions alone, nothing is moved."""
