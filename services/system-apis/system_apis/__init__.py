"""System APIs: one per capability; each wraps the platforms that can serve it and speaks only the canonical model."""
