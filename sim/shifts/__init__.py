"""Shifts: what is other in an episode than in everything that training saw, one a file."""
