"""From an fp32 graph to one in FP16 or with explicit INT8 (Q/DQ): what may be quantised, with which ranges, in which layout."""
