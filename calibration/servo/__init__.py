"""How each joint moves: friction, play, how well it follows: `forerun calibrate servo`."""
