"""Meta-World through the policy's own stages, on a virtual clock: many episodes, on all cores."""
