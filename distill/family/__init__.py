"""Training of any family that learns from moments, on top of what an S-VAM run has recorded and trained."""
