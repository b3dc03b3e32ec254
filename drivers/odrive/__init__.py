"""ODrive axes on CAN, protocol CANSimple."""
