"""One page about a flight record: figures, plots, and the worst moments with what the camera saw then."""
