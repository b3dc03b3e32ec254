"""Network definitions in torch, one file per policy family."""
