"""Real inputs of a policy, gathered into sample files: from the simulator, from captures, from flight records."""
