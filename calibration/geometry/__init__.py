"""Rigid transforms, the arm's chain, and what is estimated with both."""
