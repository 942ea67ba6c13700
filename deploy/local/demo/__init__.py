"""A demo firm and its working day, played through the platforms as their own users would."""
