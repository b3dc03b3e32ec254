"""CAN ports: the kernel's interfaces, and serial adapters that speak slcan."""
