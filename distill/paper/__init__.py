"""S-VAM at the published size, on a user's own videos: teachers, text and the checkpoints that others serve."""
