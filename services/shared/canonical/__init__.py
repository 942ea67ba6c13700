"""The canonical model: the only types that cross a service boundary. No vendor word, no input or output."""
