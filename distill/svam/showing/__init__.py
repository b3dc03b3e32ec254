"""What a trained S-VAM foresees, beside what then happened: measured, and drawn for people."""
