"""One file per device, one Protocol per kind of device; wire formats are pure files."""
