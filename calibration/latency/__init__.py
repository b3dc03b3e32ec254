"""How late commands become motion, and how late pictures say they were taken: `forerun calibrate latency`."""
