"""The lens of a camera, checked with a board or found with it."""
