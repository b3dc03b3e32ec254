"""The closed loop on the simulated robot: in lockstep over many seeds, and in real time through the processes."""
