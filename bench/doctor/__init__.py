"""Is this machine fit to move a robot in time? Checks with a value, a limit, a verdict and a remedy each."""
