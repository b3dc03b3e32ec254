"""Meta-World's tasks as a world to demonstrate and to be evaluated in: seeds without end, one camera, and absolute targets."""
