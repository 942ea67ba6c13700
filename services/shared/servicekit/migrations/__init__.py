"""The schema histories that servicekit itself ships."""
