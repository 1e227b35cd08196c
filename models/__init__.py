"""What a network is: layers that can grow, and architectures that say where they grow."""
