"""The view check: what a camera sees where it stands, recorded, so that a bumped camera is found before a policy acts."""
