"""The experience API: one call per screen, composed of process APIs and of views that events feed."""
